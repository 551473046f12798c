"""Dead letters are sent again to the exporter that refused them, and to no other."""

from __future__ import annotations

import pytest
from flask import g
from support.picky import Plugin

from flask_chest.errors import DeliveryBusy
from flask_chest.store import another
from flask_chest.upkeep.retrying import RetryReport, retry


@pytest.fixture
def picky():
    return Plugin()


@pytest.fixture
def chest(make_chest, app, picky, tmp_path):
    chest = make_chest(
        exporters={
            "main": f"sqlite:///{tmp_path}/main.sqlite3",
            "picky": {"type": "picky", "path": str(tmp_path / "picky.sqlite3")},
        }
    )
    chest.register_plugin(picky)
    chest.init_app(app)

    @app.get("/<int:number>")
    @chest.track("number", "bad")
    def view(number):
        g.number = number
        g.bad = True
        return "ok"

    for number in range(250):
        app.test_client().get(f"/{number}")
    assert chest.flush(60)
    return chest


@pytest.fixture
def state(chest):
    [state] = chest._applications.states
    return state


@pytest.fixture
def again(state):
    def run(**options):
        exporter = another(state.exporters["picky"])
        return retry("picky", exporter, state.journal.reader("picky"), **options)

    return run


def letters(state):
    return [letter.id for letter in state.journal.reader("picky").dead_letters()]


def test_what_is_accepted_now_is_no_dead_letter_any_more(chest, app, state, picky, again):
    before = letters(state)
    assert len(before) == 250
    picky.store.is_strict = False
    steps = []
    assert again(ids=before[:2]) == RetryReport(2, {}, None)
    assert letters(state) == before[2:]
    assert again(progress=steps.append) == RetryReport(248, {}, None)
    assert steps == [100, 100, 48]
    assert letters(state) == []
    with app.app_context():
        assert chest.store("picky").count() == 250
        assert chest.store("main").count() == 250
    assert again() == RetryReport(0, {}, None)


def test_what_is_refused_again_stays_with_the_error(state, picky, again):
    before = letters(state)
    report = again()
    assert report.delivered == 0
    assert report.error is None
    assert report.refused == dict.fromkeys(before, "does not like `bad`")
    assert letters(state) == before
    picky.store.complaint = "and never will"
    assert again(ids=before[7:8]).refused == {before[7]: "and never will"}
    found = list(state.journal.reader("picky").dead_letters())
    assert [letter.id for letter in found] == before
    errors = [letter.error for letter in found]
    assert errors.pop(7) == "BatchRejected: and never will"
    assert set(errors) == {"BatchRejected: does not like `bad`"}


def test_a_database_that_is_down_ends_the_retry_and_loses_nothing(state, picky, again):
    before = letters(state)
    picky.store.is_down = True
    report = again()
    assert (report.delivered, report.refused) == (0, {})
    assert "it is down" in str(report.error)
    assert letters(state) == before


def test_what_arrived_before_an_interruption_is_no_dead_letter_any_more(state, picky, again):
    picky.store.is_strict = False

    def stop(_number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(progress=stop)
    assert len(letters(state)) == 150
    assert again().delivered == 150


def test_a_retry_waits_for_the_delivery_to_the_exporter(state, again):
    with state.journal.reader("picky").lease() as held:
        assert held
        with pytest.raises(DeliveryBusy):
            again(timeout_seconds=0.1)


@pytest.mark.slow
def test_an_erasure_between_two_steps_of_a_retry_is_not_undone(chest, app, state, picky, again):
    picky.store.is_strict = False
    reports = []

    def erase(_number):
        if not reports:
            reports.append(chest.erase("number in (5, 205)"))

    assert again(progress=erase).delivered == 249
    assert reports[0].journal.dead_letters == 1
    assert reports[0].stores == {"main": 2, "picky": 1}
    with app.app_context():
        assert chest.store("picky").count() == 248
