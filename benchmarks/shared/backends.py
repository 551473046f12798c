"""The databases that are measured, and the target of each exporter."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from flask_chest_clickhouse import ClickHouseStore
from flask_chest_mongo import MongoStore
from flask_chest_mysql import MysqlStore
from flask_chest_parquet import ParquetStore
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore
from pymongo import MongoClient

from benchmarks.peers import clickhouse
from benchmarks.peers import drivers as peers
from benchmarks.shared.postgres import server_version
from flask_chest.store import Store
from tools.servers import ClickHouseServer, MariaServer, MongoServer, PostgresServer, Server
from tools.servers.clickhouse import ask


@dataclass(frozen=True)
class Backend:
    """A kind of database.

    Attributes:
        title: Its name.
        store: Our exporter.
        server: Starts one; None for a file.
        prefix_field: Field of the exporter's configuration for `Place.prefix`, if it has one.
        version: Returns the product and version of the server at a URL.
        driver: Distribution of the driver; None for the standard library's.
        ways: What a user would write, by name.
        wanted_cpu_us: Target: at most so many microseconds of CPU time a record.
        wanted_gain: Target: at least so many times as fast as SQLAlchemy's bulk insert.
        scheme: Of the URL, without a server.
        suffix: What the name of the file or folder ends with, without a server.
    """

    title: str
    store: type[Store]
    server: type[Server] | None
    prefix_field: str | None
    version: Callable[[str], str]
    driver: str | None
    ways: Mapping[str, peers.Way]
    wanted_cpu_us: float
    wanted_gain: float | None = None
    scheme: str = "sqlite"
    suffix: str = ".sqlite3"

    @contextmanager
    def running(self) -> Iterator[tuple[str, int | None]]:
        """Run a durable server, unless the environment has the URL of one.

        Yields:
            URL of an empty database or folder, and the process ID of the server that was started.
        """
        if self.server is None:
            with tempfile.TemporaryDirectory(prefix="chest-bench-") as folder:
                yield f"{self.scheme}:///{folder}", None
            return
        given = os.environ.get(self.server.variable)
        with self.server(given, durable=True) as server, server.database() as url:
            yield url, server.process.pid if server.process is not None else None

    def place(self, url: str, number: int) -> peers.Place:
        """Return a place of its own for each number, in the database or folder of a URL."""
        if self.server is None:
            return peers.Place(f"{url}/{number}{self.suffix}", "chest_")
        return peers.Place(url, f"way{number}_")

    def open(self, place: peers.Place) -> Store:
        """Return an open store whose tables exist."""
        fields = {"url": place.url}
        if self.prefix_field is not None:
            fields[self.prefix_field] = place.prefix
        store = self.store(self.store.config_model.model_validate(fields))
        store.open()
        return store


def _postgres_version(url: str) -> str:
    """Return product and version."""
    return f"PostgreSQL {server_version(url)}"


def _mysql_version(url: str) -> str:
    """Return product and version."""
    with peers.mysql_connection(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        found = cursor.fetchone()
    version = str(found and found[0])
    return f"MariaDB {version.partition('-')[0]}" if "MariaDB" in version else f"MySQL {version}"


def _mongo_version(url: str) -> str:
    """Return product and version."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(url) as client:
        info = client.server_info()
    if (version := info.get("secantusVersion")) is not None:
        return f"SecantusDB {version}"
    return f"MongoDB {info['version']}"


def _clickhouse_version(url: str) -> str:
    """Return product and version."""
    return f"ClickHouse {ask(url, 'SELECT version()').decode().strip()}"


def _parquet_version(url: str) -> str:
    """Return what writes the files, and what reads them."""
    del url
    return f"Parquet by PyArrow {version('pyarrow')}, DuckDB {version('duckdb')}"


SQLALCHEMY: Final = "SQLAlchemy Core bulk insert"
"""Prefix of the names of SQLAlchemy's ways."""

BACKENDS: Final = {
    "postgres": Backend(
        "PostgreSQL",
        PostgresStore,
        PostgresServer,
        "table_prefix",
        _postgres_version,
        "psycopg",
        {
            SQLALCHEMY: peers.postgres_sqlalchemy,
            "psycopg executemany": peers.postgres_executemany,
            "psycopg binary COPY, staging table": peers.postgres_binary_copy,
            "psycopg text COPY, staging table": peers.postgres_text_copy,
        },
        wanted_cpu_us=2.0,
        wanted_gain=1.5,
    ),
    "mysql": Backend(
        "MySQL",
        MysqlStore,
        MariaServer,
        "table_prefix",
        _mysql_version,
        "PyMySQL",
        {
            SQLALCHEMY: peers.mysql_sqlalchemy,
            f"{SQLALCHEMY}, values": peers.mysql_sqlalchemy_values,
            "PyMySQL executemany": peers.mysql_executemany,
        },
        wanted_cpu_us=5.0,
        wanted_gain=1.5,
    ),
    "mongo": Backend(
        "MongoDB",
        MongoStore,
        MongoServer,
        "collection_prefix",
        _mongo_version,
        "pymongo",
        {"PyMongo insert_many": peers.mongo_insert_many},
        wanted_cpu_us=9.0,
    ),
    "clickhouse": Backend(
        "ClickHouse",
        ClickHouseStore,
        ClickHouseServer,
        "table_prefix",
        _clickhouse_version,
        "clickhouse-connect",
        {
            "clickhouse-connect raw_insert": clickhouse.raw_insert,
            "clickhouse-connect insert": clickhouse.insert,
        },
        wanted_cpu_us=2.0,
    ),
    "sqlite": Backend(
        "SQLite",
        SqliteStore,
        None,
        None,
        lambda _: f"SQLite {sqlite3.sqlite_version}",
        None,
        {
            SQLALCHEMY: peers.sqlite_sqlalchemy,
            "sqlite3 executemany": peers.sqlite_executemany,
            "sqlite3 json_each": peers.sqlite_json_each,
        },
        wanted_cpu_us=12.0,
    ),
    "parquet": Backend(
        "Parquet",
        ParquetStore,
        None,
        None,
        _parquet_version,
        "pyarrow",
        {},
        wanted_cpu_us=12.0,
        scheme="parquet",
        suffix="",
    ),
}
