"""A local stack, a page on a server of its own, and a Chromium that the machine has."""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from infra.local.stack import LocalStack
from infra.local.state import Ports

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("DARKROOM_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("expected a chromium on the PATH or in DARKROOM_CHROMIUM but there is none")
    with sync_playwright() as playwright:
        # Its sandbox needs rights that a container's root has not.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    running = LocalStack.start(Ports(emulator=0, edge=0, athena=0), tmp_path_factory.mktemp("stack") / "home")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Serve the page from an origin of its own, as a customer's site has."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with server:
        yield f"http://localhost:{server.server_port}/page.html"
        server.shutdown()
    thread.join()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    opened = browser.new_page()
    opened.goto(site)
    yield opened
    opened.close()
