"""Collections that an administrator has created, and a user who may create none."""

from __future__ import annotations

from datetime import timedelta

import pymongo
import pytest
from support.mongo import PASSWORD, run_as_mongosh
from support.rollup_host import DECLARATION, Host, check_rows

from flask_chest.schema import SCHEMA_VERSION
from flask_chest.testing import make_batch, make_record

ROLE = {
    "": ["listCollections"],
    "chest_schema": ["find"],
    "chest_records": ["find", "insert", "remove", "listIndexes", "collStats"],
    "chest_rollups": ["find", "insert", "remove", "listIndexes"],
    "chest_rollup_marks": ["find", "insert", "remove", "listIndexes"],
    "chest_rollup_state": ["find", "insert", "update", "remove"],
}
"""Actions by collection, as docs/how-to/mongodb.md has them."""


class ByHand:
    """A database that has an owner, a reader, and a writer with a role of its own."""

    def __init__(self, guarded, client):
        self.guarded = guarded
        self.client = client
        self.database = client.hand
        for user, role in (("owner", "readWrite"), ("reader", "read")):
            self.database.command("createUser", user, pwd=PASSWORD, roles=[role])

    def allow(self, role):
        privileges = [
            {"resource": {"db": "hand", "collection": name}, "actions": actions}
            for name, actions in role.items()
        ]
        self.database.command("createRole", "deliver", privileges=privileges, roles=[])
        self.database.command("createUser", "writer", pwd=PASSWORD, roles=["deliver"])

    def print(self):
        """Run what is printed twice: the second time, it changes nothing."""
        script = "".join(f"{each};\n" for each in self.owner().ddl())
        shapes = []
        for _ in range(2):
            run_as_mongosh(self.client, script)
            shapes.append(self.shape())
        assert shapes[0] == shapes[1]

    def shape(self):
        names = sorted(self.database.list_collection_names(filter={"type": "collection"}))
        return (
            {name: self.database[name].index_information() for name in names},
            {name: list(self.database[name].find()) for name in names},
        )

    def owner(self):
        return self._declared("owner")

    def writer(self):
        return self._declared("writer")

    def _declared(self, user):
        store = self.guarded.store(user=user, database="hand")
        store.rollups = DECLARATION
        return store

    def close(self):
        for user in self.database.command("usersInfo")["users"]:
            self.database.command("dropUser", user["user"])
        for role in self.database.command("rolesInfo")["roles"]:
            self.database.command("dropRole", role["role"])
        self.client.drop_database("hand")


@pytest.fixture
def kept(guarded):
    with pymongo.MongoClient(guarded.url()) as client:
        made = ByHand(guarded, client)
        yield made
        made.close()


@pytest.fixture
def by_hand(kept):
    kept.print()
    kept.allow(ROLE)
    return kept


def warnings(store):
    return [str(each) for each in store.findings() if each.level != "ok"]


def test_a_user_with_the_pages_privileges_has_rollups_and_no_warning(by_hand, said):
    assert warnings(by_hand.writer()) == []
    assert by_hand.owner().repair() == []
    store = by_hand.writer()
    store.open()
    try:
        host = Host(store)
        host.deliver(timedelta(hours=2), timedelta(minutes=5))
        assert store.rollup_storage().marked()
        host.lead()
        check_rows(host)
        assert store.delete(store.query(limit=1)) == 1
        host.purge(host.now - timedelta(hours=1))
        assert store.count() <= 1
    finally:
        store.close()
    assert warnings(by_hand.writer()) == []
    assert said() == []


def test_what_is_printed_leaves_a_newer_version_and_what_was_computed(by_hand):
    store = by_hand.owner()
    store.open()
    host = Host(store)
    host.deliver(timedelta(hours=2))
    host.lead()
    store.close()
    versions = by_hand.database.chest_schema
    versions.update_one({}, {"$set": {"version": SCHEMA_VERSION + 1}})
    before = by_hand.shape()
    by_hand.print()
    assert by_hand.shape() == before


