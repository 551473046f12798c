"""A second import: of another application, with other options, or where nothing can be read."""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import BaseModel
from support.commands import run_alone

from flask_chest import hookimpl, open_store
from flask_chest.exporter import Exporter
from flask_chest.plugins.manager import Plugins
from flask_chest.testing import RecordingExporter


@pytest.fixture
def old(tmp_path):
    """Return a function that writes a file of 0.0.10."""

    def write(name, *rows):
        path = tmp_path / name
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "CREATE TABLE flask_chest (unique_id INTEGER PRIMARY KEY, request_id TEXT, "
                "name TEXT, value TEXT)"
            )
            connection.executemany(
                "INSERT INTO flask_chest (request_id, name, value) VALUES (?, ?, ?)", rows
            )
        return path

    return write


@pytest.fixture
def two(old):
    """Return the files of two applications that both counted their requests from 1."""
    return (
        old("shop.db", ("1", "plan", "pro"), ("2", "plan", "free"), ("", "plan", "none")),
        old("blog.db", ("1", "plan", "pro"), ("2", "plan", "basic"), ("", "plan", "none")),
    )


def kept(target):
    with closing(open_store(target.url)) as store:
        return sorted(
            (record.service, record.variables["plan"])
            for record in store.records("method == 'IMPORT'")
        )


BOTH = sorted(
    [("shop", plan) for plan in ("pro", "free", "none")]
    + [("blog", plan) for plan in ("pro", "basic", "none")]
)


def test_two_applications_with_the_same_request_ids_lose_nothing_in_one_store(target, two):
    shop, blog = two
    for _ in range(2):  # repeating either is still idempotent
        target.take(old=shop, service="shop")
        target.take(old=blog, service="blog")
        assert kept(target) == BOTH


def test_the_same_request_ids_under_another_service_are_said_with_a_remedy(target, two):
    shop, _ = two
    assert "another service" not in target.take(old=shop, service="shop").stderr
    assert "another service" not in target.take(old=shop, service="shop").stderr
    for more in ("--dry-run",), ():
        done = target.take(*more, old=shop, service="till")
        assert "of another service, and these are records of their own: shop." in done.stderr
        assert f"flask-chest --store {target.url} erase \"method == 'IMPORT' and " in done.stderr
        assert "service == 'till'\"" in done.stderr


def test_the_printed_erasure_erases_one_service_whatever_its_name(target, two, monkeypatch):
    shop, blog = two
    target.take(old=shop, service="shop")
    name = "o'blog\" or true"
    target.take(old=blog, service=name)
    with closing(sqlite3.connect(blog)) as connection, connection:
        connection.execute("UPDATE flask_chest SET value = 'changed'")
    said = target.take(old=blog, service=name, code=1).stderr
    words = shlex.split(said.partition("imported: flask-chest ")[2].partition(". Then")[0])
    assert words[:3] == ["--store", target.url, "erase"]
    run_alone(monkeypatch, [*words, "--yes"], 0)
    assert {service for service, _ in kept(target)} == {"shop"}


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--number", "cart_totl"),
            "No variable of {old} has the name of --number cart_totl. Did you mean cart_total?",
        ),
        (
            ("--boolean", "is_piad", "--number", "zzz"),
            "{old} has the name of --boolean is_piad, --number zzz. Did you mean is_paid?",
        ),
        (("--number", "kart_*"), "{old} has the name of --number kart_*"),
        (("--number", "cart_*", "--number", "zzz"), "has the name of --number zzz"),
    ],
)
def test_an_option_of_no_variable_is_refused_before_anything_is_written(
    target, options, said, more
):
    done = target.take(*options, *more, code=2)
    assert said.format(old=target.old) in done.stderr
    assert not Path(target.url.removeprefix("sqlite:///")).exists()


def test_a_name_with_the_characters_of_a_pattern_is_taken_as_it_is(target, old):
    path = old("odd.db", ("1", "cart[0]", "7"))
    target.take("--number", "cart[0]", old=path)
    assert target.records()["1"].variables == {"cart[0]": 7}


