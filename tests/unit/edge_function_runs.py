"""Runs of the viewer-request function as deployed, in Node and in njs, many events in one process."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from infra.local.cloudfront.exchange import ViewerRequest
from infra.local.cloudfront.viewer_events import EventContext, viewer_request_event
from infra.node import node_executable

CONTEXT = EventContext("E1TEST", "d111.cloudfront.net", "request-id")

# njs cuts off a line that is printed at 2048 characters: the results go into a file.
_IMPORTS = "import fs from 'fs';\n"
_SCRIPT = """
Promise.all(EVENTS.map(function (event) {
    return handler(event).catch(function (error) {
        return { thrown: String(error) };
    });
})).then(function (results) {
    fs.writeFileSync('RESULTS', JSON.stringify(results));
});
"""
# CloudFront's own module, with the pairs of a key-value store. Node finds it as a package, njs as a file.
_CLOUDFRONT = """
const pairs = PAIRS;
function get(key) {
    const isThere = Object.prototype.hasOwnProperty.call(pairs, key);
    return isThere ? Promise.resolve(pairs[key]) : Promise.reject(new Error('KeyNotFound'));
}
export default { kvs: function () { return { get: get }; } };
"""


def executables() -> dict[str, str | None]:
    """Return where each runtime is; None for one that this machine has not."""
    return {"node": str(node_executable()), "njs": shutil.which("njs")}


def event_for(url: str, headers: dict[str, str] | list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Return the event for a GET of ``url``, a path with or without a query string."""
    path, _, query = url.partition("?")
    return viewer_request_event(CONTEXT, ViewerRequest("GET", path, query, httpx.Headers(headers or {}), "192.0.2.1"))


def run_batch(
    executable: str, source: str, events: list[dict[str, Any]], folder: Path, keys: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return what the function returns for each event, its key-value store holding ``keys``.

    Where it raised, that is ``{"thrown": text}``.
    """
    script, results_file = folder / "batch.mjs", folder / "results.json"
    results_file.unlink(missing_ok=True)
    calls = _SCRIPT.replace("EVENTS", json.dumps(events)).replace("RESULTS", str(results_file))
    script.write_text(_IMPORTS + source + calls, encoding="utf-8")
    path = _provide_cloudfront(folder, keys or {})
    command = [executable, "-p", path, str(script)] if Path(executable).name == "njs" else [executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:] or done.stdout[-2000:]
    results: list[dict[str, Any]] = json.loads(results_file.read_text(encoding="utf-8"))
    return results


def _provide_cloudfront(folder: Path, keys: Mapping[str, str]) -> str:
    module = _CLOUDFRONT.replace("PAIRS", json.dumps(dict(keys)))
    package = folder / "node_modules" / "cloudfront"
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}', encoding="utf-8")
    (package / "index.js").write_text(module, encoding="utf-8")
    njs_folder = folder / "njs"
    njs_folder.mkdir(exist_ok=True)
    (njs_folder / "cloudfront").write_text(module, encoding="utf-8")
    return str(njs_folder)


def outcome(result: dict[str, Any]) -> str | int:
    """Return the path that a result asks the cache for, or the status that it answers with."""
    return result["statusCode"] if "statusCode" in result else result["uri"]
