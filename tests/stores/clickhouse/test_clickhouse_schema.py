"""Tables of ClickHouse that were changed: what delivery tolerates, what is found and repaired."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import timedelta

import pytest

from flask_chest import open_store
from flask_chest.errors import ConfigurationError, SchemaMismatch
from flask_chest.testing import make_batch, make_record


def levels(store, subject):
    return [(f.level, f.text) for f in store.findings() if f.subject == subject]


def test_an_administrator_may_create_the_tables(backend, opened):
    for statement in backend.new().ddl():
        backend.run(statement)
    before = backend.creation()
    opened(backend).export(make_batch(make_record()))
    assert backend.creation() == before
    assert len(backend.ids()) == 1


def test_nothing_is_found_in_a_database_that_is_in_order(backend, store):
    store.export(make_batch(*(make_record() for _ in range(3))))
    found = {f.subject: f for f in backend.new().findings()}
    assert {f.level for f in found.values()} == {"ok"}
    assert re.fullmatch(r"ClickHouse \d+\.\d+.*", found["version"].text)
    assert found["schema"].text == "version 1, as it should be"
    assert found["retention"].text == "records are kept for ever"
    assert found["size"].text.startswith("3 records, ")
    assert backend.new().repair() == []


def test_check_says_that_there_are_no_tables_yet_and_makes_none(backend):
    assert levels(backend.new(), "schema") == [
        ("ok", "there are no tables yet: the first delivery creates them")
    ]
    assert backend.execute("SHOW TABLES") == []


CHANGES = (
    "ALTER TABLE chest_records DROP INDEX chest_request_id",
    "ALTER TABLE chest_records DROP CONSTRAINT chest_is_json",
    "ALTER TABLE chest_records DROP COLUMN vars_3",
    "ALTER TABLE chest_records MODIFY SETTING non_replicated_deduplication_window = 0",
    "CREATE OR REPLACE VIEW chest_variables AS SELECT 1 AS x",
)


def test_what_was_changed_is_named_and_repaired(backend, store):
    store.export(make_batch(make_record(variables={"n": 1, "tenant": "acme"})))
    for change in CHANGES:
        backend.run(change)
    found = " ".join(text for level, text in levels(backend.new(), "schema") if level != "ok")
    for part in ("chest_request_id", "chest_is_json", "vars_3", "deduplication_window"):
        assert part in found
    done = " ".join(backend.new().repair())
    for part in ("chest_request_id", "chest_is_json", "vars_3", "deduplication", "chest_variables"):
        assert part in done
    assert [level for level, _ in levels(backend.new(), "schema")] == ["ok"]
    assert sorted(name for _, name, _ in backend.variables()) == ["n", "tenant"]
    assert store.measure("sum(n)", by=["tenant"])[0]["sum(n)"] == 1.0
    assert backend.new().repair() == []


@pytest.mark.parametrize("name", ["records", "schema", "variables"])
def test_what_is_gone_is_created_again(backend, opened, name):
    opened(backend).close()
    kind = "VIEW" if name == "variables" else "TABLE"
    backend.run(f"DROP {kind} chest_{name} SYNC")
    opened(backend).export(make_batch(make_record()))
    assert len(backend.ids()) == 1
    assert [level for level, _ in levels(backend.new(), "schema")] == ["ok"]


def test_a_table_that_keeps_repeated_records_is_named(backend):
    for statement in backend.new().ddl()[:2]:
        backend.run(statement.replace("ReplacingMergeTree(kept)", "MergeTree"))
    assert any("keeps repeated records" in text for _, text in levels(backend.new(), "schema"))
    store = backend.new()
    for refused in (store.repair, store.open):
        with pytest.raises(SchemaMismatch, match=r"has the engine MergeTree.*copy the records"):
            refused()


def test_a_table_in_another_order_is_named_and_used(backend, store):
    *creation, _ = store.ddl()
    backend.run("DROP TABLE chest_records SYNC")
    backend.run(creation[1].replace("(started_at, toUInt128(id))", "(id, started_at)"))
    again = backend.new()
    again.open()
    again.export(make_batch(make_record()))
    assert again.count() == 1
    again.close()
    [(_, text)] = levels(backend.new(), "schema")
    assert "is sorted by id, started_at, and not by started_at, toUInt128(id)" in text
    with pytest.raises(ConfigurationError, match="copy the records"):
        backend.new().repair()


def test_a_table_of_the_other_kind_is_refused(backend, opened):
    opened(backend).close()
    other = backend.new(cluster="shop", sharded=True)
    with pytest.raises(SchemaMismatch, match="Set sharded=False"):
        other.open()
    other.close()


def test_a_ttl_that_is_not_configured_is_named(backend):
    store = backend.new()
    store.retention = timedelta(days=30)
    store.open()
    store.close()
    [(level, text)] = levels(backend.new(), "retention")
    assert level == "warning"
    assert "the server deletes records after 33 days" in text


def test_check_says_when_the_leader_deletes_and_when_the_server_does(backend):
    store = backend.new()
    store.retention = timedelta(days=30)
    store.open()
    store.close()
    text = "the leader drops whole days after 30 days, the server 3 days later"
    assert levels(store, "retention") == [("ok", text)]


def test_a_retention_that_is_not_known_leaves_the_ttl_as_it_is(backend):
    store = backend.new()
    store.retention = timedelta(days=30)
    store.open()
    store.close()
    before = backend.creation()
    with closing(open_store(backend.url)) as unknowing:
        unknowing.export(make_batch(make_record()))
        assert unknowing.repair() == []
        assert levels(unknowing, "retention") == [
            ("ok", "the server deletes records after 33 days")
        ]
    assert backend.creation() == before
    with closing(open_store({"url": backend.url, "retention": "10d"})):
        assert levels(store, "retention")[0][0] == "warning"
    assert backend.creation() != before
