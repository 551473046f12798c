"""What a record costs each store: bytes on disk and in the log, CPU of both sides, and rollups.

A part of `benchmarks.scale`. Records have 450 bytes and come in batches of the size that the store
asks for. They are of some minutes of one day, so that the last minutes are as busy as those of many
hosts are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bson
import psycopg
from flask_chest_clickhouse.store import ClickHouseStore
from flask_chest_mongo import MongoStore
from flask_chest_parquet.store import ParquetStore
from flask_chest_postgres import PostgresStore
from pymongo import MongoClient

from benchmarks.shared.process import cpu_seconds
from benchmarks.shared.records import Records
from flask_chest import rollup
from flask_chest.exporter import Batching
from flask_chest.rollup import Declaration
from flask_chest.store import Store
from tools.servers import ClickHouseServer, MongoServer, PostgresServer

CONNECTIONS: Final = 20


@dataclass(frozen=True)
class Cost:
    """What one record costs.

    Attributes:
        batching: What batches the store asks for.
        batch_records: Records of a batch here.
        seconds: Of a batch, from its call to its return, with nothing else to do.
        client_us: CPU of the process that delivers, in microseconds a record.
        server_us: CPU of the server; None when this one is not what is meant.
        disk_bytes: What the database grows by.
        log_bytes: What the server writes into its log besides; None when that is not known.
        connect_ms: CPU of the server for a connection, with the look at the tables.
        rollup_us: CPU of both sides to roll a record up; None without rollups.
    """

    batching: Batching
    batch_records: int
    seconds: float
    client_us: float
    server_us: float | None
    disk_bytes: float
    log_bytes: float | None = None
    connect_ms: float | None = None
    rollup_us: float | None = None


@dataclass
class Place:
    """A store in an empty database.

    Attributes:
        make: Makes the store, closed.
        process: Of the server; None when it is this one.
        disk: Returns the bytes of the database.
        log: Returns the bytes that the server has written into its log so far.
        batch_records: Records of a batch.
        has_rollups: Whether rollups are measured.
        is_meant: Whether this server's own costs are of interest.
    """

    make: Callable[[], Store]
    process: int | None
    disk: Callable[[], float]
    log: Callable[[], float] | None = None
    batch_records: int = 1_000
    has_rollups: bool = True
    is_meant: bool = True


def measure(place: Place, number: int) -> Cost:
    """Store some records, and return what one of them took."""
    store = place.make()
    store.rollups = Declaration() if place.has_rollups else False
    store.open()
    try:
        source = Records()
        store.export(source.batch(place.batch_records))  # creates what is missing
        batches = [source.batch(place.batch_records) for _ in range(number // place.batch_records)]
        total = len(batches) * place.batch_records
        disk, log = place.disk(), place.log() if place.log else 0.0
        server, client, began = cpu_seconds(place.process), time.process_time(), time.monotonic()
        for batch in batches:
            store.export(batch)
        seconds = time.monotonic() - began
        client = time.process_time() - client
        server = cpu_seconds(place.process) - server
        log = place.log() - log if place.log else 0.0
        disk = place.disk() - disk
        rolled_up = _rollup_seconds(store, place.process) if place.has_rollups else None
    finally:
        store.close()
    return Cost(
        batching=store.batching,
        batch_records=place.batch_records,
        seconds=seconds / len(batches),
        client_us=client / total * 1e6,
        server_us=server / total * 1e6 if place.is_meant else None,
        disk_bytes=disk / total,
        log_bytes=log / total if place.log else None,
        connect_ms=_connect_ms(place) if place.is_meant else None,
        rollup_us=None if rolled_up is None else rolled_up / (total + place.batch_records) * 1e6,
    )


def _rollup_seconds(store: Store, process: int | None) -> float:
    """Roll all records up; return the CPU time of both sides."""
    maintainer = rollup.maintainer(store)
    if maintainer is None:
        raise RuntimeError(f"{store.type} has no rollups")
    maintainer.declare()
    server, client = cpu_seconds(process), time.process_time()
    maintainer.run()
    return cpu_seconds(process) - server + time.process_time() - client


def _connect_ms(place: Place) -> float:
    """Return the CPU time of the server for a connection, in milliseconds."""
    before = cpu_seconds(place.process)
    for _ in range(CONNECTIONS):
        store = place.make()
        store.open()
        store.close()
    return (cpu_seconds(place.process) - before) / CONNECTIONS * 1e3


# -- The databases -------------------------------------------------------------------------------


@contextmanager
def postgres() -> Iterator[tuple[str, Place]]:
    """Give PostgreSQL, with a partition for each day."""
    with PostgresServer(durable=True) as server, server.database() as url:
        config = {"url": url, "partition_by_day": True}

        def ask(statement: str) -> float:
            with psycopg.connect(url, autocommit=True) as connection:
                found = connection.execute(statement).fetchone()
            return float(found[0]) if found else 0.0

        def disk() -> float:
            return ask("SELECT pg_database_size(current_database())")

        def log() -> float:
            return ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")

        def make() -> Store:
            return PostgresStore(PostgresStore.config_model.model_validate(config))

        yield "PostgreSQL, partitions", Place(make, _pid(server), disk, log)


@contextmanager
def mongo() -> Iterator[tuple[str, Place]]:
    """Give MongoDB's form of a record. The server here says nothing about MongoDB's speed."""
    with MongoServer(durable=True) as server, server.database() as url:

        def make() -> Store:
            return MongoStore(MongoStore.config_model.model_validate({"url": url}))

        def disk() -> float:
            client: MongoClient[dict[str, Any]]
            with MongoClient(url) as client:
                found: Iterable[dict[str, Any]] = client.get_default_database()[
                    "chest_records"
                ].find()
                return float(sum(len(bson.encode(document)) for document in found))

        yield "MongoDB, our store alone", Place(make, None, disk, has_rollups=False, is_meant=False)


@contextmanager
def clickhouse() -> Iterator[tuple[str, Place]]:
    """Give ClickHouse's engine."""
    with ClickHouseServer(durable=True) as server, server.database() as url:

        def make() -> Store:
            return ClickHouseStore(ClickHouseStore.config_model.model_validate({"url": url}))

        def disk() -> float:
            asked = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database LIKE "
            name = url.rpartition("/")[2]
            found = server.ask(f"{asked}'{name}' FORMAT TSV")
            return float(found)

        yield "ClickHouse", Place(make, _pid(server), disk, None, 20_000, has_rollups=False)


@contextmanager
def lake() -> Iterator[tuple[str, Place]]:
    """Give Parquet files in a folder, without compaction: the leader does all the work."""
    with tempfile.TemporaryDirectory(prefix="chest-scale-") as folder:
        config = {"path": folder, "columns": ("user_id", "tenant", "cost_cents", "items")}

        def make() -> Store:
            return ParquetStore(ParquetStore.config_model.model_validate(config))

        def disk() -> float:
            return float(sum(file.stat().st_size for file in Path(folder).rglob("*.parquet")))

        yield (
            "Parquet, a column for each variable",
            Place(make, None, disk, None, 20_000, has_rollups=False, is_meant=False),
        )


def _pid(server: PostgresServer | MongoServer | ClickHouseServer) -> int | None:
    return server.process.pid if server.process is not None else None


DATABASES: Final = {
    "postgres": (postgres, 400_000),
    "mongo": (mongo, 5_000),
    "clickhouse": (clickhouse, 400_000),
    "parquet": (lake, 400_000),
}
"""What gives a place, and how many records are stored there."""
