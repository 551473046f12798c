"""Make the picture of the dashboard in the README: `make dashboard-picture`.

The records, and the time that the page shows, are always the same.
"""

from __future__ import annotations

import math
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from flask import Flask
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import make_server

from flask_chest import FlaskChest, open_store
from flask_chest.record import RecordData
from flask_chest.testing import make_batch, make_record
from tools.chromium import launch

SINCE: Final = datetime(2026, 1, 30, 0, 0, tzinfo=timezone.utc)
UNTIL: Final = SINCE + timedelta(days=1)
QUERY: Final = f"since={SINCE:%Y-%m-%dT%H:%M}&until={UNTIL:%Y-%m-%dT%H:%M}&tz=UTC"
"""What the pages show: the second of the two days."""

_FILE: Final = Path(__file__).parents[1] / "docs" / "dashboard.png"
_WIDTH: Final = 1280
_SEED: Final = 17
_PER_DAY: Final = 8_000
_ROUTES: Final = (
    # method, route, share, median milliseconds, share of failures
    ("GET", "/", 24, 18.0, 0.0),
    ("GET", "/products/<int:product>", 30, 31.0, 0.001),
    ("GET", "/search", 16, 85.0, 0.002),
    ("POST", "/cart", 12, 42.0, 0.004),
    ("POST", "/checkout", 6, 240.0, 0.012),
    ("GET", "/orders/<int:order>", 7, 36.0, 0.001),
    ("POST", "/assistant", 5, 900.0, 0.006),
)
_TENANTS: Final = {"acme": 45, "globex": 30, "initech": 15, "umbrella": 10}
_MODELS: Final = (("small", 70, 0.0004), ("large", 30, 0.006))


def records() -> Iterator[RecordData]:
    """Yield the requests of two days. On the second, a release is slow, and payments fail."""
    chance = random.Random(_SEED)  # noqa: S311 - made-up records
    begin = SINCE - timedelta(days=1)
    for number in range(2 * _PER_DAY):
        hours = 48 * (number + chance.random()) / (2 * _PER_DAY)
        # More in the day than in the night.
        if chance.random() > 0.62 + 0.38 * math.sin((hours - 9) / 24 * 2 * math.pi):
            continue
        yield _record(chance, number, begin + timedelta(hours=hours), is_bad=41 < hours < 43.5)


def _record(chance: random.Random, number: int, moment: datetime, *, is_bad: bool) -> RecordData:
    method, route, _, median, failures = chance.choices(_ROUTES, [each[2] for each in _ROUTES])[0]
    tenant = chance.choices(list(_TENANTS), list(_TENANTS.values()))[0]
    duration = median * math.exp(chance.gauss(0, 0.45))
    variables: dict[str, object] = {
        "user_id": f"u-{chance.randrange(400)}",
        "tenant": tenant,
        "app.release": "2026.5" if moment > SINCE + timedelta(hours=15) else "2026.4",
    }
    if route == "/assistant":
        model, _, cost = chance.choices(_MODELS, [each[1] for each in _MODELS])[0]
        variables |= {"model": model, "cost_usd": round(cost * chance.uniform(0.5, 2), 6)}
    if route in {"/cart", "/checkout"}:
        variables["cart_total"] = round(chance.lognormvariate(3.6, 0.8), 2)
    if moment > SINCE + timedelta(hours=15) and route == "/search":
        duration *= 1.7  # since the release
    if is_bad and route in {"/cart", "/checkout"}:
        duration, failures = duration * 4, 0.5 if tenant == "globex" else 0.12
    has_failed = chance.random() < failures
    return make_record(
        id=f"{number:08x}-0000-7000-8000-{chance.getrandbits(48):012x}",
        request_id=f"r-{number:06d}",
        trace_id=None,
        service="shop",
        instance=f"web-{number % 3}",
        endpoint=route.strip("/").partition("/")[0] or "index",
        route=route,
        method=method,
        path=route.replace("<int:product>", "7").replace("<int:order>", "1042"),
        status_code=502 if has_failed else 201 if method == "POST" else 200,
        error="shop.errors.PaymentTimeout" if has_failed else None,
        started_at=moment,
        duration_ms=round(duration, 3),
        variables=variables,
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve an application with these records; the context has its address."""
    url = f"sqlite:///{folder}/chest.sqlite3"
    app = Flask("shop", instance_path=str(folder))
    FlaskChest(
        app,
        exporters={"main": url},
        journal="memory",
        dashboard_allow=lambda _request: True,
        rollups={"dimensions": ["tenant", "model"], "measures": ["cost_usd"]},
    )
    with closing(open_store(url)) as store:
        store.export(make_batch(*records()))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def main() -> None:
    """Write the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder)) as base,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        page = browser.new_page(
            viewport={"width": _WIDTH, "height": 1_300}, color_scheme="light", timezone_id="UTC"
        )
        page.goto(f"{base}/chest/?{QUERY}")
        expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
        # Down to the end of the routes.
        end = page.evaluate(
            "document.querySelector('[aria-label=Routes]').getBoundingClientRect().bottom"
        )
        page.screenshot(path=_FILE, clip={"x": 0, "y": 0, "width": _WIDTH, "height": end + 16})
        browser.close()


if __name__ == "__main__":
    main()
