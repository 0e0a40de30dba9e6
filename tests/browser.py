"""A real Chromium for the tests of pages; they are skipped where none is."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

AXE = os.environ.get("BENCH_AXE", "")
"""axe.min.js of the npm package axe-core, for the tests of accessibility."""


def chromium() -> str:
    """Where it is; "" where it is not."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    return next((path for path in found if path), "")


def launched() -> tuple[Any, Any]:
    """What drives a browser, and one; the caller ends both."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not chromium():
        pytest.skip("needs chromium")
    driver = playwright.sync_playwright().start()
    words = ["--no-sandbox", "--disable-gpu", "--disable-extensions"]
    return driver, driver.chromium.launch(executable_path=chromium(), args=words)


class Watched:
    """A page of a report opened from the disk; whatever goes wrong in it is kept."""

    def __init__(self, browser: Any, folder: Path, **context: Any) -> None:
        self.folder = folder
        self.wrong: list[str] = []
        self.page = browser.new_page(**context)
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: self.wrong.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._asked)
        self.page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))

    def _dismiss(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.folder.as_uri(), "data:", "about:")):
            self.wrong.append(f"asked for {request.url}")

    def open(self, address: str) -> Any:
        """Go to a page of the report; a page of its own, even where only the end differs."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.folder.as_uri()}/{address}")
        return self.page
