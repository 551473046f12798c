"""Make the picture of the tutorial: `make tutorial-picture`.

The application, its requests and their times are those of the page, so the reader gets this chart.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx
from playwright.sync_api import expect, sync_playwright
from werkzeug.security import generate_password_hash

from tools.chromium import launch

_PAGE: Final = Path(__file__).parents[1] / "docs" / "tutorial" / "first-chart.md"
_FILE: Final = _PAGE.with_suffix(".png")
_PORT: Final = 5000
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of an application that lives for minutes
_BETWEEN_SECONDS: Final = 40
"""How long a reader needs from step 3 to step 5."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the application in this folder; the context has its address."""
    environment = {name: text for name, text in os.environ.items() if "CHEST" not in name}
    environment["FLASK_CHEST_DASHBOARD_USER"] = "ada"
    environment["FLASK_CHEST_DASHBOARD_PASSWORD_HASH"] = generate_password_hash(_PASSWORD)
    command = [sys.executable, "-m", "flask", "run", "--port", str(_PORT)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
    try:
        base = f"http://localhost:{_PORT}"
        for _ in range(100):
            try:
                httpx.get(f"{base}/translate/de?tenant=acme")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield base
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    """Write the picture."""
    page_text = _PAGE.read_text("utf-8")
    [application] = re.findall(
        r"<!-- file: app.py -->\n\n```python\n(.*?)```", page_text, re.DOTALL
    )
    first, second = re.findall(
        r"^\$ (for n in .*?done)(?: &)?\n```", page_text, re.DOTALL | re.MULTILINE
    )
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "app.py").write_text(application, "utf-8")
        with served(folder) as base:
            subprocess.run(["bash", "-c", first], check=True)
            time.sleep(_BETWEEN_SECONDS)
            subprocess.run(["bash", "-c", second], check=True)
            browser = launch(playwright)
            page = browser.new_page(
                viewport={"width": 1280, "height": 900}, color_scheme="light", timezone_id="UTC"
            )
            page.goto(f"{base}/chest/")
            page.locator("input[name=user]").fill("ada")
            page.locator("input[name=password]").fill(_PASSWORD)
            page.keyboard.press("Enter")
            expect(page.get_by_role("link", name="Explore")).to_be_visible(timeout=30_000)
            query = {"measure": "sum(cost_usd)", "by": "tenant", "since": "15m"}
            page.goto(f"{base}/chest/explore?{urlencode(query)}")
            expect(page.get_by_text("sum(cost_usd) by tenant")).to_be_visible(timeout=30_000)
            expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
            page.screenshot(path=_FILE)
            browser.close()


if __name__ == "__main__":
    main()
