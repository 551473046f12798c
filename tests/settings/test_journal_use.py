"""Applications that follow each other may share a journal; those that live together may not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from flask import Flask

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError


@pytest.fixture
def make(tmp_path):
    """Return a function that makes an application with a database of its own, as factories do."""
    made = []

    def make(number, **arguments):
        app = Flask("shop", instance_path=str(tmp_path / "instance"))
        arguments.setdefault("exporters", f"sqlite:///{tmp_path}/{number}.sqlite3")
        chest = FlaskChest(app, shutdown_seconds=60.0, **arguments)
        app.get("/<int:number>")(chest.track(lambda number: ""))
        made.append((app, chest))
        return app, chest

    yield make
    for _app, chest in made:
        chest.close()


def paths(tmp_path, number):
    with closing(sqlite3.connect(tmp_path / f"{number}.sqlite3")) as connection:
        return [
            path for (path,) in connection.execute("SELECT path FROM chest_records ORDER BY id")
        ]


def test_twenty_applications_with_one_instance_folder_follow_each_other(make, tmp_path):
    for number in range(20):
        app, chest = make(number)
        app.test_client().get(f"/{number}")
        chest.close()
    for number in range(20):
        assert paths(tmp_path, number) == [f"/{number}"]


@pytest.mark.parametrize("serves", [False, True])
def test_a_discarded_application_releases_the_journal(tmp_path, serves):
    for number in range(3):
        app = Flask("shop", instance_path=str(tmp_path))
        chest = FlaskChest(app, exporters=f"sqlite:///{tmp_path}/{number}.sqlite3")
        app.get("/")(chest.track(lambda: ""))
        if serves:
            app.test_client().get("/")
            assert chest.flush(60)
            assert paths(tmp_path, number) == ["/"]
        del app, chest


def test_one_that_was_refused_for_another_reason_does_not_keep_the_journal(make):
    with pytest.raises(ConfigurationError, match="does not exist") as caught:
        make(1, exporters="sqlite:////no/such/folder/x")
    make(2)
    del caught


def test_two_living_applications_with_one_journal_and_other_exporters_are_refused(make):
    _, first = make(1)
    with pytest.raises(ConfigurationError, match=r"CHEST_JOURNAL=.* another application") as caught:
        make(2)
    assert "close()" in str(caught.value)
    first.close()
    _, second = make(2)
    with pytest.raises(ConfigurationError, match=r"CHEST_JOURNAL=.* another application"):
        make(3)
    second.close()
    make(3)


def test_two_living_applications_with_one_journal_and_the_same_exporters_share_it(make, tmp_path):
    url = f"sqlite:///{tmp_path}/1.sqlite3"
    for number in (1, 2):
        app, chest = make(1, exporters=url)
        app.test_client().get(f"/{number}")
        assert chest.flush(60)
    assert paths(tmp_path, 1) == ["/1", "/2"]


def test_journals_in_memory_and_in_other_folders_disturb_nobody(make, tmp_path):
    for number in range(3):
        make(number, journal="memory")
        make(number, journal=str(tmp_path / f"journal-{number}"))


def test_a_closed_application_that_serves_again_leaves_delivery_to_the_next(make, tmp_path, said):
    app, first = make(1)
    app.test_client().get("/1")
    first.close()
    later, second = make(2)
    app.test_client().get("/3")
    assert any("CHEST_JOURNAL" in line and "another application" in line for line in said())
    later.test_client().get("/4")
    second.close()
    assert paths(tmp_path, 1) == ["/1"]
    assert paths(tmp_path, 2) == ["/3", "/4"]
