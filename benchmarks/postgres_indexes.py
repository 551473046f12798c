"""What the options of the PostgreSQL store cost and gain: the figures of its README.

Run by `make bench-postgres-indexes`. It takes about two minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from statistics import median
from typing import Any, Final

import psycopg
from flask_chest_postgres import PostgresConfig, PostgresStore

from flask_chest.exporter import Batch
from flask_chest.testing.records import make_batch, make_record
from tools.servers import PostgresServer

RECORDS: Final = 1_000_000
BATCH: Final = 1_000
START: Final = datetime(2024, 5, 1, tzinfo=timezone.utc)
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "btree": {},
    "brin": {"time_index": "brin"},
    "gin": {"variables_index": True},
    "days": {"partition_by_day": True},
}


def batches(days: float) -> Iterator[Batch]:
    """Yield batches whose records are spread evenly over some days."""
    step = timedelta(days=days) / RECORDS
    for first in range(0, RECORDS, BATCH):
        yield make_batch(
            *(
                make_record(
                    started_at=START + step * number,
                    request_id=f"request-{number}",
                    variables={"user_id": number % 1_000, "total": 12.5 * number, "plan": "pro"},
                )
                for number in range(first, first + BATCH)
            )
        )


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Fill a table of each kind in turns, and query each."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with PostgresServer(durable=True) as server, server.database() as url:
        stores = {
            name: PostgresStore(
                PostgresConfig.model_validate({"url": url, "table_prefix": f"{name}_", **options})
            )
            for name, options in VARIANTS.items()
        }
        for store in stores.values():
            store.open()
        spent: dict[str, float] = dict.fromkeys(stores, 0.0)
        for turn, batch in enumerate(batches(1)):
            names = list(stores)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                spent[name] += seconds(partial(stores[name].export, batch))
        middle, end = START + timedelta(hours=12), START + timedelta(days=1)
        hour = {"since": middle, "until": middle + timedelta(hours=1)}
        with psycopg.connect(url, autocommit=True) as connection:
            for name, store in stores.items():
                connection.execute(f"VACUUM ANALYZE {name}_records".encode())
                rows = connection.execute(
                    "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname LIKE %s"
                    " AND relkind IN ('r', 'i') AND pg_relation_size(oid) > 100000 OR relname = %s",
                    [f"{name}_records%", f"{name}_records_started_at"],
                ).fetchall()
                print(
                    f"{name}: {RECORDS / spent[name]:,.0f} rec/s; bytes: {dict(rows)}", flush=True
                )
                last = {"since": end - timedelta(hours=1)}
                user = {"variables": {"user_id": 77}}
                questions: dict[str, Callable[[], object]] = {
                    "newest 100": store.query,
                    "newest 100 of an hour": partial(store.query, **last),  # type: ignore[arg-type] # keywords of a dict
                    "count of an hour": partial(store.count, **hour),  # type: ignore[arg-type] # keywords of a dict
                    "newest 100 of a user": partial(store.query, **user),  # type: ignore[arg-type] # keywords of a dict
                    "count of a user": partial(store.count, **user),  # type: ignore[arg-type] # keywords of a dict
                }
                for question, ask in questions.items():
                    print(
                        f"  {question}: {1000 * median(seconds(ask) for _ in range(7)):.1f} ms",
                        flush=True,
                    )
        print(
            f"delete all: {1000 * seconds(lambda: stores['btree'].purge(before=end)):.0f} ms",
            flush=True,
        )
        stores["days"].close()
        keeping = {**VARIANTS["days"], "url": url, "table_prefix": "days_", "retention_days": 1}
        dropping = PostgresStore(PostgresConfig.model_validate(keeping))
        dropping.open()
        drop = seconds(lambda: dropping.export(Batch(b"", 0)))
        print(f"first delivery of a day, which drops all: {1000 * drop:.0f} ms", flush=True)
        for store in (*stores.values(), dropping):
            store.close()


if __name__ == "__main__":
    main()
