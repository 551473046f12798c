"""Connections to MongoDB: unconfirmed batches, lost primaries, slow queries, TLS."""

from __future__ import annotations

import threading
import time

import pymongo
import pytest
from flask_chest_mongo import MongoConfig, MongoStore
from support.certificates import make_authority, make_certificate
from support.leaks import new_threads
from support.waiting import until

from flask_chest.errors import (
    ConfigurationError,
    ExporterUnavailable,
    QueryTimeout,
)
from flask_chest.query.nodes import Variable
from flask_chest.query.questions import Order, Selection, Tally
from flask_chest.testing import Relay, make_batch, make_record
from tools.servers import MongoServer, free_port


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
            "majority of the servers has not confirmed the batch: waiting for replication",
        ),
        ({"errorCode": 14031}, "fail"),
        ({"errorCode": 2}, "fail"),
        ({"errorCode": 50}, "no answer within `timeout_seconds`"),
        ({"blockConnection": True, "blockTimeMS": 3_500}, "no answer within `timeout_seconds`"),
    ],
    ids=str,
)
def test_an_unconfirmed_batch_is_retried_and_stored_once(guarded, fail, data, message):
    store = guarded.store(timeout_seconds=3.0)
    store.open()
    batch = make_batch(*(make_record(request_id="waits") for _ in range(3)))
    before = store.count()
    fail(failCommands=["insert"], **data)
    with pytest.raises(ExporterUnavailable, match=message):
        store.export(batch)
    store.export(batch)
    assert store.count() == before + 3
    store.close()


@pytest.mark.parametrize("data", [{"closeConnection": True}, {"errorCode": 10107}], ids=str)
def test_a_batch_survives_one_lost_connection_or_primary(guarded, fail, data):
    store = guarded.store()
    store.open()
    fail(failCommands=["insert"], **data)
    store.export(make_batch(make_record()))
    fail(2, failCommands=["insert"], **data)
    with pytest.raises(ExporterUnavailable):
        store.export(make_batch(make_record()))
    store.close()


@pytest.mark.slow
def test_a_secondary_is_refused_and_a_set_without_primary_is_unavailable(guarded):
    writer = guarded.store(connect_timeout_seconds=1.5)
    writer.open()
    direct = guarded.store(direct_connection=True)
    with pymongo.MongoClient(guarded.url(), directConnection=True) as client:
        client.admin.command({"replSetStepDown": 5, "force": True})
        with pytest.raises(ConfigurationError, match=r"secondary, which is read-only\. Name"):
            direct.open()
        with pytest.raises(ExporterUnavailable, match="none of its servers is the primary"):
            writer.export(make_batch(make_record()))
        until(lambda: client.admin.command("hello")["isWritablePrimary"])
    writer.export(make_batch(make_record()))
    writer.close()


def test_a_confirmed_batch_survives_a_kill_of_the_server():
    with MongoServer(durable=True) as server:
        store = MongoStore(MongoConfig(url=server.url("shop"), connect_timeout_seconds=2.0))
        store.open()
        batches = [make_batch(make_record(), make_record()) for _ in range(2)]
        for number, batch in enumerate(batches):
            store.export(batch)
            server.kill()
            if number == 0:
                with pytest.raises(ExporterUnavailable, match="refused"):
                    store.export(batches[1])
            server.start()
        assert store.count() == 4
        store.close()
        server.kill()


def test_check_gives_up_on_a_hanging_server_after_seconds(backend):
    with Relay(*backend.address) as relay:
        relay.stall()
        store = backend.new(**backend.at(*relay.address), connect_timeout_seconds=60.0)
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match=rf"{relay.address[1]}/\w+: .*timed out"):
            store.check()
        assert time.monotonic() - started < 30.0


def test_close_does_not_wait_for_a_hanging_server(backend):
    with Relay(*backend.address) as relay:
        store = backend.new(**backend.at(*relay.address))
        store.open()
        relay.stall()
        started = time.monotonic()
        store.close()
        assert time.monotonic() - started < 10.0, "connect_timeout_seconds, the shorter time-out"


def test_check_leaves_no_thread_behind(backend):
    before = set(threading.enumerate())
    backend.new().check()
    assert new_threads(before) == []
    with pytest.raises(ExporterUnavailable):
        backend.new(port=free_port(), connect_timeout_seconds=0.5).check()
    assert new_threads(before) == []


@pytest.mark.slow
def test_tls_verifies_certificates_on_both_sides(tmp_path):
    authority = make_authority(tmp_path, "authority")
    certificate, key = make_certificate(tmp_path, authority, "localhost")
    (tmp_path / "client").mkdir()
    ours = make_certificate(tmp_path / "client", authority, "client")
    both = tmp_path / "both"
    both.write_bytes(b"".join(file.read_bytes() for file in ours))

    class SecureServer(MongoServer):
        def url(self, database=""):
            return (
                f"mongodb://localhost:{self.port}/{database}?directConnection=true&tls=true"
                f"&tlsCAFile={authority}&tlsCertificateKeyFile={both}"
            )

    options = [
        f"--tls-cert-file={certificate}",
        f"--tls-key-file={key}",
        f"--tls-ca-file={authority}",
        "--tls-require-client-cert",
    ]
    with SecureServer(options=options) as server:
        store = MongoStore(MongoConfig(url=server.url("shop")))
        store.open()
        store.export(make_batch(make_record()))
        assert store.count() == 1
        store.close()
        for changes, error, message in (
            ({"tls_ca_file": None}, ConfigurationError, "`tls_ca_file` names the authority"),
            (
                {"host": "127.0.0.1"},
                ConfigurationError,
                "certificate is not valid for '127.0.0.1'.*`host` the name in it",
            ),
            (
                {"tls_certificate_key_file": None},
                # With TLS 1.3 it may be refused only after the handshake.
                (ConfigurationError, ExporterUnavailable),
                "want a certificate of yours",
            ),
            (
                {"tls": None, "tls_ca_file": None, "tls_certificate_key_file": None},
                ExporterUnavailable,
                "may demand TLS",
            ),
        ):
            fields = {"connect_timeout_seconds": 1.5, **changes}
            refused = MongoStore(store.config.model_copy(update=fields))
            with pytest.raises(error, match=message):
                refused.open()
        server.kill()


def asks(store):
    return (
        lambda: store.select(Selection()),
        lambda: store.select(Selection(order=Order(Variable(("odd.name",))))),
        lambda: list(store.tally(Tally())),
    )


def test_a_query_that_takes_too_long_is_cancelled_and_says_what_to_do(guarded, fail):
    store = guarded.store(query_timeout_seconds=0.5)
    store.open()
    store.export(make_batch(make_record()))
    slow = {"blockConnection": True, "blockTimeMS": 1_500}
    for data in ({"errorCode": 50}, slow):
        for ask in asks(store):
            fail(failCommands=["find", "aggregate"], **data)
            with pytest.raises(QueryTimeout, match=r"longer than 0\.5 s, .*query_timeout_seconds"):
                ask()
    assert all(map(len, (ask() for ask in asks(store))))
    store.close()


def test_a_server_that_fails_is_no_time_out(guarded, fail):
    store = guarded.store()
    store.open()
    for ask in asks(store):
        fail(failCommands=["find", "aggregate"], errorCode=14031)
        with pytest.raises(ExporterUnavailable):
            ask()
    store.close()
