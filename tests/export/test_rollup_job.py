"""The leader keeps rollups up, beside delivery."""

from __future__ import annotations

import pytest
from flask import Flask
from support.waiting import until

from flask_chest import FlaskChest
from flask_chest.export import rollups


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Let the first run, and each further one, be due at once."""
    for name in ("FIRST_SECONDS", "INTERVAL_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(rollups, name, 0.1)


@pytest.fixture
def shop(tmp_path):
    """Return a function that starts an application with these settings."""
    made = []

    def start(**settings):
        app = Flask("shop", instance_path=str(tmp_path))
        chest = FlaskChest(
            app,
            exporters=f"sqlite:///{tmp_path}/chest.sqlite3",
            journal=str(tmp_path / "journal"),
            export_interval_seconds=0.05,
            **settings,
        )
        made.append((chest, app.app_context()))
        made[-1][1].push()
        return chest

    yield start
    for chest, context in made:
        context.pop()
        for state in list(chest._applications.states):
            state.close()


def test_an_application_has_rollups_without_a_setting(shop):
    chest = shop()
    with chest.record("nightly"):
        pass
    assert chest.flush()

    def explained():
        store = chest.store()
        store.close()
        store.open()  # as the tables may have been created since
        return store.measure("count", explain=True)

    until(lambda: any("rollups" in said for said in explained()[0]["explain"]))
    assert explained()[1]["count"] == 1


def test_no_rollups_are_kept_when_they_are_switched_off(shop, tmp_path):
    chest = shop(rollups=False)
    with chest.record("nightly"):
        pass
    assert chest.flush()
    jobs = chest._applications.current_or_only().export._jobs
    assert "rollups" not in {job.kind for job in jobs}
    assert chest.store().rollup_storage() is None


def test_a_failure_is_said_and_delivery_goes_on(shop, caplog, monkeypatch):
    def fail(*_given, **_options):
        raise ValueError("rollups are broken")

    monkeypatch.setattr(rollups.rollup, "maintainer", fail, raising=False)
    chest = shop()
    with chest.record("nightly"):
        pass
    assert chest.flush()
    until(lambda: "Answers stay right" in caplog.text)
    assert "rollups are broken" in caplog.text
    with chest.record("nightly"):
        pass
    assert chest.flush()
    assert chest.store().count() == 2
