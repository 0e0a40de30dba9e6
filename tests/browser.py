"""A real Chromium for the tests of pages; they are skipped where none is."""

import os
import shutil
from pathlib import Path

import pytest

AXE = os.environ.get("BENCH_AXE", "")
"""axe.min.js of the npm package axe-core, for the tests of accessibility."""


def chromium() -> str:
    """Where it is; "" where it is not."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    return next((path for path in found if path), "")


def launched():
    """A browser, which the caller closes, and what drives it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not chromium():
        pytest.skip("needs chromium")
    driver = playwright.sync_playwright().start()
    words = ["--no-sandbox", "--disable-gpu", "--disable-extensions"]
    return driver, driver.chromium.launch(executable_path=chromium(), args=words)


class Watched:
    """A page of a report opened from the disk; whatever goes wrong in it is kept."""

    def __init__(self, browser, folder: Path, **context) -> None:
        self.folder, self.wrong = folder, []
        self.page = browser.new_page(**context)
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: self.wrong.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda d: (self.wrong.append(d.message), d.dismiss()))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))

    def _asked(self, request) -> None:
        inside = request.url.startswith((self.folder.as_uri(), "data:"))
        if not inside:
            self.wrong.append(f"asked for {request.url}")

    def open(self, address: str):
        """Go to a page of the report; a page of its own, even where only the end differs."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.folder.as_uri()}/{address}")
        return self.page
