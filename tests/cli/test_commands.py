"""The commands under `flask chest`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("programs")
COMMANDS = [
    *("status", "check", "flush", "dead-letter", "schema", "copy", "import"),
    *("purge", "rollup"),
    *("erase", "query", "measure", "compare", "tail", "show", "routes", "top", "export", "plugins"),
]


@pytest.fixture
def run(tmp_path, warm_python):
    """Return a function that runs Python in the folder of an application."""
    shutil.copy(PROGRAMS / "app.py", tmp_path)
    return lambda *arguments: warm_python.run(arguments, cwd=tmp_path, timeout=300)


@pytest.fixture
def command(run):
    """Return a function that runs a command under `flask chest`."""
    return lambda *arguments: run("-m", "flask", "chest", *arguments)


def test_the_commands_deliver_and_show_the_records(run, command, tmp_path):
    shutil.copy(PROGRAMS / "record_three.py", tmp_path)
    assert run("record_three.py").returncode == 0
    waiting = command("query", "--format", "json")
    assert waiting.stdout == ""
    assert "bytes wait in the journal: flask chest flush" in waiting.stderr
    assert "\nmain: can deliver\n" in command("check").stdout
    assert command("flush").stdout.startswith("main: 3 delivered, 0 bytes waiting")
    assert command("flush").stdout.startswith("main: 0 delivered, 0 bytes waiting")
    records = [
        json.loads(line) for line in command("query", "--format", "json").stdout.splitlines()
    ]
    assert [record["variables"]["user"] for record in records] == ["bob", "ada", "ada"]
    again = command("show", records[0]["request_id"], "--format", "json").stdout
    assert json.loads(again) == records[0]
    top = command("top", "user", "--format", "json").stdout.splitlines()
    assert [json.loads(line) for line in top] == [
        {"user": "ada", "count": 2.0},
        {"user": "bob", "count": 1.0},
    ]
    assert command("routes").stdout.splitlines()[1].split()[:4] == [
        "GET",
        "/hello/<name>",
        "3",
        "0",
    ]


def test_an_unknown_exporter_is_an_error(command):
    result = command("query", "--exporter", "mian")
    assert result.returncode == 2
    assert "no such exporter. CHEST_EXPORTERS has ['main']" in result.stderr


def test_a_corrupt_database_is_an_error_without_a_traceback(command, tmp_path):
    command("schema", "apply")  # creates the database
    database = tmp_path / "instance" / "chest.sqlite3"
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(8192)
        file.write(b"garbage!" * ((size - 8192) // 8))
    for arguments in (["routes"], ["top", "user"], ["query"]):
        result = command(*arguments)
        assert result.returncode == 1
        assert "Error: SQLite" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("query", "--limit", "0"), ("top", "x", "--limit", "-1"), ("flush", "--timeout", "0")],
)
def test_a_limit_or_timeout_that_is_not_positive_is_refused(command, arguments):
    assert command(*arguments).returncode == 2


def test_the_first_line_of_each_commands_help_fits_into_the_list(command):
    lines = command("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == [*COMMANDS, "dashboard"]  # that of a plugin
    for line in lines:
        assert line.endswith("."), line
        assert not line.endswith("..."), line


def test_check_lists_what_a_route_names_and_will_not_get(command, tmp_path):
    with (tmp_path / "app.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n@app.get('/pay')\n"
            "@chest.track('card_number', 'session_id', 'request.headers.authorization')\n"
            "def pay():\n    return ''\n"
        )
    done = command("check")
    assert done.returncode == 0
    assert "'card_number' is named for /pay and always masked" in done.stdout
    assert "CHEST_REDACT_KEYS = ['!card_number']" in done.stdout
    assert "'request.headers.authorization' is named for /pay" in done.stdout
    assert "session_id" not in done.stdout
