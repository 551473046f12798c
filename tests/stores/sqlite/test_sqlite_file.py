"""Who may read and write the database file, and the files that SQLite puts beside it."""

from __future__ import annotations

import os
import stat

import pytest
from flask_chest_sqlite import SqliteConfig, SqliteStore
from flask_chest_sqlite.hooks import Sqlite
from pydantic import ValidationError
from support.other_user import UID, Precious, as_other_user, needs_root, own, place_for_all

from flask_chest.errors import ConfigurationError
from flask_chest.testing import make_batch, make_record


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(path):
    return {
        file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(f"{path.name}*")
    }


def in_use(path, store):
    """Return the modes of all files while a connection is open."""
    store.open()
    store.export(make_batch(make_record()))
    found = modes(path)
    store.close()
    assert set(found) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    return set(found.values())


@pytest.mark.parametrize("validates", [False, True])
def test_all_files_are_the_users_alone_whatever_the_umask(path, umask, validates):
    if validates:
        Sqlite(SqliteConfig(path=path)).validate()
        assert modes(path) == {path.name: 0o600}
    assert in_use(path, SqliteStore(SqliteConfig(path=path))) == {0o600}
    assert modes(path) == {path.name: 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o660, 0o644])
def test_all_files_have_the_mode_of_the_setting(path, umask, mode):
    assert in_use(path, SqliteStore(SqliteConfig(path=path, mode=mode))) == {mode}
    assert in_use(path, SqliteStore(SqliteConfig(url=f"sqlite:///{path}?mode=0{mode:o}"))) == {mode}
    assert in_use(path, SqliteStore(SqliteConfig(path=path))) == {0o600}


def test_a_file_that_others_may_read_is_taken_from_them_and_that_is_said_once(path, said):
    path.touch(0o644)
    path.chmod(0o644)
    Sqlite(SqliteConfig(path=path)).validate()
    store = SqliteStore(SqliteConfig(path=path))
    assert in_use(path, store) == {0o600}
    assert in_use(path, store) == {0o600}
    [line] = said()
    assert f"{path} had the mode 0644" in line
    assert "set `mode` of the exporter" in line


@pytest.mark.parametrize(
    "use",
    [
        lambda config: Sqlite(config).validate(),
        lambda config: SqliteStore(config).open(),
        lambda config: SqliteStore(config).check(),
    ],
)
def test_a_file_that_is_no_database_keeps_its_mode(path, said, use):
    """A mistyped path of root's may lead anywhere, such as to /etc/passwd."""
    path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 100)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="is not a database"):
        use(SqliteConfig(path=path))
    assert modes(path) == {path.name: 0o644}
    assert said() == []


def test_files_beside_it_that_others_may_read_are_taken_from_them(backend, path):
    store = backend.new()
    store.open()
    store.export(make_batch(make_record()))
    for file in path.parent.glob(f"{path.name}*"):
        file.chmod(0o666)
    store.count()
    assert set(modes(path).values()) == {0o600}
    store.close()


@pytest.mark.parametrize("mode", ["0400", "0700", "600 ", 640, 0o1600, "0xF", True, "", -1, 1.5])
def test_a_mode_that_is_none_is_refused(path, mode):
    with pytest.raises(ValidationError, match="mode"):
        SqliteConfig(path=path, mode=mode)


@needs_root
def test_a_file_of_somebody_elses_keeps_its_mode(path):
    with place_for_all() as place:
        place.chmod(0o777)
        path = place / "chest.sqlite3"
        SqliteStore(SqliteConfig(path=path, mode=0o666)).check()
        store = SqliteStore(SqliteConfig(path=path))
        assert as_other_user(lambda: (store.check(), "fine")[1]) == "fine"
        assert modes(path) == {path.name: 0o666}


@needs_root
def test_what_root_creates_belongs_to_the_owner_of_the_folder(umask):
    with place_for_all() as place:
        own(place)
        path = place / "chest.sqlite3"
        store = SqliteStore(SqliteConfig(path=path))
        assert in_use(path, store) == {0o600}
        assert path.stat().st_uid == UID
        store.open()
        store.export(make_batch(make_record()))
        assert {file.stat().st_uid for file in place.iterdir()} == {UID}
        store.close()


@needs_root
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("how", ["link", "hard link", "dangling link", "FIFO"])
def test_root_opens_no_file_that_the_owner_of_the_folder_put_in_place_of_it(tmp_path, how, end):
    precious = Precious(tmp_path)
    with place_for_all() as place:
        own(place)
        path = place / "chest.sqlite3"
        planted = place / f"chest.sqlite3{end}"
        if how == "hard link":
            planted.hardlink_to(precious.file)
        elif how == "FIFO":
            os.mkfifo(planted)
            own(planted)
        else:
            planted.symlink_to(precious.file if how == "link" else precious.folder / "new")
            own(planted)
        precious.look()
        for use in (
            Sqlite(SqliteConfig(path=path)).validate,
            SqliteStore(SqliteConfig(path=path)).check,
        ):
            with pytest.raises(ConfigurationError, match="whom root does not follow"):
                use()
        precious.assert_untouched()


def test_a_link_of_the_users_own_is_followed(path, tmp_path):
    (tmp_path / "real").mkdir()
    path.symlink_to(tmp_path / "real" / "db")
    store = SqliteStore(SqliteConfig(path=path))
    store.check()
    assert (tmp_path / "real" / "db").stat().st_mode & 0o777 == 0o600
