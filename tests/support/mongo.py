"""Helpers for the tests of the MongoDB store."""

from __future__ import annotations

import json
import re
import traceback

import bson
from bson.raw_bson import RawBSONDocument
from flask_chest_mongo import MongoConfig, MongoStore

from tools.servers import MongoServer

PASSWORD = "pl@nted:/se?cr#t%+&="


class GuardedServer(MongoServer):
    """A server that asks for a password, and fails on demand.

    After its first start, it has the user `root`, and `writer` and `reader` with PASSWORD in the
    database `shop`.
    """

    credentials = ""

    def __init__(self):
        super().__init__(options=["--enable-test-commands"])

    @property
    def own_url(self):
        return f"mongodb://{self.credentials}127.0.0.1:{self.port}"

    def demand_passwords(self):
        self.credentials = "root:root@"
        self.options += ["--auth"]
        self.stop()
        self.start()

    def store(self, **fields):
        """Return a store, not open, for `writer`, with some fields changed."""
        given = {"host": "127.0.0.1", "port": self.port, "database": "shop", "user": "writer"}
        return MongoStore(MongoConfig(**{**given, "password": PASSWORD, **fields}))


def indexes(backend):
    return backend.ask(lambda db: db.chest_records.index_information())


def raw_documents(backend):
    """Return the bytes of the documents, as they are on the wire."""
    codec = bson.CodecOptions(document_class=RawBSONDocument)

    def question(db):
        found = db.get_collection("chest_records", codec_options=codec).find().sort("_id", 1)
        return [document.raw for document in found]

    return backend.ask(question)


def format_all(error):
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


_STATEMENT = re.compile(
    r'db\.getSiblingDB\((?P<database>"[^"]*")\)'
    r'(?:\.getCollectionNames\(\)\.includes\((?P<unless>".*?")\) \|\| db\.getSiblingDB\("[^"]*"\))?'
    r"\.runCommand\((?P<command>.*)\)"
)


def run_as_mongosh(client, script):
    """Run statements of the forms that the store prints, as mongosh runs them."""
    for statement in re.split(r";\n", re.sub(r"/\*.*?\*/\n", "", script)):
        if statement:
            found = _STATEMENT.fullmatch(statement)
            assert found is not None, statement
            database = client[json.loads(found["database"])]
            unless = found["unless"]
            if unless is None or json.loads(unless) not in database.list_collection_names():
                reply = database.command(json.loads(found["command"]))
                assert "writeErrors" not in reply
