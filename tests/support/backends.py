"""The five stores, for the contracts: how to reach each, and how to look into its database."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from urllib.parse import unquote, urlsplit

import psycopg
import pymongo
import pymysql
from bson.codec_options import CodecOptions
from flask_chest_clickhouse import ClickHouseStore
from flask_chest_mongo import MongoStore
from flask_chest_mysql import MysqlStore
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore

from flask_chest.testing import StoreBackend
from tools.servers.clickhouse import ask

SLOW = ("clickhouse",) if os.environ.get("CHEST_TEST_SLOW_STORES") else ()
"""Stores whose long tests `make test` leaves out: each statement of ClickHouse takes 10 ms."""


class SqlBackend(StoreBackend):
    quote = '"'
    prefix = "chest_"
    schema = None

    def execute(self, statement):
        """Run a statement on a connection of its own; return its rows."""
        raise NotImplementedError

    def table(self, name):
        names = (self.schema, f"{self.prefix}{name}") if self.schema else (f"{self.prefix}{name}",)
        doubled = (name.replace(self.quote, self.quote * 2) for name in names)
        return ".".join(f"{self.quote}{name}{self.quote}" for name in doubled)

    def ids(self):
        return [str(i) for (i,) in self.execute(f"SELECT id FROM {self.table('records')}")]

    def variables(self):
        rows = self.execute(f"SELECT record_id, name, value FROM {self.table('variables')}")
        return [(str(record_id), name, value) for record_id, name, value in rows]

    def set_version(self, version):
        self.execute(f"UPDATE {self.table('schema')} SET version = {version}")

    def take_names(self):
        self.execute("CREATE TABLE chest_records (id int)")
        self.execute("INSERT INTO chest_records VALUES (7)")

    def is_untouched(self):
        rows = self.execute("SELECT * FROM chest_records")
        return self.tables() == ["chest_records"] and [tuple(row) for row in rows] == [(7,)]

    def tables(self):
        raise NotImplementedError


class Sqlite(SqlBackend):
    exporter = SqliteStore

    def __init__(self, path):
        self.path = path
        self.config = {"path": str(path)}

    def execute(self, statement):
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def tables(self):
        return [name for (name,) in self.execute("SELECT name FROM sqlite_master")]


class Server(SqlBackend):
    port = 0

    def __init__(self, url, **fields):
        self.url = url
        parts = urlsplit(url)
        self.config = {
            "host": parts.hostname,
            "port": parts.port or self.port,
            "database": parts.path[1:],
            "user": unquote(parts.username),
            **({"password": unquote(parts.password)} if parts.password else {}),
            **fields,
        }
        self.prefix = fields.get("table_prefix", "chest_")


class Postgres(Server):
    exporter = PostgresStore
    port = 5432

    def __init__(self, url, **fields):
        super().__init__(url, **fields)
        self.schema = fields.get("table_schema", "public")

    @contextmanager
    def transaction(self, statement):
        """Hold the locks of a statement during the block."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)
            yield connection
            connection.rollback()

    def execute(self, statement, *values):
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def tables(self):
        rows = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in rows]


class Mysql(Server):
    """A database of MySQL. Most tests ask for no TLS, as PyMySQL reads all certificates for it."""

    exporter = MysqlStore
    port = 3306
    quote = "`"

    def __init__(self, url, *, ssl_mode="DISABLED", **fields):
        super().__init__(url, ssl_mode=ssl_mode, **fields)

    def connect(self, **options):
        """Return a connection of PyMySQL."""
        names = ("host", "port", "user", "password", "database")
        given = {name: self.config[name] for name in names if name in self.config}
        without = self.config["ssl_mode"] == "DISABLED"
        return pymysql.connect(**given, ssl_disabled=without, **options)

    def lenient(self):
        """Return a connection on which the server takes what it would refuse."""
        return self.connect(init_command="SET sql_mode = ''")

    @contextmanager
    def connection(self):
        """Give a cursor of a connection whose transaction is rolled back in the end."""
        with self.connect() as connection, connection.cursor() as cursor:
            yield cursor

    def execute(self, statement, *values):
        with self.connection() as cursor:
            cursor.execute(statement, values or None)
            rows = list(cursor.fetchall())
            cursor.connection.commit()
            return rows

    def tables(self):
        return [name for (name,) in self.execute("SHOW TABLES")]


