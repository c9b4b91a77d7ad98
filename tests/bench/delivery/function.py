"""The deployed source of the viewer-request function, run in one Node process over a file of events."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from infra.local.cloudfront.exchange import ViewerRequest
from infra.local.cloudfront.viewer_events import EventContext, viewer_request_event
from infra.node import node_executable
from lambdas.core.settings import Settings
from lambdas.edge.inline import viewer_request_source

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
