"""A real browser, and a service for it to visit."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
START_SECONDS = 10.0
HOST = "127.0.0.1"


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium without a window; skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    try:
        while not server.started:
            assert time.monotonic() < deadline, "the service does not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{HOST}:{port}"
    finally:
        server.should_exit = True
        thread.join()


def focused(page: Page) -> str:
    """Return what has the focus, as its outermost tag is written."""
    tag: str = page.evaluate(
        "() => document.activeElement.cloneNode(false).outerHTML.replace(/\\s+/g, ' ')"
    )
    return tag


def has_visible_focus(page: Page) -> bool:
    """Tell whether what has the focus is outlined, clearly enough to be seen."""
    is_outlined: bool = page.evaluate(
        """() => {
          const seen = getComputedStyle(document.activeElement);
          const box = document.activeElement.getBoundingClientRect();
          return seen.outlineStyle !== "none" && parseFloat(seen.outlineWidth) >= 2
            && box.width > 0 && box.right > 0 && box.bottom > 0;
        }"""
    )
    return is_outlined


def reachable(page: Page) -> list[str]:
    """Return every control that is shown, as its outermost tag is written."""
    tags: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(
            "a[href], button, input:not([type=hidden]), select, textarea, summary"
          )].filter(item => item.checkVisibility())
          .map(item => item.cloneNode(false).outerHTML.replace(/\\s+/g, " "))"""
    )
    return tags