class Mongo(StoreBackend):
    exporter = MongoStore
    watching_connections = 1

    def __init__(self, url, **fields):
        self.url = url
        self.config = {"url": url, **fields}
        self.prefix = fields.get("collection_prefix", "chest_")
        self.name = urlsplit(url).path[1:]

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port or 27_017

    def at(self, host, port):
        parts = urlsplit(self.url)
        credentials, at, _ = parts.netloc.rpartition("@")
        query = "&".join(filter(None, [parts.query, "directConnection=true"]))
        netloc = f"{credentials}{at}{host}:{port}"
        return {"url": parts._replace(netloc=netloc, query=query).geturl()}

    def ask(self, question):
        options = CodecOptions(uuid_representation=4)
        with pymongo.MongoClient(
            self.url, serverSelectionTimeoutMS=5_000, serverMonitoringMode="poll"
        ) as client:
            return question(client.get_database(self.name, options))

    def ids(self):
        return self.ask(lambda d: [str(r["_id"]) for r in d[f"{self.prefix}records"].find({}, [])])

    def variables(self):
        rows = self.ask(lambda d: list(d[f"{self.prefix}variables"].find()))
        return [(str(row["record_id"]), row["name"], self.shown(row["value"])) for row in rows]

    def shown(self, value):
        """Return a value of the view, which keeps its type, as text."""
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def set_version(self, version):
        change = {"$set": {"version": version}}
        self.ask(lambda d: d[f"{self.prefix}schema"].update_one({}, change))

    def take_names(self):
        self.ask(lambda d: d.chest_records.insert_one({"_id": 7}))

    def is_untouched(self):
        return self.ask(
            lambda d: (
                d.list_collection_names() == ["chest_records"]
                and list(d.chest_records.find()) == [{"_id": 7}]
            )
        )


class ClickHouse(StoreBackend):
    exporter = ClickHouseStore

    def __init__(self, url, **fields):
        self.url = url
        parts = urlsplit(url)
        self.config = {
            "host": parts.hostname,
            "port": parts.port or 8123,
            "database": unquote(parts.path[1:]),
            "user": unquote(parts.username or "default"),
            **({"password": unquote(parts.password)} if parts.password else {}),
            **fields,
        }
        self.prefix = fields.get("table_prefix", "chest_")

    def execute(self, statement):
        answer = ask(self.url, f"{statement} FORMAT JSONCompactEachRow")
        return [tuple(json.loads(line)) for line in answer.splitlines()]

    def run(self, statement):
        """Run a statement that has no rows."""
        ask(self.url, statement)

    def optimize(self):
        """Let the server merge all, as it does in the background after a while."""
        self.run(f"OPTIMIZE TABLE {self.prefix}records FINAL")

    def creation(self, name="records"):
        """Return the statement that creates a table, as the server shows it."""
        [(statement,)] = self.execute(f"SHOW CREATE TABLE {self.prefix}{name}")
        return statement

    def ids(self):
        """Return the IDs as the server merges them: a repeated record is one of these."""
        return [i for (i,) in self.execute(f"SELECT id FROM {self.prefix}records FINAL")]

    def variables(self):
        return self.execute(f"SELECT record_id, name, value FROM {self.prefix}variables")

    def set_version(self, version):
        self.run(f"TRUNCATE TABLE {self.prefix}schema")
        self.run(f"INSERT INTO {self.prefix}schema VALUES ({version})")

    def take_names(self):
        self.run("CREATE TABLE chest_records (id Int64) ENGINE = MergeTree ORDER BY id")
        self.run("INSERT INTO chest_records VALUES (7)")

    def is_untouched(self):
        tables = self.execute("SHOW TABLES")
        return tables == [("chest_records",)] and self.execute("SELECT * FROM chest_records") == [
            (7,)
        ]
