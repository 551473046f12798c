"""Measured by `benchmarks.dashboard`: an application with a dashboard, and its viewers."""

from __future__ import annotations

import html
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from flask import Flask

from benchmarks.workers.server import order

_PANEL: Final = re.compile(r'data-panel="([^"]+)"')
_REFRESH_SECONDS: Final = 10.0
"""As CHEST_DASHBOARD_REFRESH_SECONDS."""


def make_app() -> Flask:
    """Make an application whose store, journal and rollups the environment names."""
    from flask_chest import FlaskChest

    app = Flask("shop")
    chest = FlaskChest(app, dashboard_allow=lambda _request: True)
    app.get("/orders/<int:order_id>")(chest.track("user_id", "tenant", "cost_cents")(order))

    @app.get("/waiting")
    def waiting() -> str:
        return str(sum(each.pending_records for each in chest.stats().exporters.values()))

    return app


def look(client: Any, path: str) -> tuple[float, float]:  # noqa: ANN401 - httpx.Client, which is imported where it is used
    """Load a page as a browser does; return the seconds until its first panel, and until all."""
    start = time.perf_counter()
    page = client.get(path)
    page.raise_for_status()
    panels = [html.unescape(found) for found in _PANEL.findall(page.text)]
    first: list[float] = []

    def panel(address: str) -> None:
        client.get(address).raise_for_status()
        first.append(time.perf_counter() - start)

    with ThreadPoolExecutor(2) as threads:  # the script asks for two at a time
        list(threads.map(panel, panels))
    whole = time.perf_counter() - start
    return min(first, default=whole), whole


def main(base: str, viewers: int) -> None:
    """Look at the overview as so many viewers do, until standard input ends."""
    import httpx

    def view(number: int) -> None:
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            ended.wait(_REFRESH_SECONDS * number / viewers)
            while not ended.is_set():
                look(client, "/chest/")
                ended.wait(_REFRESH_SECONDS)

    ended = threading.Event()
    # Browsers are on other machines: these have what nobody else wants of the processors.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    threads = [threading.Thread(target=view, args=(number,)) for number in range(viewers)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
