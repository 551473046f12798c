"""Fills a database with the records of a file, by the quickest way that it has."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import psycopg
import pymysql
from flask_chest_clickhouse import ClickHouseConfig, ClickHouseStore
from flask_chest_clickhouse.connection import Connection
from flask_chest_parquet import ParquetStore
from sqlalchemy.engine import make_url

from benchmarks.peers.drivers import COLUMNS
from benchmarks.shared.history import records
from flask_chest.exporter import Batch
from flask_chest.record import encode
from flask_chest.store import Store

_NAMES: Final = ", ".join(COLUMNS)
_BATCH: Final = 1_000
_FILE: Final = 50_000
"""Records of a batch that becomes a file for each of its days."""

_CHUNK_BYTES: Final = 1 << 20
_CHUNKS: Final = 64
"""Of one insertion into ClickHouse, which is made for few and large ones."""

_PATIENCE_SECONDS: Final = 900.0


def load(store: Store, url: str, path: Path) -> None:
    """Store the records of a file in a database whose tables exist and are empty."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        _load_sqlite(Path(url.removeprefix("sqlite:///")), path)
    elif scheme == "postgresql":
        _load_postgres(url, path)
    elif scheme == "mysql":
        _load_mysql(url, path)
    elif isinstance(store, ClickHouseStore):
        _load_clickhouse(store, path)
    elif isinstance(store, ParquetStore):
        _export(store, path, _FILE)
        store.compact()
    else:
        _export(store, path, _BATCH)


def _load_sqlite(database: Path, path: Path) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        with path.open(encoding="utf-8", newline="") as file:
            connection.executemany(
                f"INSERT INTO chest_records ({_NAMES}) VALUES ({marks})", _rows_of_sqlite(file)
            )
        connection.execute("COMMIT")
        connection.execute("ANALYZE")


def _rows_of_sqlite(lines: Iterator[str]) -> Iterator[list[Any]]:
    """Yield the values of each record, with times as our store writes them."""
    at = COLUMNS.index("started_at")
    for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        values: list[Any] = [None if value == r"\N" else value for value in row]
        values[at] = f"{row[at][:10]}T{row[at][11:]}Z"
        yield values


def _load_postgres(url: str, path: Path) -> None:
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        with (
            cursor.copy(f"COPY chest_records ({_NAMES}) FROM STDIN") as copy,
            path.open("rb") as file,
        ):
            while chunk := file.read(_CHUNK_BYTES):
                copy.write(chunk)
        cursor.execute("VACUUM ANALYZE chest_records")


def _load_mysql(url: str, path: Path) -> None:
    target = make_url(url)
    connection = pymysql.connect(
        host=target.host or "127.0.0.1",
        port=target.port or 3306,
        user=target.username,
        password=target.password or "",
        database=target.database,
        charset="utf8mb4",
        local_infile=True,
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SET unique_checks = 0, foreign_key_checks = 0")
        cursor.execute(
            f"LOAD DATA LOCAL INFILE %s INTO TABLE chest_records CHARACTER SET utf8mb4 ({_NAMES})",
            (str(path),),
        )
        cursor.execute("ANALYZE TABLE chest_records")


def _load_clickhouse(store: ClickHouseStore, path: Path) -> None:
    patient = store.config.model_copy(update={"timeout_seconds": _PATIENCE_SECONDS})
    connection = Connection(cast("ClickHouseConfig", patient))
    with closing(connection), path.open("rb") as file:
        while lines := file.readlines(_CHUNK_BYTES * _CHUNKS):
            connection.ask(
                f"INSERT INTO chest_records ({_NAMES}) FORMAT TabSeparatedRaw",
                data=b"".join(lines),
            )
        connection.ask("OPTIMIZE TABLE chest_records FINAL")


def _export(store: Store, path: Path, size: int) -> None:
    """Store the records by the exporter, as delivery does."""
    lines = (encode(record) for record in records(path))
    while batch := list(islice(lines, size)):
        store.export(Batch(b"".join(batch), len(batch)))
