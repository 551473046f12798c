"""The leader deletes what has exceeded its retention, beside delivery."""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pymongo
import pytest
from flask import Flask
from flask_chest_sqlite import SqliteStore
from pymongo.errors import OperationFailure
from support.waiting import until

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import ExporterUnavailable
from flask_chest.export import retention
from flask_chest.settings.exporters import make_exporters
from flask_chest.testing import RecordingExporter, make_batch, make_record

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

EXPIRED = 91 * DAY + 12 * HOUR
"""With a retention of 90 days, the leader deletes it, and a server by itself does not yet."""


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Let the first run, and each further one, be due at once."""
    for name in ("FIRST_SECONDS", "INTERVAL_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(retention, name, 0.1)


def now():
    return datetime.now(timezone.utc)


def aged(*ages):
    """Return a batch of records that are so old."""
    return make_batch(*(make_record(started_at=now() - age, request_id=str(age)) for age in ages))


class Shop:
    """An application with one exporter, to which it delivers often."""

    def __init__(self, folder, entry, *, other=None, **settings):
        self.app = Flask("shop", instance_path=str(folder))
        self.chest = FlaskChest(
            exporters={"main": entry} | ({"other": other} if other else {}),
            journal=str(folder / "journal"),
            export_interval_seconds=0.05,
            **settings,
        )

    def begin(self):
        """Put records of several ages into the database, and begin to deliver."""
        self.chest.init_app(self.app)
        self.put(EXPIRED, EXPIRED + HOUR, 89 * DAY, 25 * HOUR, timedelta(0))
        self.record()
        return self

    def put(self, *ages):
        with self.app.app_context():
            self.chest.store().export(aged(*ages))

    def record(self):
        with self.app.app_context(), self.chest.record("work"):
            pass

    def ages(self):
        """Return the whole days of age of what is stored."""
        with self.app.app_context():
            found = self.chest.store().query(limit=100)
        return sorted((now() - record.started_at).days for record in found)

    def purged(self):
        with self.app.app_context():
            return self.chest.stats(process=True).exporters["main"].purged


@pytest.fixture
def shop(tmp_path):
    made = []

    def make(entry, **settings):
        plugin = settings.pop("plugin", None)
        made.append(Shop(tmp_path, entry, **settings))
        if plugin is not None:
            made[-1].chest.register_plugin(plugin, "plugin")
        return made[-1]

    yield make
    for each in made:
        for state in list(each.chest._applications.states):
            state.close()


def test_nothing_is_deleted_while_testing_is_on(tmp_path, shop):
    running = shop(f"sqlite:///{tmp_path}/chest.sqlite3", retention="90d").begin()
    until(lambda: running.purged() == 2)
    with running.app.app_context():
        store = running.chest.store()
    running.app.testing = True
    store.export(aged(400 * DAY))
    time.sleep(1.0)  # a run is due every tenth of a second
    assert running.purged() == 2
    running.app.testing = False
    until(lambda: running.purged() == 3)


@pytest.mark.parametrize("database", ["sqlite", "postgres", "mysql", "mongo"])
@pytest.mark.parametrize("where", ["entry", "setting"])
def test_old_records_are_deleted_counted_and_said(request, tmp_path, shop, caplog, database, where):
    caplog.set_level(logging.INFO, "flask_chest")
    url = f"sqlite:///{tmp_path}/chest.sqlite3"
    if database != "sqlite":
        url = request.getfixturevalue(database)
    kind = {"type": database, "url": url} if database != "sqlite" else None
    entry = kind or {"type": "sqlite", "path": str(tmp_path / "chest.sqlite3")}
    if where == "entry":
        running = shop({**entry, "retention": "90d"}, retention="1d").begin()
    else:
        running = shop(url, retention="90d").begin()
    until(lambda: running.purged() == 2)
    assert [age for age in running.ages() if age] == [1, 89]
    until(lambda: "Deleted 2 records of the exporter 'main'" in caplog.text)
    running.put(EXPIRED)  # and again
    until(lambda: running.purged() == 3)
    assert [age for age in running.ages() if age] == [1, 89]


def test_a_server_that_deletes_by_itself_leaves_what_a_young_leader_is_to_delete(mongo, shop):
    running = shop(mongo, retention="90d").begin()
    with pymongo.MongoClient(mongo) as client:

        def has_deleted():
            with suppress(OperationFailure):  # MongoDB itself cannot be told to begin
                client.admin.command("secantusAdmin.pruneTtl")
            return running.purged()

        until(has_deleted)
    until(lambda: running.purged() == 2)


def test_records_stay_for_ever_without_a_retention(tmp_path, shop):
    running = shop({"type": "sqlite", "path": str(tmp_path / "x"), "retention": None}).begin()
    running.record()
    assert running.chest.flush()
    assert not [t for t in threading.enumerate() if t.name.startswith("chest-retention")]
    jobs = running.chest._applications.current_or_only().export._jobs
    assert "retention" not in {job.kind for job in jobs}
    assert [age for age in running.ages() if age] == [1, 89, 91, 91]


def plugin_of(kind):
    class Plugin:
        @hookimpl
        def chest_exporters(self):
            return [kind]

    return Plugin()


def kind_of(**attributes):
    """Return a type of SQLite stores with other attributes."""
    return type("Other", (SqliteStore,), {"type": "other", "schemes": (), **attributes})


def entry_of(tmp_path):
    return {"type": "other", "path": str(tmp_path / "chest.sqlite3"), "retention": "90d"}


def test_a_run_that_fails_is_said_and_tried_again_and_delivery_goes_on(tmp_path, shop, caplog):
    fails = threading.Event()
    fails.set()

    def retain(self, *, before, progress=None):
        if fails.is_set():
            raise ExporterUnavailable("the database is busy")
        return SqliteStore.retain(self, before=before, progress=progress)

    running = shop(entry_of(tmp_path), plugin=plugin_of(kind_of(retain=retain))).begin()
    until(lambda: "not deleted now" in caplog.text)
    assert "the database is busy" in caplog.text
    assert running.chest.flush(30)
    assert running.purged() == 0
    assert running.chest.stats().exporters["main"].failures == 0
    fails.clear()
    until(lambda: running.purged() == 2)


def test_neither_delivery_nor_retention_takes_random_numbers_of_the_application(
    tmp_path, shop, caplog
):
    def fail(self, *_args, **_named):
        raise ExporterUnavailable("the database is busy")

    before = random.getstate()
    kind = kind_of(retain=fail)
    running = shop(entry_of(tmp_path), plugin=plugin_of(kind)).begin()
    until(lambda: "not deleted now" in caplog.text)
    kind.export = fail
    running.record()
    until(lambda: running.chest.stats(process=True).exporters["main"].failures)
    assert random.getstate() == before


def test_a_run_that_hangs_is_abandoned_and_another_takes_its_place(tmp_path, shop, caplog):
    released, hung = threading.Event(), []

    def retain(self, *, before, progress=None):
        if not hung:
            hung.append(self)
            released.wait()
            progress(0)  # which ends it: nobody waits for it any more
            raise AssertionError("it went on")
        assert self is not hung[0]
        return SqliteStore.retain(self, before=before, progress=progress)

    running = shop(
        entry_of(tmp_path), plugin=plugin_of(kind_of(retain=retain)), export_timeout_seconds=0.5
    )
    try:
        running.begin()
        until(lambda: running.purged() == 2)
        assert "a step has taken more than 0.5 seconds" in caplog.text
        assert running.chest.flush(30)
    finally:
        released.set()
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("chest-retention")])


def test_close_ends_a_run_after_its_step_and_what_is_done_stays_counted(tmp_path, shop):
    steps = []

    def retain(self, *, before, progress):
        while True:
            time.sleep(0.01)
            steps.append(self)
            progress(1)

    running = shop(entry_of(tmp_path), plugin=plugin_of(kind_of(retain=retain))).begin()
    until(lambda: steps)
    running.chest.close()
    done = len(steps)
    assert not [t for t in threading.enumerate() if t.name.startswith("chest-retention")]
    assert running.purged() == done
    running.record()  # which starts delivery again, and the retention
    until(lambda: len(steps) > done)


def test_close_does_not_wait_beyond_its_time_for_runs_that_hang(tmp_path, shop):
    hung, released = [], threading.Event()

    def retain(self, *, before, progress):
        hung.append(self)
        released.wait()
        progress(0)

    entry = entry_of(tmp_path)
    running = shop(
        entry,
        other={**entry, "path": str(tmp_path / "other.sqlite3")},
        plugin=plugin_of(kind_of(retain=retain)),
        shutdown_seconds=0.2,
    ).begin()
    with running.app.app_context():
        running.chest.store("other").export(aged(93 * DAY))
    closing = threading.Thread(target=running.chest.close)
    try:
        until(lambda: len(hung) == 2)
        closing.start()
        closing.join(30)
        assert not closing.is_alive(), "the first has used up the time of the second"
    finally:
        released.set()
    closing.join()
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("chest-retention")])


def test_a_run_ends_when_another_process_has_become_the_leader(tmp_path, shop, monkeypatch):
    steps, ended = [], threading.Event()

    def retain(self, *, before, progress):
        try:
            while True:
                time.sleep(0.01)
                steps.append(self)
                progress(0)
        finally:
            ended.set()

    running = shop(entry_of(tmp_path), plugin=plugin_of(kind_of(retain=retain))).begin()
    until(lambda: steps)
    journal = running.chest._applications.current_or_only().journal
    monkeypatch.setattr(type(journal), "try_lead", lambda _self: False)
    assert ended.wait(60)


def test_an_exporter_that_is_no_store_is_passed_over_by_the_setting(tmp_path, caplog):
    caplog.set_level(logging.INFO, "flask_chest")
    installed = {"recording": RecordingExporter, "sqlite": SqliteStore}
    made = make_exporters(
        {
            "hook": {"type": "recording"},
            "main": {"type": "sqlite", "path": str(tmp_path / "a")},
            "short": {"type": "sqlite", "path": str(tmp_path / "b"), "retention": "12h"},
            "kept": {"type": "sqlite", "path": str(tmp_path / "c"), "retention": None},
        },
        installed,
        str(tmp_path),
        retention=90 * DAY,
    )
    kept = {name: getattr(each, "retention", "no store") for name, each in made.items()}
    assert kept == {
        "hook": "no store",
        "main": 90 * DAY,
        "short": timedelta(hours=12),
        "kept": None,
    }
    [said] = [r.getMessage() for r in caplog.records]
    assert said.startswith("CHEST_RETENTION does not hold for CHEST_EXPORTERS['hook']")
