"""Run the shop, send it requests, and show the records: `make demo`.

With `--serve`, it serves the shop and its dashboard until Ctrl-C: `make demo SERVE=1`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from examples.shop import DEMO, create_app
from examples.shop.extensions import chest
from examples.shop.server import ServerFailed, gunicorn
from examples.shop.serving import serve
from examples.shop.traffic import REQUESTS_EACH, SHOPPERS, Sent, send_all
from flask_chest import ChestError, Store

ROOT = Path(__file__).parents[2]
DATABASE = DEMO / "chest.sqlite3"
LOG = DEMO / "gunicorn.log"
GUNICORN_SETTINGS = Path(__file__).with_name("gunicorn_settings.py")


class Mismatch(Exception):
    """The records in the database are not those of the requests that were sent."""


def prepare() -> None:
    """Create the folder, and delete the files of the last run."""
    # Settings in the environment could send the records, or gunicorn, elsewhere.
    for name in [name for name in os.environ if name.startswith(("FLASK_CHEST_", "GUNICORN_"))]:
        del os.environ[name]
    DEMO.mkdir(exist_ok=True)
    for path in DEMO.glob(f"{DATABASE.name}*"):
        path.unlink()
    if (journal := DEMO / "chest").exists():
        shutil.rmtree(journal)


def serve_customers(console: Console) -> list[Sent]:
    with (
        gunicorn(GUNICORN_SETTINGS, folder=ROOT, log=LOG) as url,
        Progress(console=console) as progress,
    ):
        task = progress.add_task(f"Shopping at {url}", total=SHOPPERS * REQUESTS_EACH)
        return send_all(url, lambda: progress.advance(task))


def check(store: Store, sent: list[Sent]) -> None:
    """Compare the records with the requests, one by one.

    Raises:
        Mismatch: A request has no record, or a record has no request.
    """
    records = store.query(limit=len(sent) * 2)
    found = Counter(
        (record.request_id, record.method, record.path, record.status_code) for record in records
    )
    expected: Counter[tuple[str, str, str, int | None]] = Counter(
        (request.request_id, request.method, request.path, request.status) for request in sent
    )
    if expected != found:
        raise Mismatch(
            f"{len(sent)} requests were sent, but {len(records)} records are in {DATABASE}.\n"
            f"Missing: {list(expected - found)[:3]}. Too many: {list(found - expected)[:3]}"
        )


def show(console: Console, store: Store) -> None:
    # Without padding: rich gives a pipe or file only 80 columns.
    table = Table("Method", "Route", title="Routes", box=box.SIMPLE, padding=0)
    for heading in ("Count", "Errors", "p50 ms", "p95 ms"):
        table.add_column(heading, justify="right")
    for row in store.routes():
        table.add_row(
            row.method,
            row.route,
            f"{row.count:g}",
            f"{row.errors:g}",
            f"{row.p50_ms:.1f}",
            f"{row.p95_ms:.1f}",
        )
    console.print(table)
    for name in ("search_term", "tenant"):
        table = Table(
            "Value", title=f"Most frequent values of {name}", box=box.SIMPLE, min_width=50
        )
        table.add_column("Count", justify="right")
        for value in store.top_values(name):
            table.add_row(str(value.value), f"{value.count:g}")
        console.print(table)


def show_record(console: Console, store: Store) -> str:
    """Show the record of a failed payment, and return its request ID."""
    record = store.query(limit=1, endpoint="cart.checkout", status_code=500)[0]
    console.print("\nOne record, of a payment that failed:")
    console.print_json(json.dumps(record.as_data()))
    return record.request_id


def show_commands(console: Console, request_id: str) -> None:
    programs = os.path.relpath(Path(sys.executable).parent, ROOT)
    flask = f"{programs}/flask --app examples.shop chest"
    sql = "SELECT value, count(*) FROM chest_variables WHERE name = ? GROUP BY value"
    rows = f"sqlite3.connect('{DATABASE.relative_to(ROOT)}').execute('{sql}', ['model_version'])"
    console.print(f"\nTo look further, from {ROOT}:", highlight=False)
    for command in (
        "make demo SERVE=1  # the shop with its dashboard, in your browser",
        f"{flask} routes",
        f"{flask} top search_term",
        f"{flask} show {request_id}",
        f'{programs}/python -c "import sqlite3; print(*{rows}, sep=chr(10))"',
    ):
        # Wrapped commands could not be copied.
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    console = Console()
    # A cancelled CI job must not leave gunicorn running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        prepare()
        if sys.argv[1:] == ["--serve"]:
            serve(console, GUNICORN_SETTINGS, folder=ROOT, log=LOG)
            return 0
        sent = serve_customers(console)
        app = create_app()
        with app.app_context():
            # The workers delivered when they exited; this delivers the records of a killed one.
            chest.flush()
            store = chest.store()
            check(store, sent)
            show(console, store)
            request_id = show_record(console, store)
            recorded = store.count()
    except (ServerFailed, Mismatch, ChestError, OSError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    place = DATABASE.relative_to(ROOT)
    console.print(f"\n{len(sent)} requests sent, {recorded} records in {place}")
    show_commands(console, request_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
