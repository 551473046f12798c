"""A journal's folder that somebody else made, or may write, is refused."""

from __future__ import annotations

import os

import pytest
from flask import Flask
from support.other_user import (
    UID,
    as_other_user,
    as_root_who_may_give_nothing_away,
    needs_root,
    own,
    place_for_all,
)

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o1777])
@pytest.mark.parametrize("name", ["", "segments", "cursors", "dead-letter"])
def test_a_folder_that_others_may_write_is_refused(make_disk, folder, mode, name):
    make_disk().close()
    (folder / name).chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        make_disk()
    said = str(caught.value)
    assert caught.value.setting == "CHEST_JOURNAL"
    assert f"CHEST_JOURNAL={str(folder)!r} cannot be used: {folder / name} belongs to" in said
    assert f"mode {mode:04o}" in said
    assert f"chmod go-w {folder / name}" in said
    (folder / name).chmod(mode & ~0o022)
    make_disk()


def test_a_link_to_a_folder_is_refused(make_disk, folder, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(ConfigurationError, match=r"is a link, made by .*Name the folder"):
        make_disk()
    assert list((tmp_path / "real").iterdir()) == []


def test_a_link_above_the_folder_is_followed(make_disk, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "current").symlink_to(tmp_path / "real")
    make_disk(folder=tmp_path / "current" / "chest")
    assert (tmp_path / "real" / "chest" / "segments").is_dir()


@pytest.fixture
def place():
    with place_for_all() as place:
        own(place)
        yield place


def refusal(folder):
    try:
        DiskJournal(folder, ["main"], Counters(), Throttle()).close()
    except ConfigurationError as error:
        return str(error)
    return "accepted"


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
def test_a_folder_that_somebody_else_made_is_refused(place, mode):
    folder = place / "chest"
    folder.mkdir()
    folder.chmod(mode)
    said = as_other_user(lambda: refusal(folder))
    assert f"CHEST_JOURNAL={str(folder)!r} cannot be used: {folder} belongs to root" in said
    assert f"mode {mode:04o}, and not to nobody (user {UID})" in said
    assert "as root" not in said
    assert "If the folder has nothing but the journal, give it and all in it to nobody" in said
    assert ("such as one in it" in said) == (mode == 0o775)  # such as a volume of Kubernetes
    own(folder)
    folder.chmod(0o700)
    assert as_other_user(lambda: refusal(folder)) == "accepted"
    assert {path.stat().st_uid for path in folder.rglob("*")} == {UID}


@needs_root
def test_a_part_of_the_journal_that_root_has_restored_is_to_be_given_back(place):
    """Another folder would leave behind the records that wait in it."""
    folder = place / "chest"
    assert as_other_user(lambda: refusal(folder)) == "accepted"
    (folder / "segments" / "1.jsonl").touch()
    os.chown(folder / "segments", 0, 0)
    said = as_other_user(lambda: refusal(folder))
    assert f"{folder / 'segments'} belongs to root" in said
    assert "give it and all in it to nobody" in said
    assert "(chown -R)" in said


@needs_root
@pytest.mark.parametrize(("mode", "file"), [(0o1777, None), (0o777, "notes"), (0o755, "notes")])
def test_nobody_is_told_to_give_away_a_folder_that_has_more_than_a_journal(place, mode, file):
    folder = place / "shared"
    folder.mkdir()
    if file is not None:
        (folder / file).touch()
    folder.chmod(mode)
    said = as_other_user(lambda: refusal(folder))
    assert "and not to nobody" in said
    assert "chown" not in said
    assert ". Name another folder" in said
    assert ("such as one in it" in said) == (mode != 0o755)


@needs_root
def test_a_folder_in_it_that_somebody_else_made_is_refused(place):
    assert as_other_user(lambda: refusal(place / "chest")) == "accepted"
    os.chown(place / "chest" / "segments", 1, 1)
    said = as_other_user(lambda: refusal(place / "chest"))
    assert f"{place / 'chest' / 'segments'} belongs to" in said


@needs_root
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_folders_that_are_missing_belong_to_their_user_alone_whatever_the_umask(place, umask):
    def make():
        os.umask(umask)
        return refusal(place / "chest")

    assert as_other_user(make) == "accepted"
    assert {
        path.stat().st_mode & 0o777
        for path in (place / "chest", *(place / "chest").iterdir())
        if path.is_dir()
    } == {0o700}


@needs_root
def test_what_root_makes_first_belongs_to_the_owner_of_the_folder_around_it(place):
    instance = place / "data" / "instance"
    app = Flask("shop", instance_path=str(instance))
    chest = FlaskChest(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/")
    assert chest.flush(60)
    chest.close()
    made = [place / "data", *(place / "data").rglob("*")]
    assert len(made) > 8
    assert {path.lstat().st_uid for path in made} == {UID}


@needs_root
def test_root_of_a_container_who_may_give_nothing_away_goes_on_with_what_it_made(place):
    def serve():
        app = Flask("shop", instance_path=str(place / "data" / "instance"))
        chest = FlaskChest(app)
        app.get("/")(chest.track(lambda: ""))
        app.test_client().get("/")
        delivered = chest.flush(60)
        chest.close()
        return delivered

    for _start in range(2):
        assert as_root_who_may_give_nothing_away(serve) == "True"


@needs_root
def test_root_who_may_give_nothing_away_leaves_no_file_in_the_way_of_the_owner(place):
    assert as_other_user(lambda: refusal(place / "chest")) == "accepted"
    said = as_root_who_may_give_nothing_away(lambda: refusal(place / "chest"))
    assert "Operation not permitted" in said
    assert as_other_user(lambda: refusal(place / "chest")) == "accepted"
