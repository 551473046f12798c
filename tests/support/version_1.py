"""Processes of version 1 of the schema: what they sent to each database, as statements."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from uuid import UUID

from bson import Binary

FIELDS = (
    *("id", "request_id", "trace_id", "service", "instance", "endpoint", "route", "method"),
    *("path", "status_code", "error", "started_at", "duration_ms", "weight", "variables"),
)
COLUMNS = ", ".join(FIELDS)
TYPES = {
    **dict.fromkeys(FIELDS, "text"),
    "id": "uuid",
    "status_code": "int2",
    "started_at": "timestamptz",
    "duration_ms": "float8",
    "weight": "float8",
    "variables": "jsonb",
}
VERSION = "SELECT max(version) FROM chest_schema"
DUPLICATE = 11_000  # MongoDB's, of an ID that is there already
FOLDER = Path(__file__).parents[1] / "stores" / "version_1"


class Old:
    """Creates the database as version 1 did, and delivers as it did.

    Args:
        backend: Of the database, from `support.backends`.
    """

    script = ""

    def __init__(self, backend):
        self.backend = backend

    def create(self):
        for statement in (FOLDER / self.script).read_text("utf-8").split(";\n"):
            if statement.strip():
                self.backend.execute(statement)

    def start(self):
        """Do what a process of version 1 did at its start, to a database that is there."""
        assert [tuple(row) for row in self.backend.execute(VERSION)] == [(1,)]
        assert self.backend.execute(f"SELECT {COLUMNS} FROM chest_records LIMIT 0") == []
        view = "record_id, request_id, started_at, endpoint, name, value"
        assert self.backend.execute(f"SELECT {view} FROM chest_variables LIMIT 0") == []

    def deliver(self, records):
        """Send one batch."""
        raise NotImplementedError


class OldSqlite(Old):
    script = "sqlite.sql"
    insertion = (
        f"INSERT INTO chest_records ({COLUMNS})"
        f" VALUES ({', '.join('?' for _ in FIELDS)}) ON CONFLICT (id) DO NOTHING"
    )

    def deliver(self, records):
        rows = [
            [json.dumps(each[name]) if name == "variables" else each[name] for name in FIELDS]
            for each in records
        ]
        with closing(sqlite3.connect(self.backend.path, timeout=60)) as connection, connection:
            connection.executemany(self.insertion, rows)


class OldPostgres(Old):
    script = "postgres.sql"
    insertion = (
        f'INSERT INTO "public"."chest_records" ({COLUMNS})'
        f" SELECT {COLUMNS} FROM jsonb_to_recordset(%s::jsonb) AS r"
        f" ({', '.join(f'{name} {TYPES[name]}' for name in FIELDS)})"
        " ORDER BY id ON CONFLICT (id) DO NOTHING"
    )

    def deliver(self, records):
        self.backend.execute(self.insertion, json.dumps(records))


class OldMysql(Old):
    script = "mysql.sql"
    names = (*(name for name in FIELDS if name not in ("started_at", "variables")),)
    insertion = (
        "INSERT INTO `chest_records`"
        f" ({', '.join(f'`{name}`' for name in (*names, 'started_at', 'variables'))})"
        " VALUES {rows} ON DUPLICATE KEY UPDATE id = `chest_records`.id"
    )

    def deliver(self, records):
        row = f"({', '.join(['%s'] * len(FIELDS))})"
        values = []
        for each in records:
            values += [each[name] for name in self.names]
            values += [each["started_at"][:-1], json.dumps(each["variables"])]
        statement = self.insertion.format(rows=",".join([row] * len(records)))
        self.backend.execute(statement, *values)


class OldMongo(Old):
    script = "mongo.json"

    def create(self):
        for command in json.loads((FOLDER / self.script).read_text("utf-8")):
            assert self.backend.ask(lambda db, command=command: db.command(command))["ok"] == 1

    def start(self):
        document = self.backend.ask(lambda db: db.chest_schema.find_one({"_id": "flask-chest"}))
        assert document["version"] == 1
        indexes = self.backend.ask(lambda db: db.chest_records.index_information())
        assert indexes.keys() >= {"chest_started_at", "chest_request_id"}
        views = self.backend.ask(
            lambda db: list(db.list_collections(filter={"name": "chest_variables"}))
        )
        assert [each["options"]["viewOn"] for each in views] == ["chest_records"]

    def deliver(self, records):
        command = {
            "insert": "chest_records",
            "documents": [self.document(each) for each in records],
            "ordered": False,
            "writeConcern": {"wtimeout": 27_000, "j": True, "w": "majority"},
        }
        reply = self.backend.ask(lambda db: db.command(command))
        assert {each["code"] for each in reply.get("writeErrors", [])} <= {DUPLICATE}

    @staticmethod
    def document(record):
        moment = datetime.fromisoformat(record["started_at"].removesuffix("Z"))
        return {
            "_id": Binary(UUID(record["id"]).bytes, 4),
            **{name: record[name] for name in FIELDS if name != "id"},
            "started_at": moment.replace(tzinfo=timezone.utc),
            "started_at_us": moment.microsecond % 1000,
        }


OLD = {"sqlite": OldSqlite, "postgres": OldPostgres, "mysql": OldMysql, "mongo": OldMongo}
