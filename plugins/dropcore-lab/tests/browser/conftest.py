"""A real browser in front of a real server.

Chromium is Debian's, or the program that ``DROPCORE_CHROMIUM`` names. Without it the tests fail.
"""

import os
import shutil
from pathlib import Path

import pytest
from browser.driving import SMALL, Hands, Server, link_of
from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-color-profile=srgb",
]


@pytest.fixture(scope="module")
def server():
    lab = Server()
    yield lab
    lab.end()


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("DROPCORE_CHROMIUM") or shutil.which("chromium")
    assert path, "these tests need a browser: apt-get install chromium"
    arguments = ARGUMENTS + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, server):
    """Open pages; no page may send a request to another origin, or log an error."""
    contexts, faults = [], []

    def open_one(spec=SMALL, *, address=None, size=(1400, 900), **appearance):
        width, height = size
        context = chromium.new_context(viewport={"width": width, "height": height}, **appearance)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)

        def asked(request):
            if not request.url.startswith((server.origin + "/", "data:", "blob:")):
                faults.append(f"request: {request.url}")

        def connected(socket):
            if socket.url != server.origin.replace("http", "ws") + "/ws":
                faults.append(f"request: {socket.url}")

        def written(message):
            # Documents other than the page request an icon; the page does not.
            icon = message.location["url"].endswith("/favicon.ico")
            if message.type in ("error", "warning") and not icon:
                faults.append(f"console: {message.text}")

        page.on("request", asked)
        page.on("websocket", connected)
        page.on("console", written)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        target = address or server.address
        page.goto(target if spec is None else f"{target}&{link_of(spec)}")
        if address is None:
            page.locator(".unit").first.wait_for()
            page.locator(".prediction").wait_for() if size[0] >= 900 else None
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def pictures():
    """The folder of screenshots: ``DROPCORE_LAB_PICTURES``, or a temporary folder."""
    folder = Path(os.environ.get("DROPCORE_LAB_PICTURES", "out/pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def hands():
    return Hands
