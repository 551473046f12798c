"""Connections to a SQLite file: locks, idle stores, files that are moved or deleted."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.backends import Sqlite

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.exporter import Batch
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START


@contextmanager
def locked_for(seconds, path):
    """Hold the file's write lock for some seconds, from another thread."""
    holding = threading.Event()

    def hold():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            holding.set()
            time.sleep(seconds)
            connection.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(60)
    yield
    thread.join()


def test_open_waits_for_another_process_that_writes_to_a_new_file(backend, opened, path):
    # SQLite does not use its busy timeout for the switch to WAL mode.
    with locked_for(0.3, path):
        opened(backend, busy_timeout_seconds=20.0)
    assert backend.execute("PRAGMA journal_mode") == [("wal",)]


def test_open_gives_up_on_a_locked_new_file_after_the_busy_timeout(backend, path):
    store = backend.new(busy_timeout_seconds=0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ExporterUnavailable, match="locked"):
            store.open()
    store.close()


def test_a_locked_database_is_unavailable_after_the_busy_timeout(backend, opened, path):
    store = opened(backend, busy_timeout_seconds=0.3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(ExporterUnavailable, match="database is locked"):
            store.export(make_batch(make_record()))
        assert 0.25 <= time.monotonic() - started < 5.0, "the default"
        assert store.count() == 0, "readers do not wait for a writer"
        other.execute("ROLLBACK")
    store.export(make_batch(make_record()))
    assert store.count() == 1


def test_a_batch_waits_for_a_lock_that_ends_within_the_busy_timeout(backend, opened, path):
    store = opened(backend, busy_timeout_seconds=20.0)
    with locked_for(0.3, path):
        store.export(make_batch(make_record()))
    assert store.count() == 1


def files_open_on(path):
    links = Path("/proc/self/fd").iterdir()
    return [link for link in links if link.is_symlink() and path.name in str(link.readlink())]


def test_an_idle_store_has_no_file_open(backend, path):
    store = backend.new()
    store.open()
    for _ in range(3):
        store.export(make_batch(make_record()))
        store.query()
        store.purge(before=START)
        with pytest.raises(BatchRejected):
            store.export(make_batch(make_record(path=None)))
        with pytest.raises(BatchRejected):
            store.export(Batch(b"x\n", 1))
        store.idle()
        assert files_open_on(path) == [], "the file is whole without its -wal"
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    store.export(make_batch(make_record()))
    store.close()
    assert files_open_on(path) == []


@pytest.fixture
def connects(store):
    """Return the files that `sqlite3` opens from now on."""
    opened = []

    def note(name, arguments):
        if name == "sqlite3.connect":
            opened.append(os.fsdecode(arguments[0]))  # Python 3.10 has bytes

    sys.addaudithook(note)
    return opened


def test_one_connection_serves_all_batches_until_the_exporter_is_idle(
    backend, store, path, connects
):
    for _ in range(10):
        store.export(make_batch(make_record()))
    assert connects.count(str(path)) == 1
    store.idle()
    store.idle()
    store.export(make_batch(make_record()))
    assert connects.count(str(path)) == 2
    assert len(backend.ids()) == 11


def test_a_deleted_file_is_an_error_and_created_by_the_next_open(backend, store, path):
    store.export(make_batch(make_record()))
    for file in path.parent.glob("chest.sqlite3*"):
        file.unlink()
    batch = make_batch(make_record())
    with pytest.raises(ExporterUnavailable, match="no such table"):
        store.export(batch)
    store.close()
    store.open()
    store.export(batch)
    assert len(backend.ids()) == 1


def test_the_next_batch_goes_to_a_file_that_replaced_the_one_in_use(backend, store, path):
    other = path.with_name("other.sqlite3")
    new_store = Sqlite(other).new()
    new_store.open()
    new_store.close()
    first, second = make_record(), make_record()
    store.export(make_batch(first))
    for file in sorted(path.parent.glob("chest.sqlite3*")):
        file.rename(file.with_name(file.name.replace("chest", "moved")))
    other.rename(path)
    store.export(make_batch(second))
    store.idle()
    assert backend.ids() == [second["id"]]
    assert Sqlite(path.with_name("moved.sqlite3")).ids() == [first["id"]]


def test_check_reports_a_file_that_cannot_be_used(tmp_path):
    good = Sqlite(tmp_path / "good.sqlite3").new()
    good.check()
    with pytest.raises(ExporterUnavailable, match="is not open"):
        good.count()
    (tmp_path / "text.sqlite3").write_text("not a database at all, but long enough to be one" * 9)
    with pytest.raises(ConfigurationError, match=r"text\.sqlite3.*Name another file"):
        Sqlite(tmp_path / "text.sqlite3").new().check()
