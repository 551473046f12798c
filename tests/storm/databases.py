"""The databases: real servers behind relays. What they hold is read without Flask-Chest."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pymongo
import pymysql

from flask_chest.testing import Relay
from tests.storm.host import until
from tools.servers import MariaServer, MongoServer, PostgresServer

_NAME = "storm"
_SLOW_QUERIES = "query_timeout_seconds=60"
_TIMEOUTS = "timeout_seconds=2&connect_timeout_seconds=1&query_timeout_seconds=5"


class SqliteFile:
    """A SQLite file, whose trouble is a lock."""

    name = "sqlite"
    troubles = ("lock",)

    def __init__(self, folder):
        self._path = folder / "storm.sqlite3"
        self.url = f"sqlite:///{self._path}?busy_timeout_seconds=1"

    @classmethod
    def at(cls, path):
        """Return the database in another file."""
        database = cls(path.parent)
        database._path = path
        return database

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def request_ids(self):
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            return [row[0] for row in connection.execute("SELECT request_id FROM chest_records")]

    def request_ids_of(self, customer):
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            rows = connection.execute(
                "SELECT request_id FROM chest_records"
                " WHERE json_extract(variables, '$.customer') = ?",
                (customer,),
            )
            return [row[0] for row in rows]

    def lock(self, seconds, wait):
        """Hold the file's write lock."""
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            wait(seconds)
            connection.execute("ROLLBACK")


class Database:
    """A database on a server that the storm starts. Flask-Chest reaches it through a relay."""

    name: str
    kind: type
    options = _TIMEOUTS
    troubles = ("kill", "refuse", "drop", "stall")

    def __init__(self, folder):
        del folder
        self._server = self.kind(durable=True)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._server)
            self._server.create(_NAME)
            self._relay = stack.enter_context(Relay("127.0.0.1", self._server.port))
            self._stack = stack.pop_all()
        self._direct = self._server.url(_NAME)
        user, at, _ = urlsplit(self._direct).netloc.rpartition("@")
        host, port = self._relay.address
        parts = urlsplit(self._direct)
        self.url = parts._replace(netloc=f"{user}{at}{host}:{port}", query=self.options).geturl()
        return self

    def __exit__(self, *_):
        self._stack.close()

    # -- Troubles ------------------------------------------------------------------------------

    def kill(self, seconds, wait):
        """Kill the server, and start it again."""
        self._server.kill()
        try:
            wait(seconds)
        finally:
            self._server.start()

    def refuse(self, seconds, wait):
        """End all connections and accept no new ones."""
        self._relay.cut()
        try:
            wait(seconds)
        finally:
            until(self._accept_again, "the relay has its port again")

    def _accept_again(self):
        # An outgoing connection of another process may have the port for a moment.
        with contextlib.suppress(OSError):
            self._relay.restore()
            return True
        return False

    def drop(self, seconds, wait):
        """End all connections repeatedly."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not wait(0.05):
            self._relay.drop()

    def stall(self, seconds, wait):
        """Delay all data until its sender has timed out."""
        self._relay.stall()
        try:
            wait(seconds)
        finally:
            self._relay.resume()


class Postgres(Database):
    name = "postgres"
    kind = PostgresServer

    def request_ids(self):
        with psycopg.connect(self._direct) as connection:
            return [row[0] for row in connection.execute("SELECT request_id FROM chest_records")]

    def request_ids_of(self, customer):
        with psycopg.connect(self._direct) as connection:
            rows = connection.execute(
                "SELECT request_id FROM chest_records WHERE variables->>'customer' = %s",
                (customer,),
            )
            return [row[0] for row in rows]

    def refuse_customer(self, customer):
        """Refuse the records of a customer, as a fault of the data."""
        self._alter(
            "DROP CONSTRAINT IF EXISTS storm, ADD CONSTRAINT storm"
            f" CHECK (variables->>'customer' IS DISTINCT FROM '{customer}') NOT VALID"
        )

    def accept_customers(self):
        """Accept all records again."""
        self._alter("DROP CONSTRAINT IF EXISTS storm")

    def _alter(self, change):
        def is_done():
            with contextlib.suppress(psycopg.OperationalError):  # it may be killed at this moment
                with psycopg.connect(self._direct) as connection:
                    connection.execute("SET lock_timeout = '2s'")
                    connection.execute(f"ALTER TABLE chest_records {change}")
                return True
            return False

        until(is_done, f"ALTER TABLE chest_records {change}")


class Mysql(Database):
    name = "mysql"
    kind = MariaServer

    def request_ids(self):
        return self._read("SELECT request_id FROM chest_records")

    def request_ids_of(self, customer):
        return self._read(
            "SELECT request_id FROM chest_records"
            " WHERE JSON_UNQUOTE(JSON_EXTRACT(variables, '$.customer')) = %s",
            customer,
        )

    def _read(self, statement, *parameters):
        parts = urlsplit(self._direct)
        with (
            pymysql.connect(
                host=parts.hostname,
                port=parts.port,
                user=parts.username,
                database=_NAME,
                ssl_disabled=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, parameters)
            return [row[0] for row in cursor.fetchall()]


class Mongo(Database):
    name = "mongo"
    kind = MongoServer
    # The server that stands for MongoDB reads 180,000 records in more than 5 s.
    options = f"directConnection=true&{_TIMEOUTS.replace('query_timeout_seconds=5', _SLOW_QUERIES)}"

    def request_ids(self):
        return self._find({})

    def request_ids_of(self, customer):
        return self._find({"variables.customer": customer})

    def _find(self, wanted):
        with pymongo.MongoClient(self._direct, serverMonitoringMode="poll") as client:
            found = client[_NAME].chest_records.find(wanted, ["request_id"])
            return [document["request_id"] for document in found]
