"""What each error of SQLite means: a fault of a record, or of the file, which is retried."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore
from flask_chest_sqlite.errors import explain
from flask_chest_sqlite.hooks import Sqlite
from sqlalchemy.exc import OperationalError
from support.backends import Sqlite as Backend
from support.other_user import as_other_user, needs_root, own, place_for_all

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.testing import make_batch, make_record


def refusal(store, use=None):
    """Return the text with which a store does not open, or its use fails."""
    with pytest.raises(ExporterUnavailable) as caught:
        use() if use else store.open()
    store.close()
    return str(caught.value)


@contextmanager
def mounted(path):
    """Give a small file system of its own, which may be remounted."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", path], check=False, capture_output=True
    )
    if done.returncode and not os.environ.get("CI"):
        pytest.skip("only root, with the right to mount")
    assert done.returncode == 0, done.stderr
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def remount(path, how):
    subprocess.run(["mount", "-o", f"remount,{how}", path], check=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder) as path:
        yield path


@needs_root
@pytest.mark.parametrize("has_file", [False, True])
def test_a_store_on_a_read_only_disk_says_so_and_waits(disk, has_file, opened):
    backend = Backend(disk / "chest.sqlite3")
    if has_file:
        store = opened(backend)
        store.export(make_batch(make_record()))
        store.close()
    remount(disk, "ro")
    text = refusal(backend.new())
    assert f"The disk of {disk} is mounted read-only ({disk})" in text
    assert "right to write" not in text
    with pytest.raises(ExporterUnavailable, match="is mounted read-only"):
        Sqlite(SqliteConfig(path=backend.path)).validate()
    remount(disk, "rw")
    opened(backend).export(make_batch(make_record()))
    assert len(backend.ids()) == 1 + has_file


@needs_root
def test_an_application_starts_on_a_read_only_disk_and_delivers_once_it_is_writable(
    make_chest, app, disk, said
):
    remount(disk, "ro")
    chest = make_chest(exporters={"main": f"sqlite:///{disk}/chest.sqlite3"})
    chest.init_app(app)
    app.get("/")(chest.track(lambda: "ok"))
    assert any("is mounted read-only" in line for line in said())
    assert app.test_client().get("/").text == "ok"
    assert not chest.flush(5)
    remount(disk, "rw")
    assert chest.flush(30)
    assert len(Backend(disk / "chest.sqlite3").ids()) == 1


@needs_root
def test_a_disk_that_becomes_read_only_under_an_open_store_is_said(disk, opened):
    store = opened(Backend(disk / "chest.sqlite3"))
    store.export(make_batch(make_record()))
    store.idle()
    remount(disk, "ro")
    text = refusal(store, lambda: store.export(make_batch(make_record())))
    assert "is mounted read-only" in text
    remount(disk, "rw")
    store.open()
    store.export(make_batch(make_record()))
    assert store.count() == 2


@needs_root
def test_a_full_disk_is_said_with_the_room_that_it_has(disk, opened):
    store = opened(Backend(disk / "chest.sqlite3"))
    batch = make_batch(*(make_record(path="x" * 9_000) for _ in range(500)))
    text = refusal(store, lambda: store.export(batch))
    assert f"The disk of {disk} has" in text
    assert "MiB free" in text
    store.open()
    store.export(make_batch(make_record()))
    assert store.count() == 1


@needs_root
@pytest.mark.parametrize("what", ["file", "folder", "-wal"])
def test_a_file_that_this_user_may_not_write_is_named_with_its_owner(what):
    with place_for_all() as place:
        own(place)
        path = place / "chest.sqlite3"

        def create():
            store = SqliteStore(SqliteConfig(path=path))
            store.check()
            return "fine"

        assert as_other_user(create) == "fine"
        if what == "file":
            os.chown(path, 0, 0)
        elif what == "folder":
            os.chown(place, 0, 0)
        else:
            (place / "chest.sqlite3-wal").write_bytes(b"")
            (place / "chest.sqlite3-wal").chmod(0o600)

        def attempt():
            store = SqliteStore(SqliteConfig(path=path))
            try:
                store.open()
                store.export(make_batch(make_record()))
            except ExporterUnavailable as error:
                return str(error)
            finally:
                store.close()
            return "no error"

        text = as_other_user(attempt)
        assert "nobody" in text
        assert {
            "file": f"may not write {path}, which belongs to root",
            "folder": f"may create no file in {place}",
            "-wal": f"may not write {path}-wal, which belongs to root",
        }[what] in text


