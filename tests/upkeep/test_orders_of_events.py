"""Erasures, copies and purges at the same time: whatever the order, nothing erased comes back."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
from support.list_store import ListStore, Turns

from flask_chest.journal import MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START
from flask_chest.upkeep.copying import copy
from flask_chest.upkeep.erasure import erase

ORDERS = 300


def make(turns, number=3, first="a"):
    """Return empty stores but for one, and the IDs of its records that are not of the user `u`."""
    stores = {name: ListStore(name, turns.take) for name in "abc"[:number]}
    records = [
        make_record(started_at=START + timedelta(seconds=n), variables={"user": "uv"[n % 2]})
        for n in range(4)
    ]
    stores[first].export(make_batch(*records))
    return stores, {record["id"] for record in records if record["variables"]["user"] == "v"}


def forget(stores):
    journal = MemoryJournal((), Counters(), Throttle())
    return erase(
        "user == 'u'",
        exporters=stores,
        store=lambda name: nullcontext(stores[name]),
        journal=journal,
    )


@pytest.mark.parametrize(
    "first",
    [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(100, ORDERS, 100))],
)
def test_a_copy_brings_nothing_back(first):
    seen = set()
    for seed in range(first, first + 100):
        turns = Turns(seed)
        stores, others = make(turns, 2)
        reports = []
        turns.run(
            lambda: reports.append(copy(stores["a"], stores["b"])),  # noqa: B023 - run in the loop
            lambda: forget(stores),  # noqa: B023 - as above
        )
        assert set(stores["a"].kept) == others, seed
        assert set(stores["b"].kept) == others, seed
        seen.add((reports[0].copied, reports[0].withdrawn))
    assert len(seen) > 2, "the orders differ"


def test_neither_do_two_copies_in_both_directions():
    for seed in range(ORDERS):
        turns = Turns(seed)
        stores, others = make(turns, 2)
        turns.run(
            lambda: copy(stores["a"], stores["b"]),  # noqa: B023 - run in the loop
            lambda: copy(stores["b"], stores["a"]),  # noqa: B023 - as above
            lambda: forget(stores),  # noqa: B023 - as above
        )
        assert set(stores["a"].kept) == others, seed
        assert set(stores["b"].kept) <= others, seed


@pytest.mark.parametrize(("source", "target"), ["ab", "ba"])
def test_nor_a_copy_while_its_source_is_purged(source, target):
    for seed in range(ORDERS):
        turns = Turns(seed)
        stores, others = make(turns, 2, first=source)
        turns.run(
            lambda: copy(stores[source], stores[target]),  # noqa: B023 - run in the loop
            lambda: stores[source].purge(before=START + timedelta(days=1)),  # noqa: B023 - as above
            lambda: forget(stores),  # noqa: B023 - as above
        )
        for store in stores.values():
            assert set(store.kept) <= others, seed


@pytest.mark.slow
def test_nor_a_chain_of_copies():
    for seed in range(ORDERS):
        turns = Turns(seed)
        stores, others = make(turns)
        turns.run(
            lambda: copy(stores["a"], stores["b"]),  # noqa: B023 - run in the loop
            lambda: copy(stores["b"], stores["c"]),  # noqa: B023 - as above
            lambda: forget(stores),  # noqa: B023 - as above
        )
        assert set(stores["a"].kept) == set(stores["b"].kept) == others, seed
        assert set(stores["c"].kept) <= others, seed
