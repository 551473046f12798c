"""Applications for the commands. What costs a process is made once, and copied."""

from __future__ import annotations

import shutil

import pytest
from support.asking import record_two_weeks
from support.commands import PROGRAMS, Place, Terminal, run_alone


def _copy_programs(folder):
    for name in ("app.py", "record_three.py"):
        shutil.copy(PROGRAMS / name, folder)
    return folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, warm_python):
    """Return the instance folder of an application with three records that wait."""
    place = Place(_copy_programs(tmp_path_factory.mktemp("recorded")), warm_python)
    place.record_three()
    return place.folder / "instance"


@pytest.fixture
def place(tmp_path, warm_python, recorded):
    """Return the folder of an application."""
    return Place(_copy_programs(tmp_path), warm_python, recorded)


@pytest.fixture(scope="session")
def _delivered(tmp_path_factory, warm_python, recorded):
    """Return the instance folder of an application with three records that are delivered."""
    place = Place(_copy_programs(tmp_path_factory.mktemp("delivered")), warm_python, recorded)
    place.record_three()
    place.flask("flush", code=0)
    return place.folder / "instance"


@pytest.fixture
def delivered(place, _delivered):
    """Return the folder of an application with three delivered records: ada, ada, bob."""
    shutil.copytree(_delivered, place.folder / "instance")
    return place


@pytest.fixture
def terminal(place):
    """Return a function that runs Python on a terminal, in the folder of the application."""
    made = []

    def run(*arguments):
        made.append(Terminal(place.folder, *arguments))
        return made[-1]

    yield run
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """Return the URL of a SQLite file with two weeks of a shop's requests."""
    folder = tmp_path_factory.mktemp("shop")
    url = f"sqlite:///{folder / 'chest.sqlite3'}"
    record_two_weeks(folder, url)
    return url


@pytest.fixture
def ask(shop, monkeypatch):
    """Return a function that runs `flask-chest` in this process, on the shop's store."""
    return lambda *arguments, code=0, url=shop: run_alone(
        monkeypatch, ["--store", url, *map(str, arguments)], code
    )
