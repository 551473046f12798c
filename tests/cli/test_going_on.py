"""After Ctrl-C, the command that is printed does the rest, and nothing else."""

from __future__ import annotations

import json
import shlex
import shutil
from contextlib import closing

import pytest
from support.commands import run_alone

from flask_chest import open_store
from flask_chest.cli.exits import way
from flask_chest.cli.progress import Progress
from flask_chest.testing import make_record


@pytest.fixture
def stores(tmp_path, shop):
    """Return the files of three exporters, each with two weeks of a shop."""
    files = {name: tmp_path / f"{name}.sqlite3" for name in "abc"}
    for file in files.values():
        shutil.copy(shop.removeprefix("sqlite:///"), file)
    return files


@pytest.fixture
def run(tmp_path, stores, monkeypatch):
    """Return a function that runs a command for the three exporters."""
    folder = tmp_path / "journal"
    for part in (folder, folder / "segments", folder / "cursors", folder / "dead-letter"):
        part.mkdir(0o700)
    own = ["--journal", str(folder)]
    own += [f"--store={name}=sqlite:///{file}" for name, file in stores.items()]
    return lambda *arguments, code=0: run_alone(monkeypatch, [*own, *arguments], code)


@pytest.fixture
def interrupted(run, monkeypatch):
    """Return a function that interrupts a command at its step for `b`; return what it prints."""

    def start(*arguments):
        def add(self, number):
            self.done += number
            if self._label.endswith(" b"):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Progress, "add", add)
            said = run(*arguments, code=130).stderr
        _, _, command = said.rstrip("\n").partition("flask-chest ... ")
        assert command, said
        return shlex.split(command)

    return start


def number(file):
    with closing(open_store(f"sqlite:///{file}")) as store:
        return store.count()


def test_a_purge_goes_on_in_the_exporters_that_are_left_and_in_no_other(stores, run, interrupted):
    chosen = ("--exporter", "a", "--exporter", "b")
    again = interrupted("purge", "--before", "0h", *chosen, "--yes")
    assert again[-2:] == ["--exporter", "b"]
    assert number(stores["a"]) == 0
    done = run(*again, "--yes")
    assert "a: " not in done.stdout
    assert (number(stores["b"]), number(stores["c"])) == (0, 280)


def test_a_rebuild_goes_on_with_the_exporters_that_are_left(run, interrupted):
    again = interrupted("rollup", "--rebuild", "--exporter", "a", "--exporter", "b")
    assert again == ["rollup", "--rebuild", "--exporter", "b"]
    assert run(*again).stdout.startswith("b: ")


def test_a_rebuild_is_proposed_for_the_exporters_whose_rollups_are_wrong(run, monkeypatch):
    monkeypatch.setattr("flask_chest.cli.rolling_up._verify", lambda name, _: name != "b")
    said = run("rollup", "--verify", code=1).stderr
    assert "Run: flask-chest ... rollup --rebuild --exporter b\n" in said


@pytest.fixture
def refused(tmp_path, run):
    """Return the IDs of four dead letters that each exporter has."""
    folder = tmp_path / "journal" / "dead-letter"
    records = [make_record() for _ in range(4)]
    for name in "abc":
        letters = [{"at": "2026-11-30T20:00:00Z", "error": "no", "record": r} for r in records]
        file = folder / f"{name}.jsonl"
        file.write_text("".join(f"{json.dumps(each)}\n" for each in letters))
        file.chmod(0o600)
    return [record["id"] for record in records]


@pytest.mark.parametrize("is_all", [True, False])
def test_a_retry_goes_on_with_the_records_and_exporters_that_are_left(
    stores, run, interrupted, refused, monkeypatch, is_all
):
    monkeypatch.setattr("flask_chest.upkeep.retrying._AT_ONCE", 1)
    ids = () if is_all else tuple(refused[:3])
    run("dead-letter", "drop", refused[0], "--exporter", "b", "--yes")
    again = interrupted("dead-letter", "retry", *ids, "--exporter", "a", "--exporter", "b")
    assert again == ["dead-letter", "retry", *ids[2:], "--exporter", "b"]
    run(*again)
    for name, left in {**dict.fromkeys("ab", 0 if is_all else 1), "c": 4}.items():
        listed = run("dead-letter", "list", "--exporter", name).stdout
        assert len(listed.splitlines()) == left + 1
    assert [number(stores[name]) - 280 for name in "abc"] == ([4, 3, 0] if is_all else [3, 2, 0])


def test_what_a_shell_would_read_otherwise_is_quoted():
    assert way("purge", "--before", "a b", exporters=["x", "$y"]) == (
        "flask chest purge --before 'a b' --exporter x --exporter '$y'"
    )