def test_a_folder_that_is_gone_is_named_and_waited_for(path, opened, tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    backend = Backend(folder / "chest.sqlite3")
    store = backend.new()
    folder.rmdir()
    text = refusal(store)
    assert f"The folder {folder} does not exist. Create it, or mount its disk" in text
    folder.mkdir()
    store.open()
    store.export(make_batch(make_record()))
    store.close()
    assert len(backend.ids()) == 1


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_folder_in_which_nobody_can_create_a_file_is_named():
    text = refusal(SqliteStore(SqliteConfig(path="/proc/x.sqlite3")))
    assert "create no file in /proc" in text
    assert "dmesg" not in text


def test_a_folder_in_place_of_the_file_is_named(backend, path):
    store = backend.new()
    path.mkdir()
    assert f"{path} is no regular file" in refusal(store)


def test_a_corrupt_file_is_retried_with_the_way_to_rescue_it(backend, path, opened):
    store = opened(backend)
    store.export(make_batch(*(make_record(path="x" * 500) for _ in range(300))))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 20)
    text = refusal(backend.new(), lambda: opened(backend).export(make_batch(make_record())))
    assert "malformed" in text
    assert "sqlite3 chest.sqlite3 .recover" in text


def test_a_constraint_of_somebody_elses_dead_letters_no_record(backend, store):
    backend.execute(
        "CREATE TRIGGER mine BEFORE INSERT ON chest_records WHEN NEW.path = '/no'"
        " BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END"
    )
    with pytest.raises(ExporterUnavailable, match="Flask-Chest has no such constraint"):
        store.export(make_batch(make_record(path="/no")))
    backend.execute("DROP TRIGGER mine")
    backend.execute("CREATE UNIQUE INDEX mine ON chest_records (method)")
    with pytest.raises(ExporterUnavailable, match=r"UNIQUE.*no such constraint"):
        store.export(make_batch(make_record(), make_record()))
    assert backend.ids() == []


def test_a_table_that_changes_under_an_open_store_dead_letters_no_record(backend, store, opened):
    backend.execute("DROP VIEW chest_variables")
    backend.execute("ALTER TABLE chest_records ADD COLUMN n INT CHECK (n IS NOT NULL)")
    with pytest.raises(BatchRejected, match="CHECK"):
        store.export(make_batch(make_record()))
    backend.execute("CREATE UNIQUE INDEX mine ON chest_records (request_id)")
    with pytest.raises(SchemaMismatch, match="takes each request_id once"):
        store.export(make_batch(make_record()))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # https://sqlite.org/rescode.html, each with SQLite's own text
        ("string or blob too big", BatchRejected),
        ("datatype mismatch", BatchRejected),
        ("CHECK constraint failed: started_at", BatchRejected),
        ("NOT NULL constraint failed: chest_records.path", BatchRejected),
        ("NOT NULL constraint failed: chest_records.theirs", ExporterUnavailable),
        ("UNIQUE constraint failed: chest_records.request_id", ExporterUnavailable),
        ("FOREIGN KEY constraint failed", ExporterUnavailable),
        ("database is locked", ExporterUnavailable),
        ("database table is locked", ExporterUnavailable),
        ("database disk image is malformed", ExporterUnavailable),
        ("database or disk is full", ExporterUnavailable),
        ("attempt to write a readonly database", ExporterUnavailable),
        ("disk I/O error", ExporterUnavailable),
        ("unable to open database file", ExporterUnavailable),
        ("access permission denied", ExporterUnavailable),
        ("out of memory", ExporterUnavailable),
        ("interrupted", ExporterUnavailable),
        ("locking protocol", ExporterUnavailable),
        ("database schema has changed", ExporterUnavailable),
        ("large file support is disabled", ExporterUnavailable),
        ("not authorized", ExporterUnavailable),
        ("bad parameter or other API misuse", ExporterUnavailable),
        ("no such table: chest_records", ExporterUnavailable),
        ("no such column: variables", ExporterUnavailable),
        ("table chest_records has no column named path", ExporterUnavailable),
        ("file is not a database", ConfigurationError),
    ],
)
def test_only_faults_of_a_record_reject_it(path, text, kind):
    error = OperationalError("INSERT", {}, sqlite3.OperationalError(text))
    found = explain("SQLite x", path, error)
    assert type(found) is kind
    assert str(found).startswith(f"SQLite x: {text}")
