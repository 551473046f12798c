"""One application that delivers to all databases at once, while they fail and come back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from flask import g
from support.backends import ClickHouse, Postgres
from support.waiting import until

from flask_chest.testing import Relay, make_batch, make_record

REQUESTS = 60


@pytest.fixture
def backends(backend_of, postgres, clickhouse):
    names = ("sqlite", "postgres", "mysql", "mongo")
    return {
        **{name: backend_of(name) for name in names},
        # As soon as there is one record, and not in large batches.
        "clickhouse": ClickHouse(clickhouse, min_batch_records=1),
        # A second one of a type, in the same database.
        "archive": Postgres(postgres, table_prefix="archive_", partition_by_day=True),
    }


@pytest.fixture
def relays(backends):
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Relay(*backend.address))
            for name, backend in backends.items()
            if name in ("postgres", "mysql", "mongo", "clickhouse")
        }


@pytest.fixture
def chest(make_chest, app, backends, relays):
    def entry(name):
        backend = backends[name]
        where = backend.at(*relays[name].address) if name in relays else {}
        patience = {"connect_timeout_seconds": 2.0, "timeout_seconds": 2.0}
        if name == "sqlite":
            patience = {}
        return {"type": backend.exporter.type, **backend.config, **where, **patience}

    chest = make_chest(
        exporters={name: entry(name) for name in backends}, export_interval_seconds=0.1
    )
    chest.init_app(app)

    @app.get("/<int:number>")
    @chest.track("number", "name")
    def view(number):
        g.number = number
        g.name = f"näme {number}"
        return "ok"

    return chest


def ask(app, numbers):
    client = app.test_client()
    return [client.get(f"/{number}").headers["X-Request-ID"] for number in numbers]


def test_every_record_reaches_every_database_once(app, chest, backends):
    answered = ask(app, range(REQUESTS))
    assert chest.flush(60)
    for name, backend in backends.items():
        assert sorted(backend.ids()) == sorted(answered), name
        assert chest.store(name).count(variables={"name": "näme 7"}) == 1


@pytest.mark.parametrize(
    "down",
    [
        "postgres",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("mysql", "mongo", "clickhouse")),
    ],
)
def test_an_outage_of_one_database_delays_no_other(app, chest, backends, relays, down, said):
    answered = ask(app, range(10))
    assert chest.flush(60)
    relays[down].cut()
    answered += ask(app, range(10, 20))
    others = [name for name in backends if name != down]
    until(lambda: all(len(backends[name].ids()) == len(answered) for name in others))
    until(lambda: chest.stats().exporters[down].failures)
    assert len(backends[down].ids()) == 10
    stats = chest.stats().exporters
    assert stats[down].pending_bytes
    assert stats[down].lag_seconds > 0
    assert [name for name in others if stats[name].failures] == []
    # A failure is counted before it is logged.
    [complaint] = until(lambda: [line for line in said() if "cannot deliver" in line])
    assert repr(down) in complaint
    assert str(relays[down].address[1]) in complaint
    relays[down].restore()
    assert chest.flush(60)
    for name, backend in backends.items():
        assert sorted(backend.ids()) == sorted(answered), name


def test_an_application_starts_while_its_database_is_down(make_chest, app, postgres, said):
    backend = Postgres(postgres)
    with Relay(*backend.address) as relay:
        relay.cut()
        chest = make_chest(
            exporters={"main": {"type": "postgres", **backend.config, **backend.at(*relay.address)}}
        )
        chest.init_app(app)
        app.get("/")(chest.track(lambda: "ok"))
        assert app.test_client().get("/").text == "ok"
        assert not chest.flush(5)
        assert "cannot deliver; the records wait in the journal" in said()[0]
        relay.restore()
        assert chest.flush(10)
        assert len(backend.ids()) == 1


@pytest.mark.parametrize(
    ("name", "waits"),
    [("postgres", 1), ("archive", 1), ("mysql", 2), ("mongo", 1), ("clickhouse", 1)],
)
@pytest.mark.slow
def test_a_batch_waits_for_its_server_only_once_or_twice(backends, name, waits):
    """MySQL commits in a second step: a warning about a cut value rolls the batch back."""
    backend, batches = backends[name], 12
    records = [make_record(variables={"pad": "x" * 300}) for _ in range(500)]
    with Relay(*backend.address) as relay:
        store = backend.new(**backend.at(*relay.address))
        store.open()
        store.export(make_batch(*records[:1]))
        before = list(relay.waits)
        for number in range(batches):
            for record in records:
                record["id"] = f"{record['id'][:28]}{number:08x}"
            store.export(make_batch(*records))
        after = list(relay.waits)
        store.close()
    assert len(after) == len(before), "a batch opens no connection"
    # PyMongo has connections that only watch the server.
    assert max(b - a for a, b in zip(before, after, strict=True)) == batches * waits
    assert len(backend.ids()) == batches * len(records) + 1
