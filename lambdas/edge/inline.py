"""The edge functions' JavaScript as it is deployed: settings inlined, comments and indentation removed."""

import json
from pathlib import Path
from typing import Any

from lambdas.core.keys import FORMATS, TENANT_DIGITS
from lambdas.core.settings import Settings

VIEWER_REQUEST_FILE = Path(__file__).with_name("viewer_request.js")
VIEWER_RESPONSE_FILE = Path(__file__).with_name("viewer_response.js")
PLACEHOLDER = "EDGE_SETTINGS"
MAX_SOURCE_BYTES = 10 * 1024  # CloudFront's quota on a function's code

NEGOTIATED_HEADERS = ("Accept", "Sec-CH-DPR", "DPR", "Sec-CH-Width", "Width", "Save-Data")
"""The request headers that the function reads: the ``Vary`` of every negotiated response."""

ACCEPTED_HINTS = ("Sec-CH-DPR", "DPR", "Sec-CH-Width", "Width")
"""The client hints that a page may request with ``Accept-CH``."""


class FunctionSizeError(ValueError):
    """A function's source exceeds CloudFront's quota."""


def edge_settings(settings: Settings) -> dict[str, Any]:
    """Return the part of ``settings`` that the viewer-request function needs.

    ``heights[ratio][i]`` is the height in pixels of rung ``widths[i]`` cropped to ``ratio``;
    ``refusalSeconds`` is how long a browser may cache a 400 or 404. ``tokenBytes`` is the maximum length of a token,
    ``leewaySeconds`` how far the signer's clock may be ahead, and ``tenantDigits`` how many digits of a private
    image's id identify its tenant.
    """
    ladder = settings.ladder
    return {
        "widths": list(ladder.widths),
        "defaultWidth": ladder.default_width,
        "ratios": list(ladder.aspect_ratios),
        "heights": {ratio: [ladder.height(rung, ratio) for rung in ladder.widths] for ratio in ladder.aspect_ratios},
        "formats": ["auto", *FORMATS],
        "refusalSeconds": settings.delivery.not_found_seconds,
        "tokenBytes": settings.image_tokens.max_bytes,
        "leewaySeconds": settings.auth.leeway_seconds,
        "tenantDigits": TENANT_DIGITS,
    }


def viewer_request_source(settings: Settings) -> str:
    """Return the viewer-request function's deployable JavaScript for ``settings``.

    Raises:
        FunctionSizeError: it exceeds CloudFront's 10 KB.
    """
    return _deployable(VIEWER_REQUEST_FILE, edge_settings(settings))


def viewer_response_source(settings: Settings, *, private: bool) -> str:
    """Return the viewer-response function's deployable JavaScript, for ``private`` images or for all others.

    Raises:
        FunctionSizeError: it exceeds CloudFront's 10 KB.
    """
    inlined = {"privateSeconds": settings.delivery.private_max_age_seconds} if private else {}
    return _deployable(VIEWER_RESPONSE_FILE, inlined)


def _deployable(file: Path, inlined: dict[str, Any]) -> str:
    lines = map(str.strip, file.read_text(encoding="utf-8").splitlines())
    code = "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"
    source = code.replace(PLACEHOLDER, json.dumps(inlined, separators=(",", ":")), 1)
    size = len(source.encode())
    if size > MAX_SOURCE_BYTES:
        raise FunctionSizeError(
            f"expected at most {MAX_SOURCE_BYTES} bytes for the function {file.stem} but received {size}"
        )
    return source
