"""`flask-chest`: the commands without the application."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.backends import ClickHouse, Mongo
from support.mongo import indexes

from flask_chest import __version__, open_store

SECRET = "hunter2"
RUNS = """
from app import app, chest
app.test_client().get("/?user=eve")
print("runs", flush=True)
input()
"""


def forget_application(place):
    """Delete the application: a command that imported it would fail."""
    (place.folder / "app.py").unlink()


def test_the_version_is_said_without_anything_to_work_on(place):
    assert place.alone("--version", code=0).stdout == f"Flask-Chest {__version__}\n"


def test_a_journal_and_a_store_are_delivered_and_read_without_the_application(place):
    place.record_three()
    forget_application(place)
    done = place.alone("--journal", place.journal, "--store", place.url, "flush", code=0)
    assert done.stdout.startswith("main: 3 delivered, 0 bytes waiting")
    records = place.alone(
        "--store", place.url, "query", "--format", "json", code=0
    ).stdout.splitlines()
    assert [json.loads(line)["variables"]["user"] for line in records] == ["bob", "ada", "ada"]
    assert "ada       2" in place.alone("--store", place.url, "top", "user").stdout
    assert "main: can deliver" in place.alone("--store", place.url, "check", code=0).stdout


def test_the_program_is_installed(place):
    program = Path(sys.executable).with_name("flask-chest")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "--journal FOLDER" in done.stdout
    assert place.alone("--help", code=0).stdout.count("\n") == done.stdout.count("\n")


def test_of_a_journal_alone_all_is_known_but_the_databases(place):
    place.record_three()
    forget_application(place)
    told = json.loads(place.alone("--journal", place.journal, "status", "--json", code=0).stdout)
    assert told["exporters"]["main"]["pending_bytes"] > 0
    checked = place.alone("--journal", place.journal, "check", code=1)
    assert "main: error: its URL is not known here. Give it: --store main=URL" in checked.stderr
    flushed = place.alone("--journal", place.journal, "flush", code=2)
    assert "--store main=URL" in flushed.stderr
    assert "--store main=URL" in place.alone("--journal", place.journal, "query", code=1).stderr


def test_what_waits_for_another_exporter_is_not_taken_away_by_a_misspelt_name(place):
    place.record_three()
    before = {path: path.read_bytes() for path in place.journal.rglob("*.jsonl")}
    for stores in ((f"mian={place.url}",), (f"main={place.url}", f"other={place.url}2")):
        options = [word for store in stores for word in ("--store", store)]
        done = place.alone("--journal", place.journal, *options, "flush", code=2)
        assert "--store main=URL" in done.stderr
    assert {path: path.read_bytes() for path in place.journal.rglob("*.jsonl")} == before


@pytest.mark.parametrize("name", ["segments", "cursors", "dead-letter", "."])
def test_a_journal_that_cannot_be_read_is_not_called_empty(place, name):
    place.record_three()
    folder = place.journal / name
    folder.rename(place.folder / "elsewhere")
    folder.symlink_to(place.folder / "elsewhere")
    commands = [["status"], ["check"]]
    if name in ("dead-letter", "."):
        commands.append(["dead-letter", "list"])
    for command in commands:
        done = place.alone("--journal", place.journal, *command, code=1)
        assert "link" in done.stderr, command
        assert "Traceback" not in done.stderr


def test_the_environment_names_both_so_that_no_password_is_on_the_command_line(place, monkeypatch):
    place.record_three()
    forget_application(place)
    monkeypatch.setenv("FLASK_CHEST_JOURNAL", str(place.journal))
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__main", place.url)
    assert place.alone("flush", code=0).stdout.startswith("main: 3 delivered")
    monkeypatch.delenv("FLASK_CHEST_EXPORTERS__main")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", f'{{"copy": "{place.url}"}}')
    told = json.loads(place.alone("status", "--json", code=0).stdout)
    assert sorted(told["exporters"]) == ["copy", "main"], "and what the journal has, too"


def test_settings_that_would_import_the_application_are_not_followed(place, monkeypatch):
    place.record_three()
    shutil.move(place.folder / "app.py", place.folder / "shop.py")
    (place.folder / "shop.py").write_text("raise SystemExit('imported')")
    monkeypatch.setenv("FLASK_APP", "shop")
    monkeypatch.setenv("FLASK_CHEST_KEEP_IF", "shop:keep")
    monkeypatch.setenv("FLASK_CHEST_REQUEST_ID_GENERATOR", "shop:new")
    monkeypatch.setenv("FLASK_CHEST_REDACT_WITH", "hash")
    monkeypatch.setenv("FLASK_CHEST_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(place.folder))
    told = place.alone("--journal", place.journal, "status", "--json", code=0)
    assert json.loads(told.stdout)["exporters"]["main"]["pending_records"] == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "--store URL"),
        (["--store", "nonsense"], "is no URL"),
        (["--store", "main="], "is no URL"),
        (["--store", "sqlite:///a", "--store", "sqlite:///b"], "'main' is there twice"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(place, options, text):
    done = place.alone(*options, "status", code=2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://shop:{SECRET}@127.0.0.1:9/db",
        f"nonsuch://shop:{SECRET}@127.0.0.1:9/db",
        *(
            pytest.param(url, marks=pytest.mark.slow)
            for url in (
                f"postgresql://shop:{SECRET}@x@127.0.0.1:9/db",
                f"postgresql://127.0.0.1:9/db?user=shop&password={SECRET}",
                f"postgresql://127.0.0.1:9/db?passwrod={SECRET}",
                f"mongodb://shop:{SECRET}@127.0.0.1:9/db?serverSelectionTimeoutMS=100",
                f"mysql://shop:{SECRET}@127.0.0.1:9/db",
                f"shop:{SECRET}@127.0.0.1/db",
            )
        ),
    ],
)
def test_no_output_has_the_password_of_a_url(place, url):
    for command in (["check"], ["check", "--json"], ["status"], ["query"], ["schema", "print"]):
        done = place.alone("--store", url, *command)
        assert SECRET not in done.stdout + done.stderr, command
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["no/such", "instance", "app.py"])
def test_a_folder_that_is_no_journal_is_not_called_empty_and_none_is_made(place, folder):
    place.record_three()
    wrong = place.folder / folder
    for command in (["status"], ["check"], ["flush"], ["dead-letter", "list"]):
        done = place.alone("--journal", wrong, "--store", place.url, *command, code=2)
        assert f"There is no journal in {wrong}" in done.stderr, command
    assert not (place.folder / "no").exists()
    assert not (place.folder / "instance" / "cursors").exists()


def test_a_flush_that_fails_before_its_timeout_does_not_blame_the_timeout(place):
    place.record_three()
    store = f"main=sqlite:///{place.folder}/app.py"
    done = place.alone("--journal", place.journal, "--store", store, "flush", code=1)
    assert "file is not a database" in done.stdout
    assert "Error: Not everything was delivered. It waits in the journal" in done.stderr


def test_a_store_without_records_is_named_as_its_place_may_be_mistyped(place):
    file = place.folder / "other.sqlite3"
    place.alone("--store", f"sqlite:///{file}", "schema", "apply", code=0)
    for command in (
        ["--store", f"sqlite:///{file}", "query"],
        ["--store", f"sqlite:///{file}", "routes"],
        ["--store", f"sqlite:///{file}", "top", "user"],
        ["copy", "--from", f"sqlite:///{file}", "--to", f"sqlite:///{file}2"],
    ):
        done = place.alone(*command, code=0)
        assert f"Nothing was found in sqlite path={file}" in done.stderr, command


def test_a_mistyped_file_is_refused_and_not_created(place):
    file = place.folder / "mistyped.sqlite3"
    for command in (
        ["--store", f"sqlite:///{file}", "query"],
        ["--store", f"sqlite:///{file}", "purge", "--before", "1d", "--yes"],
        ["--store", f"sqlite:///{file}", "erase", "user == 'ada'", "--yes"],
        ["copy", "--from", f"sqlite:///{file}", "--to", f"sqlite:///{file}2"],
    ):
        done = place.alone(*command)
        assert done.returncode == 1, command
        assert f"there is no database {file} yet" in done.stderr, command
        assert not list(place.folder.glob("mistyped*")), command


def test_a_check_without_urls_finds_no_fault_in_the_application_that_runs(place):
    place.record_three()
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS], cwd=place.folder, stdin=subprocess.PIPE, stdout=-1
    )
    with process:
        assert process.stdout.readline() == b"runs\n"
        done = place.alone("--journal", place.journal, "check", code=1)
        process.stdin.close()
    assert "Error: 1 error: main" in done.stderr
    assert "in use" not in done.stderr
    assert "other exporters" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (["query", "--store", "sqlite:///a"], "--store URL query"),
        (["check", "--store=sqlite:///a"], "--store URL check"),
        (
            ["--store", "sqlite:///a", "status", "--json", "--journal", "b"],
            "--journal FOLDER status",
        ),
        (["dead-letter", "list", "--journal", "b"], "--journal FOLDER dead-letter"),
    ],
)
def test_an_option_behind_the_command_is_told_its_place(place, arguments, way):
    done = place.alone(*arguments, code=2)
    assert done.stderr.endswith(
        f"Error: --store and --journal stand before the command: flask-chest {way}\n"
    )


def test_without_a_journal_status_has_no_numbers(place):
    place.record_three()
    place.alone("--journal", place.journal, "--store", place.url, "flush", code=0)
    done = place.alone("--store", place.url, "status", code=0)
    assert done.stdout == "journal         not given: --journal FOLDER\n"
    told = json.loads(place.alone("--store", place.url, "status", "--json").stdout)
    assert told["journal"] is None


def ttl_of(backend):
    """Return by what the database itself deletes."""
    if isinstance(backend, Mongo):
        return indexes(backend)["chest_retention"]["expireAfterSeconds"]
    return backend.creation().partition("TTL ")[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mongo", "clickhouse"])
def test_the_databases_own_deletion_stays_as_the_application_wants_it(place, request, kind):
    url = request.getfixturevalue(kind)
    backend = {"mongo": Mongo, "clickhouse": ClickHouse}[kind](url)
    with closing(open_store({"url": url, "retention": "30d"})):
        before = ttl_of(backend)
    place.record_three()
    forget_application(place)
    store = ("--store", f"main={url}")
    place.alone("--journal", place.journal, *store, "flush", code=0)
    assert len(backend.ids()) == 3
    source = f"sqlite:///{place.folder}/other.sqlite3"
    place.alone("copy", "--from", url, "--to", source, code=0)
    place.alone("copy", "--from", source, "--to", url, code=0)
    assert "nothing was to be repaired" in place.alone(*store, "schema", "repair", code=0).stdout
    checked = place.alone(*store, "check", code=0)
    assert "retention: the server" in checked.stdout + checked.stderr
    assert "warning" not in checked.stdout + checked.stderr
    assert ttl_of(backend) == before
