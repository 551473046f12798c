"""Indexes of variables on MongoDB: created, dropped, told from those of others."""

from __future__ import annotations

import pytest
from support.mongo import indexes

from flask_chest.query import Selection, parse
from flask_chest.testing import make_batch, make_record

TIME = [("started_at", 1), ("started_at_us", 1), ("_id", 1)]


@pytest.fixture
def wanting(store):
    def want(*variables):
        store.indexed_variables = variables
        return store

    return want


def of_variables(backend):
    return {name: index["key"] for name, index in indexes(backend).items() if "_v_" in name}


def test_the_indexes_follow_the_setting(backend, wanting):
    for _ in range(2):
        wanting("user_id", "user.plan", "variables['odd key']").index_variables()
        assert of_variables(backend) == {
            "chest_v_user_id": [("variables.user_id", 1), *TIME],
            "chest_v_user.plan": [("variables.user.plan", 1), *TIME],
            "chest_v_odd key": [("variables.odd key", 1), *TIME],
        }
    done = wanting("user.plan", "model").index_variables()
    assert sorted(of_variables(backend)) == ["chest_v_model", "chest_v_user.plan"]
    assert sorted(text.partition(",")[0] for text in done) == [
        "Created the index chest_v_model",
        "Dropped the index chest_v_odd key",
        "Dropped the index chest_v_user_id",
    ]
    assert wanting("user.plan", "model").index_variables() == []
    assert len(wanting().index_variables()) == 2
    assert of_variables(backend) == {}


def test_an_index_of_others_is_left_alone_and_used(backend, wanting):
    def create(db):
        db.chest_records.create_index("variables.model")
        db.chest_records.create_index([("variables.user_id", 1), *TIME], name="theirs")

    backend.ask(create)
    assert wanting("user_id").index_variables() == []
    assert wanting("model").index_variables() == ["Created the index chest_v_model"]
    wanting().index_variables()
    assert {"theirs", "variables.model_1"} < indexes(backend).keys()
    assert of_variables(backend) == {}


def test_one_that_was_changed_is_replaced(backend, wanting):
    backend.ask(
        lambda db: db.chest_records.create_index(
            [("variables.model", 1), *TIME], name="chest_v_model", unique=True
        )
    )
    store = wanting("model")
    assert len(store.index_variables()) == 2
    assert "unique" not in indexes(backend)["chest_v_model"]
    store.export(make_batch(*(make_record(variables={"model": n % 2}) for n in range(20))))
    store.export(make_batch(make_record(variables={"model": [1] * 5_000})))
    assert len(store.select(Selection(where=parse("model == 1").root))) == 10


def test_a_name_without_a_path_has_no_index_and_check_says_so(backend, wanting):
    store = wanting("app.release", "user_id")
    texts = [finding.text for finding in store.findings() if finding.level == "warning"]
    assert any("app.release: MongoDB indexes no name that" in text for text in texts)
    assert any("no index chest_v_user_id yet" in text for text in texts)
    assert "chest_v_user_id" in "".join(store.ddl())
    assert "created" in " ".join(store.repair()).lower()
    assert list(of_variables(backend)) == ["chest_v_user_id"]
    texts = [finding.text for finding in wanting("model").findings()]
    assert any("chest_v_user_id is not wanted any more" in text for text in texts)
    assert not any("indexes of your own" in text for text in texts)
    wanting().repair()
    assert list(of_variables(backend)) == ["chest_v_user_id"], "unknown, as without an application"
