"""Skipping indexes of variables on ClickHouse: created, dropped, and used by filters."""

from __future__ import annotations

import re

import pytest
from flask_chest_clickhouse.conditions import condition
from flask_chest_clickhouse.reading import SETTINGS
from support.waiting import until

from flask_chest.query import Selection, parse
from flask_chest.testing import make_batch, make_record

digest = re.compile("_[0-9a-f]{8}$")


@pytest.fixture
def wanting(store):
    def want(*variables):
        store.indexed_variables = variables
        return store

    return want


def of_variables(backend):
    found = backend.execute(
        "SELECT name FROM system.data_skipping_indices WHERE database = currentDatabase() "
        "AND table = 'chest_records' AND startsWith(name, 'chest_v_')"
    )
    return sorted(name.rpartition("_")[0] for (name,) in found)


def test_the_indexes_follow_the_setting(backend, wanting):
    for _ in range(2):
        wanting("user_id", "user.plan", "variables['odd key']").index_variables()
        assert of_variables(backend) == ["chest_v_odd_key", "chest_v_user_id", "chest_v_user_plan"]
    done = wanting("user.plan", "app.release").index_variables()
    assert of_variables(backend) == ["chest_v_app_release", "chest_v_user_plan"]
    assert sorted(text.split()[0] for text in done) == ["Created", "Dropped", "Dropped"]
    assert wanting("user.plan", "app.release").index_variables() == []
    assert wanting("user.plan", "model").ddl() != wanting().ddl()
    assert len(wanting().index_variables()) == 2
    assert of_variables(backend) == []


def of_check(store):
    return [(f.level, digest.sub("", f.text)) for f in store.findings() if f.subject == "indexes"]


def test_check_says_which_indexes_are_missing_or_left(wanting):
    wanting("model").index_variables()
    assert of_check(wanting("user.plan", "model")) == [
        ("ok", "the variable model has the index chest_v_model"),
        ("warning", "the variable user.plan has no index yet: equalities are slow"),
    ]
    assert of_check(wanting()) == [
        ("warning", "CHEST_INDEXED_VARIABLES names no variable for the index chest_v_model")
    ]


def test_repair_creates_the_indexes_of_an_application(backend, wanting):
    assert any("chest_v_model" in text for text in wanting("model").repair())
    assert of_variables(backend) == ["chest_v_model"]
    wanting().repair()  # as without an application, where they are unknown
    assert of_variables(backend) == ["chest_v_model"]


@pytest.mark.parametrize("name", ["user_id", "user.plan"])
def test_a_filter_passes_over_what_cannot_have_the_value(backend, wanting, name):
    store = wanting(name)
    for batch in range(3):
        store.export(
            make_batch(
                *(
                    make_record(variables={"user_id": f"u-{batch}", "user": {"plan": f"u-{batch}"}})
                    for _ in range(100)
                )
            )
        )
    store.index_variables()  # of the records that are there already, too
    undone = "SELECT 1 FROM system.mutations WHERE database = currentDatabase() AND NOT is_done"
    until(lambda: not backend.execute(undone))
    chosen = parse(f"{name} == 'u-1'").root
    assert len(store.select(Selection(where=chosen))) == 100
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    explained = backend.execute(
        "EXPLAIN indexes = 1 SELECT count() FROM chest_records FINAL "
        f"WHERE {condition(chosen)} SETTINGS {settings}"
    )
    lines = [line.strip() for (line,) in explained]
    skipping = lines[lines.index("Skip") :]
    assert next(line for line in skipping if line.startswith("Parts:")) == "Parts: 1/3"
