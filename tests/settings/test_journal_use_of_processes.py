"""Processes with different exporters do not share a journal; those of one application do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from flask_chest_mysql import MysqlConfig, MysqlStore
from flask_chest_postgres import PostgresConfig, PostgresStore
from flask_chest_sqlite import SqliteConfig, SqliteStore
from pydantic import BaseModel, HttpUrl, SecretStr

from flask_chest.settings.destination import destination

PROGRAM = Path(__file__).with_name("programs") / "holds_a_journal.py"
APP = Path(__file__).parents[1] / "cli" / "programs" / "app.py"
AT_ONCE = 0.0
FOR_LONG = 60.0


class Running:
    """A process of an application."""

    def __init__(self, python, folder, exporters, wait, **environment):
        self.process = python.start(
            [PROGRAM, folder / "journal", json.dumps(exporters), str(wait)],
            env={**os.environ, **environment},
            text=True,
        )

    def said(self):
        return self.process.stdout.readline().strip()

    def tell(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.said()

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


@pytest.fixture
def start(tmp_path, warm_python):
    """Return a function that starts a process with exporters, each to a file of its own."""
    started = []

    def start(wait=AT_ONCE, **exporters):
        environment = exporters.pop("environment", {})
        urls = {name: f"sqlite:///{tmp_path}/{file}.sqlite3" for name, file in exporters.items()}
        started.append(Running(warm_python, tmp_path, urls, wait, **environment))
        return started[-1]

    yield start
    for process in started:
        process.close()


def paths(tmp_path, file):
    with closing(sqlite3.connect(tmp_path / f"{file}.sqlite3")) as connection:
        return [path for (path,) in connection.execute("SELECT path FROM chest_records")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"main": "a"}, {"main": "b"}),
        ({"main": "a"}, {"other": "b"}),
        ({"main": "a", "copy": "b"}, {"main": "a", "copy": "c"}),
        ({"main": "a", "copy": "b"}, {"main": "b", "copy": "a"}),
    ],
    ids=["destination", "name", "one of two", "exchanged"],
)
def test_a_second_process_with_other_exporters_is_refused_until_the_first_has_ended(
    start, tmp_path, first, second
):
    one = start(**first)
    assert one.said() == "began"
    refusal = start(**second).said()
    assert refusal.startswith(f"refused: CHEST_JOURNAL='{tmp_path}/journal' is used by another")
    assert f"there '{list(first)[-1]}' " in refusal or "there 'main' " in refusal
    assert f"sqlite path={tmp_path}/" in refusal
    assert "a journal of its own" in refusal
    assert "end the processes of the old one first" in refusal
    one.tell("1")
    one.process.kill()
    one.process.wait()
    assert start(**second).said() == "began", "whatever a dead process has left"


@pytest.mark.parametrize(
    "second",
    [{"main": "a"}, {"main": "a", "new": "b"}, {"renamed": "a"}, {"renamed": "a", "new": "b"}],
)
def test_a_process_that_delivers_to_a_destination_of_the_first_is_of_the_same_application(
    start, second
):
    one = start(main="a")
    assert one.said() == "began"
    two = start(**second)
    assert two.said() == "began"
    assert one.tell("1") == two.tell("2") == "dropped {}"


def test_a_new_process_waits_for_those_with_other_exporters_to_end(start, tmp_path):
    one = start(main="a")
    assert one.said() == "began"
    one.tell("1")
    two = start(wait=FOR_LONG, main="b")
    assert "Waiting up to 60 seconds for it to end" in two.process.stderr.readline()
    one.end()
    assert two.said() == "began"
    two.tell("2")
    two.end()
    assert paths(tmp_path, "a") == ["/1"]
    assert paths(tmp_path, "b") == ["/2"]


def test_under_gunicorn_a_new_process_waits_longer_than_old_workers_may_take(start, tmp_path):
    """A worker that cannot start stops the whole server."""
    one = start(main="a")
    assert one.said() == "began"
    module = tmp_path / "under_gunicorn.py"
    module.write_text(
        "import gunicorn.arbiter\n"
        "from flask import Flask\n"
        "from flask_chest import FlaskChest\n"
        f"FlaskChest(Flask('shop'), journal='{tmp_path}/journal',\n"
        f"    exporters={{'main': 'sqlite:///{tmp_path}/b.sqlite3'}})\n"
    )
    with subprocess.Popen([sys.executable, module], stderr=subprocess.PIPE, text=True) as two:
        assert "Waiting up to 35 seconds" in two.stderr.readline()
        one.end()
        two.stderr.read()
    assert two.returncode == 0


def test_forked_workers_of_one_application_share_its_journal(start, tmp_path):
    one = start(main="a")
    assert one.said() == "began"
    assert one.tell("fork") == "flushed"
    assert one.tell("1") == "dropped {}"
    assert one.tell("fork") == "flushed"
    one.end()
    assert sorted(paths(tmp_path, "a")) == ["/1", "/99", "/99"]


def test_the_process_that_werkzeug_reloads_goes_on_beside_the_one_that_watches(start):
    watcher = start(main="a")
    assert watcher.said() == "began"
    reloaded = start(main="b", environment={"WERKZEUG_RUN_MAIN": "true"})
    assert reloaded.said() == "began"
    assert reloaded.tell("1") == "dropped {}"
    reloaded.end()
    assert "used by another process" in reloaded.process.stderr.read()


@pytest.fixture
def command(tmp_path, warm_python):
    """Return a function that runs `flask` for an application with this journal."""
    shutil.copy(APP, tmp_path)
    with (tmp_path / "app.py").open("a") as file:
        file.write(
            "import click\n"
            "@app.cli.command()\n"
            "def nightly():\n"
            "    with chest.record('nightly'):\n"
            "        pass\n"
            "    click.echo(f'dropped {chest.stats(process=True).dropped}')\n"
            "@app.cli.command()\n"
            "def migrate():\n"
            "    click.echo('migrated')\n"
        )

    def run(*words):
        return warm_python.run(
            ["-m", "flask", *words],
            cwd=tmp_path,
            env={
                **os.environ,
                "FLASK_CHEST_JOURNAL": str(tmp_path / "journal"),
                "FLASK_CHEST_EXPORTERS": f"sqlite:///{tmp_path}/b.sqlite3",
            },
            timeout=120,
        )

    return run


def test_commands_that_only_read_are_not_refused_and_a_flush_is(start, command, tmp_path):
    one = start(main="a")
    assert one.said() == "began"
    assert one.tell("1") == "dropped {}"
    for words in ("chest query", "chest routes", "chest plugins", "migrate"):
        done = command(*words.split())
        assert done.returncode == 0, done.stderr
    check = command("chest", "check")
    assert (check.returncode, check.stderr.count("journal: error: in use:")) == (1, 1)
    flush = command("chest", "flush")
    assert flush.returncode == 1
    assert "Error: CHEST_JOURNAL=" in flush.stderr
    assert "is used by another process with other exporters" in flush.stderr
    job = command("nightly")
    assert job.stdout == "dropped {'journal': 1}\n", "or the other process would deliver it"
    assert "is used by another process with other exporters" in job.stderr
    one.end()
    assert paths(tmp_path, "a") == ["/1"]
    assert command("chest", "flush").returncode == 0
    assert command("nightly").stdout == "dropped {}\n"


def sqlite(**fields):
    return SqliteStore(SqliteConfig(**fields))


def test_a_destination_is_not_changed_by_what_is_no_place(tmp_path):
    (tmp_path / "current").symlink_to(tmp_path)
    assert destination(sqlite(path=tmp_path / "x")) == f"sqlite path={tmp_path / 'x'}"
    assert destination(sqlite(path=tmp_path / "x", busy_timeout_seconds=1, mode="0640")) == (
        destination(sqlite(path=tmp_path / "current" / "x"))
    )
    for kind, config in ((MysqlStore, MysqlConfig), (PostgresStore, PostgresConfig)):
        scheme = kind.type if kind is MysqlStore else "postgresql"
        of = lambda url: destination(kind(config(url=url)))  # noqa: B023, E731 - called at once
        at = of(f"{scheme}://ann:s3cret@db.example/shop")
        assert "s3cret" not in at
        assert "host=db.example" in at
        assert at == of(f"{scheme}://bob:other@db.example/shop?pool_size=3")
        assert at != of(f"{scheme}://ann:s3cret@db.example/other")
        assert at != of(f"{scheme}://ann:s3cret@db2.example/shop")


class Hook(BaseModel):
    url: HttpUrl | str | SecretStr
    token: SecretStr | None = None


class Keeper(BaseModel):
    room: str
    api_key: str = ""
    limit: int = 3


def told(config):
    kind = type("Kind", (SqliteStore,), {"type": "kind", "config_model": type(config)})
    exporter = object.__new__(kind)
    exporter.config = config
    return destination(exporter)


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:s3cret@hook.example/s3cret?s3cret=s3cret",
        "https://ann:s3/cr@et@hook.example/s3cret",
        "https://hook.example/#s3cret",
    ],
)
def test_a_destination_has_no_secret(url):
    said = told(Hook(url=url, token="s3cret"))
    assert said == told(Hook(url=SecretStr(url)))
    assert said.startswith("kind url=https://hook.example/")
    assert "s3" not in said.replace("hook.example", "")
    assert told(Hook(url="https://hook.example/a")) != told(Hook(url="https://hook.example/b"))


def test_a_destination_of_other_fields_is_told_by_all_of_its_texts_but_secrets():
    assert told(Keeper(room="7", api_key="s3cret")) == told(Keeper(room="7", limit=9))
    assert told(Keeper(room="7")) != told(Keeper(room="8"))
