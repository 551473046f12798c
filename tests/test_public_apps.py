"""Public applications behave with app-wide tracking as they do without."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from public_apps import sources

HERE = Path(__file__).parent / "public_apps"


@pytest.fixture(scope="module")
def flaskr():
    return sources.flaskr()


@pytest.fixture(scope="module")
def httpbin():
    return sources.httpbin()


# -- Their own tests -------------------------------------------------------------------------------


class Suite:
    """A run of an application's own tests, in a copy of it."""

    def __init__(self, public, folder, *, tracked):
        public.copy_to(folder)
        self.folder = folder
        self.log = folder / "pytest.log"
        self._report = folder / "report.json"
        environment = public.environment(HERE)
        environment.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", WATCH_REPORT=str(self._report))
        if tracked:
            environment["WATCH_TRACKED"] = public.package
        options = ("-q", "-p", "watch", "-p", "no:cacheprovider", "-W", "error", "tests")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def report(self):
        """Wait for the end; return what `watch` reports."""
        try:
            self.process.wait(120)
        finally:
            self.process.kill()
            self.process.wait()
        assert self._report.exists(), self.log.read_text("utf-8", "replace")
        return json.loads(self._report.read_text("utf-8"))


def records_in(folder, make_chest, app, columns):
    """Deliver what an ended process has left, if anything; return the rows."""
    database = folder / "instance" / "chest.sqlite3"
    chest = make_chest(
        journal=str(folder / "instance" / "chest"), exporters={"main": f"sqlite:///{database}"}
    )
    chest.init_app(app)
    assert chest.flush(10)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {columns} FROM chest_records").fetchall()


@pytest.mark.parametrize(("name", "fewest"), [("flaskr", 24), ("httpbin", 60)])
def test_its_own_tests_pass_as_without_tracking_and_each_request_is_recorded_once(
    name, fewest, request, tmp_path, make_chest, app
):
    public = request.getfixturevalue(name)
    runs = [
        Suite(public, tmp_path / "bare", tracked=False),
        Suite(public, tmp_path / "tracked", tracked=True),
    ]
    bare, tracked = [run.report() for run in runs]
    log = runs[1].log.read_text("utf-8", "replace")
    assert tracked["outcomes"] == bare["outcomes"], log
    assert set(tracked["outcomes"].values()) == {"passed"}, log
    assert len(tracked["outcomes"]) >= fewest
    assert tracked["requests"] == bare["requests"]
    assert tracked["said"] == []
    assert tracked["idle_threads"] == []
    rows = records_in(runs[1].folder, make_chest, app, "method, path")
    assert sorted(map(list, rows)) == sorted(tracked["requests"])
    assert len(rows) >= fewest
    assert sum(each.get("recorded", 0) for each in tracked["stats"]) == len(rows)
    assert not any(each.get("dropped") or each.get("plugin_errors") for each in tracked["stats"])
