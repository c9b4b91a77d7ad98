"""How long the viewer-request function takes in Node, for each kind of request."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.command.traffic.trace import CLIENTS
from lambdas.core.access.image_tokens import new_image_token_keys, sign_image_token
from lambdas.core.access.signing_key import encode_key
from lambdas.core.keys import new_image_id
from lambdas.core.settings import Settings
from tests.bench.delivery.function import event, run_function

_TIMES = 5_000


def microseconds_by_kind(settings: Settings) -> dict[str, float]:
    """Return the median microseconds of one call, for each kind of request."""
    keys = new_image_token_keys()
    public, private = new_image_id(), new_image_id(private=True)
    token = sign_image_token(keys, private, now=datetime.now(UTC), life=timedelta(hours=1)).token
    accept = ("accept", CLIENTS[0].accept)
    hints = [accept, ("sec-ch-dpr", "2.625"), ("sec-ch-width", "900"), ("save-data", "on")]
    kinds = {
        "plain": event(f"/img/{public}", "", []),
        "negotiated": event(f"/img/{public}", "w=800&dpr=2&ar=1:1&fmt=auto", [accept]),
        "client hints": event(f"/img/{public}", "", hints),
        "junk parameters": event(f"/img/{public}", "w=800&utm_source=mail&fbclid=1&cb=2&v=3", [accept]),
        "malformed": event(f"/img/{public}", "w=many", [accept]),
        "another path": event("/favicon.ico", "", [accept]),
        "private, good token": event(f"/img/{private}", f"w=800&token={token}", [accept]),
        "private, tampered token": event(f"/img/{private}", f"w=800&token={token[:-4]}AAAA", [accept]),
        "private, no token": event(f"/img/{private}", "w=800", [accept]),
    }
    lines = [{"kind": kind, "event": given, "times": _TIMES} for kind, given in kinds.items()]
    store = {kid: encode_key(key) for kid, key in keys.keys.items()}
    with tempfile.TemporaryDirectory() as folder:
        results = run_function(settings, lines, Path(folder), store)
    return {result["kind"]: round(result["microseconds"], 1) for result in results}
