"""A database of version 1 gets rollups, while processes of version 1 go on delivering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

import pytest
from support.rollup_host import DECLARATION, QUESTIONS, Host, check_answers, check_rows
from support.version_1 import OLD

from flask_chest.testing.records import as_stored

BATCHES = 5


@pytest.fixture(
    params=[
        "sqlite",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("postgres", "mysql", "mongo")),
    ]
)
def backend(request, backend_of):
    return backend_of(request.param)


@pytest.fixture
def old(request, backend):
    """Return a process of version 1, which has created the database."""
    old = OLD[request.node.callspec.params["backend"]](backend)
    old.create()
    old.start()
    return old


@pytest.fixture
def store(backend, old):
    """Return a store of this version, which is not open."""
    del old
    store = backend.new()
    store.rollups = DECLARATION
    yield store
    store.close()


def check(host, delivered):
    """Compare what the store has with what was delivered, and rollups with both."""
    found = list(host.store.records(order_by="id"))
    assert found == sorted(map(as_stored, delivered), key=lambda record: record.id)
    (row,) = host.store.measure("count", where="tenant == 'acme'")
    weights = [r["weight"] for r in delivered if r["variables"]["tenant"] == "acme"]
    assert row["count"] == sum(weights)
    check_answers(host, questions=[QUESTIONS[1], QUESTIONS[2]])


@pytest.mark.slow
def test_version_1_and_this_one_deliver_at_the_same_time(old, store):
    made = Host()
    delivered = [made.record(age) for age in made.ages(9, days=2)]
    old.deliver(delivered)
    store.open()
    host = Host(store)
    host.lead()
    check(host, delivered)

    old.start()  # a process of version 1 starts again, beside this one
    batches = [[made.record(age) for age in made.ages(3, minutes=5)] for _ in range(BATCHES)]
    with ThreadPoolExecutor(1) as other:
        sent = other.submit(lambda: [old.deliver(batch) for batch in batches])
        for _ in range(BATCHES):
            delivered += host.deliver(*host.ages(3, minutes=5))
            host.lead()
        sent.result()
    old.deliver(batches[0])  # once more, as after a lost answer
    delivered += chain.from_iterable(batches)
    host.now += timedelta(minutes=1)  # a minute that has not ended is not looked through
    host.lead()
    check(host, delivered)
    check_rows(host)
