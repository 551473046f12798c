"""What a user would write with a database driver to store batches.

Each way takes a batch as it comes out of the journal, decodes it where it has to, and stores it
with one commit in a table with the same columns and indexes. It skips a record ID that is stored
already. Dates and IDs stay texts where the driver or the server accepts them, as this is fastest.

MySQL's LOAD DATA LOCAL is left out: it accepts faulty values, and is idempotent only with a
staging table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

import psycopg
import pymysql
from flask_chest_sql import Tables
from pydantic_core import from_json, to_json
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import BulkWriteError
from sqlalchemy import CHAR, JSON, DateTime, Engine, Insert, String, Table, Text, create_engine
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeEngine

from flask_chest.exporter import Batch

Write: TypeAlias = Callable[[Batch], None]
Way: TypeAlias = "Callable[[Place], AbstractContextManager[Write]]"


@dataclass(frozen=True)
class Place:
    """Where one way stores its records.

    Attributes:
        url: Of the database.
        prefix: Prefix of the names of its tables.
    """

    url: str
    prefix: str

    @property
    def records(self) -> str:
        """Name of the table or collection."""
        return f"{self.prefix}records"


# -- Shared by all ---------------------------------------------------------------------------------

COLUMNS: Final = (
    "id",
    "request_id",
    "trace_id",
    "service",
    "instance",
    "endpoint",
    "route",
    "method",
    "path",
    "status_code",
    "error",
    "started_at",
    "duration_ms",
    "weight",
    "variables",
)
_scalars: Final = itemgetter(*COLUMNS[:-1])


def _decoded(batch: Batch) -> list[dict[str, Any]]:
    # Fastest: values differ too much for a cache.
    return cast("list[dict[str, Any]]", from_json(batch.to_json(), cache_strings="keys"))


def _rows(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(*_scalars(record), _json(record["variables"])) for record in records]


def _json(value: object) -> str:
    return to_json(value).decode()


def _insert(place: Place, mark: str) -> str:
    marks = ", ".join(mark for _ in COLUMNS)
    return f"INSERT INTO {place.records} ({', '.join(COLUMNS)}) VALUES ({marks})"


def _table(
    place: Place, uuid: TypeEngine[Any], timestamp: TypeEngine[Any], json: TypeEngine[Any]
) -> Table:
    return Tables(uuid=uuid, timestamp=timestamp, json=json, prefix=place.prefix).records


def _engine(url: str, driver: str) -> Engine:
    return create_engine(make_url(url).set(drivername=driver), json_serializer=_json)


@contextmanager
def _executing(
    engine: Engine, statement: Insert, decode: Callable[[Batch], list[dict[str, Any]]]
) -> Iterator[Write]:
    """Execute SQLAlchemy's bulk insert."""
    with engine.connect() as connection:

        def write(batch: Batch) -> None:
            with connection.begin():
                connection.execute(statement, decode(batch))

        yield write
    engine.dispose()


# -- PostgreSQL ------------------------------------------------------------------------------------


def postgres_sqlalchemy(place: Place) -> AbstractContextManager[Write]:
    """SQLAlchemy Core; half as fast with RETURNING, a tenth as fast with `values([...])`."""
    types = (postgresql.UUID(as_uuid=False), DateTime(timezone=True), postgresql.JSONB())
    statement = postgresql.insert(_table(place, *types)).on_conflict_do_nothing()
    return _executing(_engine(place.url, "postgresql+psycopg"), statement, _decoded)


@contextmanager
def postgres_executemany(place: Place) -> Iterator[Write]:
    """Psycopg's pipelined `executemany`; faster than arrays for UNNEST, or many VALUES."""
    statement = f"{_insert(place, '%s')} ON CONFLICT (id) DO NOTHING".encode()
    with psycopg.connect(place.url) as connection, connection.cursor() as cursor:

        def write(batch: Batch) -> None:
            with connection.transaction():
                cursor.executemany(statement, _rows(_decoded(batch)))

        yield write


_POSTGRES_TYPES: Final = (
    *("uuid", "varchar", "varchar", "varchar", "varchar", "text", "text", "varchar", "text"),
    *("int2", "varchar", "timestamptz", "float8", "float8", "jsonb"),
)
_before_moment: Final = itemgetter(*COLUMNS[1:11])
_after_moment: Final = itemgetter(*COLUMNS[12:])


def _typed_row(record: dict[str, Any]) -> tuple[Any, ...]:
    moment = datetime.fromisoformat(record["started_at"].replace("Z", "+00:00"))
    return (UUID(record["id"]), *_before_moment(record), moment, *_after_moment(record))


def postgres_binary_copy(place: Place) -> AbstractContextManager[Write]:
    """Binary COPY."""
    return _copying(
        place,
        " (FORMAT BINARY)",
        _POSTGRES_TYPES,
        lambda batch: map(_typed_row, _decoded(batch)),
    )


def postgres_text_copy(place: Place) -> AbstractContextManager[Write]:
    """Text COPY; the server parses IDs and dates."""
    return _copying(place, "", (), lambda batch: iter(_rows(_decoded(batch))))


