"""The viewer-request function in Node: its result for many events, and how long each kind of request takes."""

import json
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.command.traffic.trace import CLIENTS
from infra.local.cloudfront.exchange import ViewerRequest
from infra.local.cloudfront.viewer_events import EventContext, viewer_request_event
from infra.node import node_executable
from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.access.signing_keys import IMAGE_TOKENS, SigningKeys, encode_key
from lambdas.core.keys import new_image_id
from lambdas.core.settings import Settings
from lambdas.edge.inline import viewer_request_source

_TIMES = 5_000  # calls of each kind
_CONTEXT = EventContext("E1BENCH", "d111.cloudfront.net", "request-id")
_STORE = "const keys = KEYS;\nexport default { kvs: () => ({ get: async (key) => keys[key] }) };\n"
_RUNNER = Path(__file__).with_name("function.mjs")


def event(path: str, query: str, headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the event of a GET."""
    return viewer_request_event(_CONTEXT, ViewerRequest("GET", path, query, httpx.Headers(list(headers)), "192.0.2.1"))


def run_function(
    settings: Settings, lines: Iterable[dict[str, Any]], folder: Path, keys: dict[str, str] | None = None
) -> list[Any]:
    """Run the function over ``lines`` as function.mjs takes them, its key-value store holding ``keys``."""
    package = folder / "node_modules" / "cloudfront"
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}', encoding="utf-8")
    (package / "index.js").write_text(_STORE.replace("KEYS", json.dumps(keys or {})), encoding="utf-8")
    module, events, results = folder / "function.mjs", folder / "events.jsonl", folder / "results.jsonl"
    module.write_text(viewer_request_source(settings) + "export { handler };\n", encoding="utf-8")
    with events.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    subprocess.run([str(node_executable()), str(_RUNNER), str(module), str(events), str(results)], check=True)
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def microseconds_by_kind(settings: Settings) -> dict[str, float]:
    """Return the median microseconds of one call, for each kind of request."""
    keys = SigningKeys.made_for(IMAGE_TOKENS)
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
