"""What a user would write with clickhouse-connect to store batches.

Each way inserts with the token by which the server ignores a repeated batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic_core import to_json

from benchmarks.peers.drivers import Place, Write
from flask_chest.exporter import Batch
from flask_chest.schema import FIELDS

_SETTINGS: Final = {
    "input_format_json_read_objects_as_strings": 1,
    "precise_float_parsing": 1,
    "date_time_input_format": "best_effort",
}


@contextmanager
def raw_insert(place: Place) -> Iterator[Write]:
    """`raw_insert` of the JSON lines, which the server unpacks."""
    with _client(place) as client:

        def write(batch: Batch) -> None:
            client.raw_insert(
                place.records,
                FIELDS,
                batch.lines,
                settings={**_SETTINGS, "insert_deduplication_token": batch.token},
                fmt="JSONEachRow",
            )

        yield write


@contextmanager
def insert(place: Place) -> Iterator[Write]:
    """`insert` of rows of Python values, which the driver turns into ClickHouse's own columns."""
    with _client(place) as client:

        def write(batch: Batch) -> None:
            client.insert(
                place.records,
                [_row(dict(record)) for record in batch.records()],
                FIELDS,
                settings={"insert_deduplication_token": batch.token},
            )

        yield write


def _row(record: dict[str, Any]) -> list[Any]:
    record["started_at"] = datetime.fromisoformat(record["started_at"].replace("Z", "+00:00"))
    record["variables"] = to_json(record["variables"]).decode()
    return [record[name] for name in FIELDS]


@contextmanager
def _client(place: Place) -> Iterator[Any]:
    import clickhouse_connect

    parts = urlsplit(place.url)
    client = clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port,
        database=parts.path[1:],
        autogenerate_session_id=False,
        compress=False,
    )
    try:
        yield client
    finally:
        client.close()