def test_a_missing_state_is_written_by_a_user_who_creates_nothing_and_by_repair(by_hand, said):
    """As the statements of older releases leave it."""
    by_hand.database.chest_rollup_state.delete_many({})
    assert by_hand.owner().repair() == ["created the state of the rollups, which are computed anew"]
    assert by_hand.owner().repair() == []
    by_hand.database.chest_rollup_state.delete_many({})
    store = by_hand.writer()
    store.open()
    assert store.rollup_storage().state().revision == 0
    store.close()
    assert said() == []


def test_repair_creates_collections_of_rollups_that_were_dropped(by_hand):
    by_hand.database.drop_collection("chest_rollups")
    store = by_hand.owner()
    assert store.repair() == ["created the collections of the rollups, which are computed anew"]
    assert warnings(by_hand.writer()) == []


def test_findings_write_nothing(by_hand):
    by_hand.database.chest_rollup_state.delete_many({})
    before = by_hand.shape()
    store = by_hand.writer()
    store.check()
    store.findings()
    assert by_hand.shape() == before


def test_collections_of_rollups_that_a_user_cannot_create_are_a_finding(kept, said):
    plain = kept.owner()
    plain.rollups = False
    plain.open()
    plain.close()
    kept.allow(ROLE)
    before = kept.shape()
    [warning] = warnings(kept.writer())
    assert "their collections are not there, and this user may not create them" in warning
    assert "flask chest schema print" in warning
    assert warnings(kept.owner()) == []
    assert kept.shape() == before
    store = kept.writer()
    store.open()
    store.export(make_batch(make_record()))
    assert store.rollup_storage() is None
    store.close()
    assert "the collections of the rollups cannot be created or read" in "".join(said())


@pytest.mark.parametrize(
    ("action", "collections"),
    [
        ("update", ["rollup_state"]),
        ("remove", ["rollups", "rollup_marks", "rollup_state"]),
        ("listIndexes", ["rollups", "rollup_marks"]),
    ],
)
def test_each_action_that_the_rollups_lack_is_a_finding(kept, action, collections):
    """SecantusDB gives a role its actions in the whole database."""
    kept.print()
    kept.allow({name: [each for each in ROLE[name] if each != action] for name in ROLE})
    [warning] = [each for each in warnings(kept.writer()) if " rollups up" in each]
    lacking = ", ".join(f"{action} on chest_{each}" for each in collections)
    assert f"may not keep the rollups up to date: it lacks {lacking}" in warning


@pytest.fixture
def refuse(kept):
    """Return a function that lets the server refuse one of the next insertions."""

    def refuse(*, after):
        mode = {"skip": after, "times": 1}
        data = {"failCommands": ["insert"], "errorCode": 13}
        kept.client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    yield refuse
    kept.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_marks_that_a_user_may_not_write_are_a_finding(kept, refuse):
    kept.print()
    refuse(after=2)
    [warning] = warnings(kept.owner())
    assert "get records an hour later: it lacks insert on chest_rollup_marks" in warning


def test_a_user_who_may_write_no_marks_delivers_and_deletes(kept, refuse, said):
    kept.print()
    store = kept.owner()
    store.open()
    refuse(after=1)
    store.export(make_batch(*(make_record() for _ in range(3))))
    rollups = store.rollup_storage()
    assert rollups.marked() == set()
    records = store.query()
    assert store.delete(records[:1]) == 1
    assert store.purge(before=records[0].started_at + timedelta(seconds=1)) == 2
    assert rollups.marked() == set()
    store.close()
    [line] = said()
    assert "may not write chest_rollup_marks, so the rollups get its records an hour later" in line


def test_who_only_reads_tries_to_write_nothing_and_is_told_nothing(by_hand, said, guarded):
    owner = by_hand.owner()
    owner.open()
    owner.export(make_batch(make_record()))
    owner.close()
    store = guarded.store(user="reader", database="hand")
    store.open()
    assert store.rollup_storage().marked()
    assert store.count() == 1
    store.close()
    assert said() == []
