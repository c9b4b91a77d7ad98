from html.parser import HTMLParser

import pytest

from lambdas.core.keys import ImageId
from lambdas.core.settings import load_settings
from lambdas.upload_api.markup import Markup, image_markup, useful_rungs

LADDER = load_settings().ladder
IMAGE = ImageId("0" * 32)
EDGE = "https://img.example.com"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def make(width: int = 4000, height: int = 3000, token: str | None = None) -> Markup:
    return image_markup(IMAGE, width, height, delivery_url=EDGE, ladder=LADDER, token=token)


@pytest.mark.parametrize(
    ("width", "rungs"),
    [
        (4000, [(64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024), (1600, 1600), (2560, 2560)]),
        (1601, [(64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024), (1600, 1600), (2560, 1601)]),
        (1600, [(64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024), (1600, 1600)]),
        (1599, [(64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024), (1600, 1599)]),
        (64, [(64, 64)]),
        (1, [(64, 1)]),
    ],
)
def test_rungs_never_exceed_the_original(width: int, rungs: list[tuple[int, int]]) -> None:
    assert useful_rungs(LADDER, width) == rungs


def test_srcset_leaves_format_to_the_edge_and_density_to_the_browser() -> None:
    assert make(800).srcset.split(", ") == [
        f"{EDGE}/img/{IMAGE}?w=64&dpr=1 64w",
        f"{EDGE}/img/{IMAGE}?w=128&dpr=1 128w",
        f"{EDGE}/img/{IMAGE}?w=256&dpr=1 256w",
        f"{EDGE}/img/{IMAGE}?w=512&dpr=1 512w",
        f"{EDGE}/img/{IMAGE}?w=1024&dpr=1 800w",
    ]


def test_the_picture_element_offers_the_smallest_format_first() -> None:
    tags = Tags(make().picture).found
    assert [(tag, attributes.get("type")) for tag, attributes in tags] == [
        ("picture", None),
        ("source", "image/avif"),
        ("source", "image/webp"),
        ("img", None),
    ]
    for (_, attributes), fmt in zip(tags[1:], ("avif", "webp", "jpeg"), strict=True):
        candidates = str(attributes["srcset"]).split(", ")
        assert candidates == [f"{EDGE}/img/{IMAGE}?w={w}&dpr=1&fmt={fmt} {w}w" for w in LADDER.widths]
    img = tags[-1][1]
    assert (img["width"], img["height"], img["alt"]) == ("4000", "3000", "")
    assert img["src"] == f"{EDGE}/img/{IMAGE}?w=1024&dpr=1&fmt=jpeg"


def test_mail_clients_get_a_png() -> None:
    assert make().png == f"{EDGE}/img/{IMAGE}?w=1024&dpr=1&fmt=png"


def test_every_url_has_the_token() -> None:
    made = make(token="a.b.c")
    assert made.url == f"{EDGE}/img/{IMAGE}?token=a.b.c"
    assert made.png.endswith("fmt=png&token=a.b.c")
    assert made.srcset.count("token=a.b.c") == len(LADDER.widths)
    assert made.picture.count("token=a.b.c") == 3 * len(LADDER.widths) + 1


def test_markup_is_escaped() -> None:
    hostile = image_markup(IMAGE, 10, 10, delivery_url='https://x.example/"><script>', ladder=LADDER)
    assert "<script>" not in hostile.picture
