"""Runs of the viewer-request function as deployed, in Node and in njs, many events in one process."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx

from infra.local.edge.exchange import ViewerRequest
from infra.local.edge.function_event import EventContext, viewer_request_event
from infra.node import node_executable

CONTEXT = EventContext("E1TEST", "d111.cloudfront.net", "request-id")

# njs cuts off a line that is printed at 2048 characters: the results go into a file.
_IMPORTS = "import fs from 'fs';\n"
_SCRIPT = """
const results = EVENTS.map(function (event) {
    try {
        return handler(event);
    } catch (error) {
        return { thrown: String(error) };
    }
});
fs.writeFileSync('RESULTS', JSON.stringify(results));
"""


def executables() -> dict[str, str | None]:
    """Return where each runtime is; None for one that this machine has not."""
    return {"node": str(node_executable()), "njs": shutil.which("njs")}


def event_for(url: str, headers: dict[str, str] | list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Return the event for a GET of ``url``, a path with or without a query string."""
    path, _, query = url.partition("?")
    return viewer_request_event(CONTEXT, ViewerRequest("GET", path, query, httpx.Headers(headers or {}), "192.0.2.1"))


def run_batch(executable: str, source: str, events: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return what the function returns for each event; ``{"thrown": text}`` where it raised."""
    script, results_file = folder / "batch.mjs", folder / "results.json"
    calls = _SCRIPT.replace("EVENTS", json.dumps(events)).replace("RESULTS", str(results_file))
    script.write_text(_IMPORTS + source + calls, encoding="utf-8")
    done = subprocess.run([executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:] or done.stdout[-2000:]
    results: list[dict[str, Any]] = json.loads(results_file.read_text(encoding="utf-8"))
    return results


def outcome(result: dict[str, Any]) -> str | int:
    """Return the path that a result asks the cache for, or the status that it answers with."""
    return result["statusCode"] if "statusCode" in result else result["uri"]
