"""Errors of MongoDB that a person has to fix, and the remedy that each names."""

from __future__ import annotations

import logging
import re
import select
import socket
import socketserver
import threading
from contextlib import contextmanager
from urllib.parse import quote_plus

import pymongo
import pytest
from flask_chest_mongo import MongoConfig, MongoStore
from flask_chest_mongo.codes import OF_DOCUMENTS
from support.mongo import PASSWORD, format_all

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.rollup import Declaration
from flask_chest.testing import make_batch, make_record

SOON = {"connect_timeout_seconds": 1.5}
"""For errors that come only after this time: until then, a server that fits is looked for."""


def test_the_role_readwrite_is_enough(guarded):
    url = f"mongodb://writer:{quote_plus(PASSWORD)}@127.0.0.1:{guarded.port}/shop"
    for config in (MongoConfig(url=url), guarded.store().config):
        store = MongoStore(config)
        store.check()
        store.open()
        store.export(make_batch(make_record()))
        assert store.count() >= 1
        store.close()


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"password": "wr0ng-s3cret"}, r"authentication failed\. Correct the user, the password"),
        ({"user": "nobody"}, r"Correct the user"),
        ({"auth_source": "admin"}, r"or `auth_source`"),
        ({"user": None, "password": None}, r"Name a `user` that has the role readWrite"),
        ({"database": "other", "auth_source": "shop"}, r"not authorized on other.*readWrite"),
        ({"replica_set": "of-others", **SOON}, r"of-others.*Correct `replica_set`"),
        ({"replica_set": "of-others", "direct_connection": True, **SOON}, r"Correct `replica_set`"),
        ({"tls": True, **SOON}, r"handshake.*It may offer no TLS"),
    ],
    ids=str,
)
def test_a_wrong_configuration_is_refused_with_the_remedy(guarded, fields, remedy):
    store = guarded.store(**fields)
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        store.open()
    assert f"127.0.0.1:{guarded.port}/" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_user_who_may_only_read_asks_and_is_told_that_it_cannot_deliver(guarded):
    writer, reader = guarded.store(), guarded.store(user="reader")
    writer.open()
    record = make_record()
    writer.export(make_batch(record))
    reader.open()
    assert reader.count() == writer.count() >= 1
    with pytest.raises(ConfigurationError, match=r"not authorized.*the role readWrite"):
        reader.export(make_batch(make_record()))
    with pytest.raises(ExporterUnavailable, match=r"not authorized.*the role readWrite"):
        reader.check()
    for store in (writer, reader):
        store.close()


