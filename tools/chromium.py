"""The browser that the tests and the picture of the dashboard use: Debian's Chromium, in its shell.

The shell has no window. A page takes a third of the processor time that it takes in the whole
browser, which also stands still now and then when it opens a page on a busy machine.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_PROGRAMS = ("chromium-headless-shell", "chromium")

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def launch(playwright: Playwright) -> Browser:
    """Start the browser that `CHEST_TEST_CHROMIUM` names, or the first that is installed."""
    found = [os.environ.get("CHEST_TEST_CHROMIUM"), *map(shutil.which, _PROGRAMS)]
    path = next(filter(None, found), None)
    return playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
