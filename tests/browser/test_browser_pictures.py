"""Pictures in a page of another origin: the format and the rung that a real browser gets for its screen's density."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import pyvips
from playwright.sync_api import Browser, Response

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.keys import MIME_TYPES, ImageId, Variant, derivative_key, new_image_id

CSS_WIDTH = 300
SUFFIXES = {"avif": ".avif", "webp": ".webp", "jpeg": ".jpg"}


@pytest.fixture(scope="module")
def image_id(stack: LocalStack) -> Iterator[ImageId]:
    """A picture with every proportional derivative, each of its rung's width."""
    made, s3 = new_image_id(), stack.client("s3")
    for width in stack.settings.ladder.widths:
        picture = (
            pyvips.Image.black(width, width * 2 // 3, bands=3).linear(1, [200, 90, 40]).copy(interpretation="srgb")
        )
        for fmt, suffix in SUFFIXES.items():
            variant = Variant(width, 0, fmt)  # type: ignore[arg-type]
            s3.put_object(
                Bucket=Names(stack.settings, ACCOUNT).derivatives_bucket,
                Key=derivative_key(made, variant),
                Body=picture.cast("uchar").write_to_buffer(suffix),
                ContentType=MIME_TYPES[variant.format],
                CacheControl=stack.settings.delivery.cache_control,
            )
    yield made


def by_width(url: str, widths: tuple[int, ...]) -> str:
    candidates = ", ".join(f"{url}?w={width} {width}w" for width in widths)
    return f'<img srcset="{candidates}" sizes="{CSS_WIDTH}px" src="{url}">'


def by_density(url: str, _widths: tuple[int, ...]) -> str:
    candidates = ", ".join(f"{url}?w={CSS_WIDTH}&amp;dpr={density} {density}x" for density in (1, 2, 3))
    return f'<img srcset="{candidates}" src="{url}" width="{CSS_WIDTH}">'


@pytest.mark.parametrize("markup", [by_width, by_density])
@pytest.mark.parametrize("density", [1, 2, 3])
def test_a_srcset_gets_avif_at_the_rung_that_the_density_needs(
    browser: Browser, stack: LocalStack, site: str, image_id: ImageId, density: int, markup: object
) -> None:
    ladder = stack.settings.ladder
    assert callable(markup)
    context = browser.new_context(device_scale_factor=density)
    try:
        page = context.new_page()
        answers: list[Response] = []
        page.goto(site)
        page.on("response", lambda answer: answers.append(answer) if "/img/" in answer.url else None)
        page.evaluate(
            "(html) => { document.body.innerHTML = html; return document.querySelector('img').decode(); }",
            markup(f"{stack.edge_url}/img/{image_id}", ladder.widths),
        )
        (answer,) = answers
        received = pyvips.Image.new_from_buffer(answer.body(), "")
    finally:
        context.close()
    assert (answer.status, answer.headers["content-type"]) == (200, "image/avif")
    assert received.get("vips-loader") == "heifload_buffer"
    assert received.width == ladder.snap(CSS_WIDTH * density)


class _Hinting(BaseHTTPRequestHandler):
    """A page with one picture, which asks for hints and passes them on to the origins that the server names."""

    server: "_HintingServer"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.server.markup.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-CH", "Sec-CH-DPR, Sec-CH-Width")
        self.send_header("Permissions-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(body)


class _HintingServer(ThreadingHTTPServer):
    markup, policy = "", ""


@pytest.mark.parametrize("delegated", [True, False])
def test_hints_choose_the_rung_where_the_page_passes_them_on(
    browser: Browser, stack: LocalStack, image_id: ImageId, delegated: bool
) -> None:
    ladder, others = stack.settings.ladder, f' "{stack.edge_url}"' if delegated else ""
    context = browser.new_context(device_scale_factor=2)
    with _HintingServer(("127.0.0.1", 0), _Hinting) as server:
        server.markup = f'<img src="{stack.edge_url}/img/{image_id}" sizes="{CSS_WIDTH * 2}px">'
        server.policy = f"ch-dpr=(self{others}), ch-width=(self{others})"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            page = context.new_page()
            answers: list[Response] = []
            page.on("response", lambda answer: answers.append(answer) if "/img/" in answer.url else None)
            page.goto(f"http://localhost:{server.server_port}/")
            (answer,) = answers
            received = pyvips.Image.new_from_buffer(answer.body(), "")
        finally:
            context.close()
            server.shutdown()
    asked = CSS_WIDTH * 2 * 2
    assert ladder.snap(asked) != ladder.default_width
    assert (answer.status, answer.headers["content-type"]) == (200, "image/avif")
    assert received.width == (ladder.snap(asked) if delegated else ladder.default_width)