@contextmanager
def _copying(
    place: Place,
    form: str,
    types: tuple[str, ...],
    rows: Callable[[Batch], Iterator[tuple[Any, ...]]],
) -> Iterator[Write]:
    """Copy into a staging table, and from there what is new."""
    names = ", ".join(COLUMNS)
    staging = f"CREATE TEMPORARY TABLE staging (LIKE {place.records}) ON COMMIT DELETE ROWS"
    copy = f"COPY staging ({names}) FROM STDIN{form}".encode()
    move = (
        f"INSERT INTO {place.records} ({names}) SELECT {names} FROM staging"
        " ON CONFLICT (id) DO NOTHING"
    ).encode()
    with psycopg.connect(place.url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(staging.encode())

        def write(batch: Batch) -> None:
            with connection.transaction():
                with cursor.copy(copy) as target:
                    if types:
                        target.set_types(types)
                    for row in rows(batch):
                        target.write_row(row)
                cursor.execute(move)

        yield write


# -- MySQL and MariaDB -----------------------------------------------------------------------------


def _mysql_decoded(batch: Batch) -> list[dict[str, Any]]:
    records = _decoded(batch)
    for record in records:
        record["started_at"] = record["started_at"][:-1]  # the servers do not take the Z
    return records


def _mysql_table(place: Place) -> Table:
    return _table(place, CHAR(36), String(26), JSON())


def mysql_sqlalchemy(place: Place) -> AbstractContextManager[Write]:
    """SQLAlchemy Core; PyMySQL turns its `executemany` into statements of many rows."""
    table = _mysql_table(place)
    statement = mysql.insert(table).on_duplicate_key_update(id=table.c.id)
    return _executing(_engine(place.url, "mysql+pymysql"), statement, _mysql_decoded)


@contextmanager
def mysql_sqlalchemy_values(place: Place) -> Iterator[Write]:
    """SQLAlchemy Core, one statement of many rows."""
    table = _mysql_table(place)
    engine = _engine(place.url, "mysql+pymysql")
    with engine.connect() as connection:

        def write(batch: Batch) -> None:
            statement = mysql.insert(table).values(_mysql_decoded(batch))
            with connection.begin():
                connection.execute(statement.on_duplicate_key_update(id=table.c.id))

        yield write
    engine.dispose()


def mysql_connection(url: str) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """Return a connection to the database of a URL."""
    return pymysql.connect(**make_url(url).translate_connect_args(username="user"))


@contextmanager
def mysql_executemany(place: Place) -> Iterator[Write]:
    """PyMySQL's `executemany`, which builds statements of many rows."""
    statement = f"{_insert(place, '%s')} ON DUPLICATE KEY UPDATE id = {place.records}.id"
    with mysql_connection(place.url) as connection, connection.cursor() as cursor:

        def write(batch: Batch) -> None:
            cursor.executemany(statement, _rows(_mysql_decoded(batch)))
            connection.commit()

        yield write


# -- SQLite ----------------------------------------------------------------------------------------


def sqlite_sqlalchemy(place: Place) -> AbstractContextManager[Write]:
    """SQLAlchemy Core."""
    table = _table(place, Text(), Text(), JSON())
    statement = sqlite.insert(table).on_conflict_do_nothing()
    return _executing(_engine(place.url, "sqlite"), statement, _decoded)


def _sqlite_connection(place: Place) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(str(make_url(place.url).database)))


@contextmanager
def sqlite_executemany(place: Place) -> Iterator[Write]:
    """Sqlite3's `executemany`."""
    statement = f"{_insert(place, '?')} ON CONFLICT (id) DO NOTHING"
    with _sqlite_connection(place) as connection:

        def write(batch: Batch) -> None:
            with connection:
                connection.executemany(statement, _rows(_decoded(batch)))

        yield write


@contextmanager
def sqlite_json_each(place: Place) -> Iterator[Write]:
    """One statement; SQLite unpacks the batch itself."""
    values = ", ".join(f"json_extract(value, '$.{name}')" for name in COLUMNS)
    statement = (
        f"INSERT INTO {place.records} ({', '.join(COLUMNS)})"
        f" SELECT {values} FROM json_each(?)"
        " WHERE true ON CONFLICT (id) DO NOTHING"
    )
    with _sqlite_connection(place) as connection:

        def write(batch: Batch) -> None:
            with connection:
                connection.execute(statement, (batch.to_json().decode(),))

        yield write


# -- MongoDB ---------------------------------------------------------------------------------------

_DUPLICATE_KEY: Final = 11_000


def _document(record: dict[str, Any]) -> dict[str, Any]:
    moment = datetime.fromisoformat(record["started_at"][:-1])  # PyMongo takes it as UTC
    record["_id"] = UUID(record.pop("id"))
    record["started_at"] = moment
    record["started_at_us"] = moment.microsecond % 1000
    return record


@contextmanager
def mongo_insert_many(place: Place) -> Iterator[Write]:
    """PyMongo's `insert_many` with the write concern of our exporter."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(place.url, uuidRepresentation="standard") as client:
        database: Database[dict[str, Any]] = client.get_default_database()
        records = database.get_collection(
            place.records, write_concern=WriteConcern("majority", j=True)
        )

        def write(batch: Batch) -> None:
            try:
                records.insert_many(map(_document, _decoded(batch)), ordered=False)
            except BulkWriteError as error:
                details = error.details or {}
                if any(e["code"] != _DUPLICATE_KEY for e in details["writeErrors"]):
                    raise

        yield write
