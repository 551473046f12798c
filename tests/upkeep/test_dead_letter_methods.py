"""`chest.dead_letters`, `retry_dead_letters` and `drop_dead_letters`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from flask import g
from support.picky import Plugin

from flask_chest import ConfigurationError, DeliveryBusy
from flask_chest.upkeep.dead_letters import RetryReport


@pytest.fixture
def picky():
    return Plugin()


@pytest.fixture
def make(make_chest, app, picky, tmp_path):
    """Return a function that makes a FlaskChest with an exporter that refuses every record."""

    def make(**settings):
        chest = make_chest(
            exporters={
                "main": f"sqlite:///{tmp_path}/main.sqlite3",
                "picky": {"type": "picky", "path": str(tmp_path / "picky.sqlite3")},
            },
            **settings,
        )
        chest.register_plugin(picky)
        chest.init_app(app)

        @app.get("/<int:number>")
        @chest.track("number", "bad")
        def view(number):
            g.number = number
            g.bad = True
            return "ok"

        return chest

    return make


@pytest.fixture
def refused(make, app):
    """Return a FlaskChest with four dead letters of `picky`."""
    chest = make()
    for number in range(4):
        app.test_client().get(f"/{number}")
    assert chest.flush(60)
    return chest


def test_the_newest_come_first_with_record_time_and_error(refused):
    letters = refused.dead_letters("picky")
    assert [letter.record["variables"]["number"] for letter in letters] == [3, 2, 1, 0]
    assert refused.dead_letters("picky", limit=2) == letters[:2]
    assert refused.dead_letters("main") == []
    newest = letters[0]
    assert (newest.id, newest.route) == (newest.record["id"], "/<int:number>")
    assert newest.error == "BatchRejected: does not like `bad`"
    age = datetime.now(timezone.utc) - newest.since
    assert timedelta(seconds=-1) < age < timedelta(minutes=5)


def test_passwords_in_errors_are_masked(refused, picky):
    picky.store.complaint = "no postgresql://shop:hunter2@db/shop"
    report = refused.retry_dead_letters("picky")
    assert report.delivered == 0
    assert len(report.refused) == 4
    told = [*report.refused.values(), *(each.error for each in refused.dead_letters("picky"))]
    for text in told:
        assert "hunter2" not in text
        assert "no postgresql://***@db/shop" in text


def test_some_are_retried_and_count_as_delivered(refused, picky):
    picky.store.is_strict = False
    ids = [letter.id for letter in refused.dead_letters("picky")]
    assert refused.retry_dead_letters("picky", ids[:1]) == RetryReport(1, {}, None)
    assert [letter.id for letter in refused.dead_letters("picky")] == ids[1:]
    assert refused.retry_dead_letters("picky") == RetryReport(3, {}, None)
    assert refused.dead_letters("picky") == []
    assert refused.stats().exporters["picky"].delivered == 4
    assert refused.store("picky").count() == 4


def test_what_ends_a_retry_is_said_and_nothing_is_lost(refused, picky):
    picky.store.is_down = True
    assert refused.retry_dead_letters("picky") == RetryReport(0, {}, "it is down")
    assert len(refused.dead_letters("picky")) == 4


def test_some_are_dropped(refused):
    letters = refused.dead_letters("picky")
    assert refused.drop_dead_letters("picky", [letters[1].id, letters[2].id, "nonsense"]) == 2
    assert refused.dead_letters("picky") == [letters[0], letters[3]]
    assert refused.drop_dead_letters("picky", []) == 0


def test_a_delivery_under_way_is_waited_for(refused):
    [state] = refused._applications.states
    ids = [letter.id for letter in refused.dead_letters("picky")]
    with state.journal.reader("picky").lease() as held:
        assert held
        with pytest.raises(DeliveryBusy):
            refused.retry_dead_letters("picky", timeout=0.05)
        with pytest.raises(DeliveryBusy):
            refused.drop_dead_letters("picky", ids, timeout=0.05)
    assert len(refused.dead_letters("picky")) == 4


def test_an_unknown_exporter_is_an_error(refused):
    for call in (
        lambda: refused.dead_letters("mian"),
        lambda: refused.retry_dead_letters("mian"),
        lambda: refused.drop_dead_letters("mian", []),
    ):
        with pytest.raises(ConfigurationError, match=r"'mian': no such .* \['main', 'picky'\]"):
            call()


@pytest.mark.parametrize("settings", [{"enabled": False}, {"testing": "memory"}])
def test_nothing_is_touched_while_nothing_is_delivered(make, app, settings):
    app.testing = True
    chest = make(**settings)
    assert chest.dead_letters("picky") == []
    for call in (chest.retry_dead_letters, chest.drop_dead_letters):
        with pytest.raises(ConfigurationError, match="Dead letters are not touched"):
            call("picky", ["some-id"])


def test_a_journal_in_memory_has_none(make, app):
    chest = make(journal="memory")
    app.test_client().get("/1")
    assert chest.flush(60)
    assert chest.dead_letters("picky") == []
    assert chest.retry_dead_letters("picky") == RetryReport(0, {}, None)
    assert chest.drop_dead_letters("picky", ["some-id"]) == 0