def test_another_time_for_records_that_are_there_is_said_as_another_number_is(target):
    target.take()
    before = target.records()
    for more in ("--dry-run",), ():
        done = target.take("--started-at", "2024-05-01", *more, code=1)
        assert "9 records keep the times that they have" in done.stderr
        assert "9 records left as they were. To write them anew" in done.stderr
        assert "and service == 'shop'\"" in done.stderr
    assert target.records() == before


def test_the_same_time_for_two_files_is_no_other_time(target, old):
    rows = [(str(number), "plan", "x") for number in range(50)]
    target.take("--started-at", "2024-05-01", old=old("first.db", *rows))
    target.take("--started-at", "2024-05-01", old=old("second.db", *reversed(rows)))


def test_a_file_that_was_touched_leaves_the_times_and_says_so(target):
    target.take()
    os.utime(target.old, (1_800_000_000, 1_800_000_000))
    assert "9 records keep the times that they have" in target.take().stderr


# -- What is no file, and what is no store ---------------------------------------------------------


def test_a_folder_and_a_pipe_are_no_files(target, tmp_path):
    done = target.take(old=tmp_path, code=1)
    assert f"{tmp_path} is a folder. Give the file that 0.0.10 wrote: its `db_uri`" in done.stderr
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is no file. Give the file" in target.take(old=tmp_path / "pipe", code=1).stderr


@pytest.mark.parametrize("url", ["sqlite://db.sqlite3", "SQLite://db.sqlite3", "sqlite://"])
def test_a_url_with_two_slashes_is_told_of_three_and_four(target, url):
    done = target.take(old=url, code=2)
    said = " ".join(done.stderr.split())
    assert "three slashes when the path of the file is relative (sqlite:///db.sqlite3)" in said
    assert "four when it is absolute" in said
    assert "SQLite only" not in said


def test_a_url_may_be_written_in_capitals(target):
    assert target.take(old=f"SQLITE:///{target.old}").stdout.startswith("35 rows: 9 records")


class LineupConfig(BaseModel):
    url: str
    api_key: str


class Lineup(Exporter):
    """Needs a field that its URL does not have."""

    type = "lineup"
    config_model = LineupConfig

    def open(self):
        pass

    def export(self, batch):
        pass

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Lineup, type("Recording", (RecordingExporter,), {"for_tests": False})]


@pytest.fixture
def into(make_chest, app, target):
    """Return a function that imports into an exporter that cannot be read."""
    chest = make_chest(exporters={"main": {"type": "recording"}})
    chest.register_plugin(Plugin())
    chest.init_app(app)

    def run(*more, code=0):
        words = ["chest", "import", "--from-0.0.10", str(target.old), "--to", "main", *more]
        done = app.test_cli_runner().invoke(args=words)
        assert done.exit_code == code, done.output
        return done

    return run


def test_it_is_said_that_an_exporter_that_cannot_be_read_gets_all_again(into, monkeypatch):
    for more, verb in ((), "imported"), (("--dry-run",), "to import"):
        done = into(*more)
        assert "'recording' cannot be read, so what it has already is sent again" in done.stderr
        assert done.stdout == (
            f"35 rows: 9 records {verb}, unknown what was there, 0 refused\n"
        )  # fmt: skip

    def interrupt(_self, _page):
        raise KeyboardInterrupt

    monkeypatch.setattr("flask_chest.upkeep.importing._Import.take", interrupt)
    assert "cannot be read: the same command sends all again" in into(code=130).stderr


def test_a_url_of_an_exporter_that_is_no_store_says_so_and_not_what_it_lacks(target, monkeypatch):
    exporters = Plugins.exporters
    monkeypatch.setattr(Plugins, "exporters", lambda self: exporters(self) | {"lineup": Lineup})
    target.url = "lineup://x"
    done = target.take(code=1)
    assert "exporters of the type 'lineup' cannot be read: they are no stores" in done.stderr
    assert "api_key" not in done.stderr