def test_the_password_is_shown_nowhere(guarded, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    url = f"mongodb://writer:{quote_plus(PASSWORD)}@127.0.0.1:{guarded.port}/shop"
    shown = []
    for fields in ({}, {"user": "nobody"}, {"database": "other", "auth_source": "shop"}):
        config = MongoConfig(url=url, **fields)
        store = MongoStore(config)
        shown += [repr(config), str(config), str(config.model_dump()), config.model_dump_json()]
        for call in (store.open, store.check, store.count):
            try:
                call()
            except ChestError as error:
                shown.append(format_all(error))
        shown.append(repr(vars(store)))
        store.close()
    shown += [caplog.text, *capfd.readouterr()]
    assert "Correct the user" in "".join(shown)
    for secret in (PASSWORD, quote_plus(PASSWORD)):
        assert not any(secret in text for text in shown)


def test_check_makes_a_wrong_password_an_unavailable_exporter(guarded):
    with pytest.raises(ExporterUnavailable, match="Correct the user, the password"):
        guarded.store(password="wrong").check()


def test_a_revoked_privilege_is_a_configuration_error(guarded, fail):
    store = guarded.store()
    store.open()
    fail(failCommands=["insert", "find"], errorCode=13, times=2)
    for call in (lambda: store.export(make_batch(make_record())), store.query):
        with pytest.raises(ConfigurationError, match="readWrite"):
            call()
    store.close()


def test_retention_changes_without_the_privilege_to_change_an_index(guarded, fail):
    for days in (1, 2):
        store = guarded.store(retention_days=days, collection_prefix="kept_")
        fail(failCommands=["collMod"], errorCode=13)
        store.open()
        store.close()
        with pymongo.MongoClient(guarded.url()) as client:
            index = client.shop.kept_records.index_information()["chest_retention"]
        assert index["expireAfterSeconds"] == days * 86_400


def test_rollups_that_cannot_be_created_keep_no_record_waiting(guarded, fail, said):
    store = guarded.store(collection_prefix="plain_")
    store.open()
    store.rollups = Declaration()
    fail(failCommands=["create"], errorCode=13)
    store.open()
    assert store.rollup_storage() is None
    store.export(make_batch(make_record()))
    assert store.count() == 1
    store.close()
    [line] = said()
    assert "the collections of the rollups cannot be created" in line
    assert "what `flask chest schema print` shows, or set CHEST_ROLLUPS=0" in line


@contextmanager
def rewriting(address, pattern, replacement):
    """Give the port of a relay that changes what the server sends."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(address) as server:
                other = {self.request: server, server: self.request}
                while True:
                    for readable in select.select(list(other), (), ())[0]:
                        try:
                            data = readable.recv(65_536)
                            if readable is server:
                                data = re.sub(pattern, replacement, data)
                            other[readable].sendall(data)
                        except OSError:
                            data = b""
                        if not data:
                            return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as relay:
        relay.daemon_threads = True
        thread = threading.Thread(target=relay.serve_forever, args=(0.01,))
        thread.start()
        yield relay.server_address[1]
        relay.shutdown()
        thread.join()


@pytest.mark.parametrize("wire_version", [6, 9, 12])
def test_a_server_before_mongodb_5_is_refused(backend, wire_version):
    claim = b"\\1" + wire_version.to_bytes(4, "little")
    with rewriting(backend.address, rb"(?s)(\x10maxWireVersion\0).{4}", claim) as port:
        store = backend.new(**backend.at("127.0.0.1", port))
        with pytest.raises(ConfigurationError, match=f"{port}/.*older than MongoDB 5.0. Upgrade"):
            store.open()
    assert backend.ask(lambda db: db.list_collection_names()) == []


STATES = [
    *(1, 6, 7, 8, 13, 17, 18, 24, 26, 43, 46, 50, 59, 63, 64, 65, 67, 72, 73, 83, 89, 90, 91, 96),
    *(100, 112, 117, 125, 134, 136, 145, 146, 150, 165, 166, 175, 189, 202, 208, 211, 225, 226),
    *(227, 237, 239, 246, 249, 250, 251, 257, 262, 264, 267, 272, 276, 279, 281, 290, 292, 303),
    *(314, 319, 338, 342, 355, 358, 363, 365, 371, 384, 388, 391, 402, 406, 407, 412, 433, 449),
    *(450, 453, 462, 9001, 10003, 10058, 10107, 11600, 11601, 11602, 12586, 12587, 13297, 13388),
    *(13435, 13436, 14031, 28769, 46841, 50915, 56846, 57986, 91331, 10045600),
]
"""Codes of error_codes.yml that say something of the server, and not of a document."""

UNKNOWN = [3999, 7_654_321, 99_999_999]


def test_a_fault_in_a_document_is_rejected_and_every_other_code_is_retried(backend, store):
    refusing = {"method": {"$ne": "PUT"}}
    backend.ask(lambda db: db.command("collMod", "chest_records", validator=refusing))
    wanted = b""

    def told(found):
        return found[1] + wanted

    # The server really refuses the second record, and the relay gives another reason.
    with rewriting(backend.address, rb"(\x10code\0)\x79\0\0\0", told) as port:
        relayed = backend.new(**backend.at("127.0.0.1", port))
        relayed.open()
        batch = make_batch(make_record(), make_record(method="PUT"))
        kinds = {**dict.fromkeys([*STATES, *UNKNOWN], False), **dict.fromkeys(OF_DOCUMENTS, True)}
        for code, is_rejected in kinds.items():
            wanted = code.to_bytes(4, "little")
            with pytest.raises(ChestError, match="failed validation") as caught:
                relayed.export(batch)
            assert isinstance(caught.value, BatchRejected) is is_rejected, code
        relayed.close()
    assert len(backend.ids()) == 1


@pytest.mark.parametrize("code", [15, 22, 357, 378, 10334])
def test_a_message_that_the_server_cannot_read_is_rejected(guarded, fail, code):
    store = guarded.store()
    store.open()
    fail(failCommands=["insert"], errorCode=code)
    with pytest.raises(BatchRejected):
        store.export(make_batch(make_record()))
    store.export(make_batch(make_record()))
    store.close()


@pytest.mark.parametrize("code", [2, 9, 14, 121, 11601, 12586, 12587, 46841, 99_999_999])
def test_a_command_that_fails_for_another_reason_is_retried(guarded, fail, code):
    store = guarded.store()
    store.open()
    fail(failCommands=["insert"], errorCode=code)
    with pytest.raises(ExporterUnavailable):
        store.export(make_batch(make_record()))
    store.close()
