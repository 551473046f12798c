"""`flask chest check`: what it finds, what it says to do, and its exit code."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.checking import findings, set_app

TEN_YEARS_ON = "0240a2f5-0000-7000-8000-000000000000"


@pytest.fixture
def started(delivered):
    """Return the folder of an application that has recorded and delivered."""
    return delivered


def sql(place, statement):
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute(statement)


def test_when_all_is_well_every_part_says_so(started):
    found = findings(started)
    assert {where for where, _ in found} == {"settings", "plugins", "journal", "main", "clock"}
    assert {each["level"] for each in found.values()} == {"ok"}
    assert found["main", ""]["text"] == "can deliver"
    assert "of 1 GiB" in found["journal", ""]["text"]
    assert "are free" in found["journal", "disk"]["text"]
    assert "sqlite" in found["plugins", ""]["text"]
    assert findings(started)["main", ""] == found["main", ""], "and changes nothing"


def test_each_line_names_the_part_the_level_and_the_remedy(started):
    sql(started, "UPDATE chest_records SET started_at = '2999-01-01T00:00:00.000000Z'")
    lines = started.flask("check", code=0).stdout.splitlines()
    [line] = [line for line in lines if line.startswith("clock")]
    assert line.startswith("clock: warning: main: the newest record of 'main' is from ")
    assert line.endswith("Let NTP (chrony, systemd-timesyncd) set the clocks of all hosts")


def test_a_database_that_cannot_be_reached_is_an_error(place):
    set_app(
        place, "exporters={'main': 'postgresql://u:hunter2@127.0.0.1:9/db', 'other': 'sqlite:///x'}"
    )
    done = place.flask("check", code=1)
    assert "\nother: warning: there is no database" in done.stdout
    [line, last] = done.stderr.splitlines()
    assert line.startswith("main: error: PostgreSQL at 127.0.0.1:9/db")
    assert "address in CHEST_EXPORTERS['main']. Records wait in the journal" in line
    assert "?." not in line
    assert last == "Error: 1 error: main"
    assert "hunter2" not in done.stderr


def test_nobody_is_told_to_flush_to_a_database_that_cannot_be_reached(place):
    set_app(place, "exporters={'main': 'postgresql://u@127.0.0.1:9/db', 'other': 'sqlite:///x'}")
    place.record_three()
    lines = place.flask("check", "--max-lag", "0", code=1).stderr.splitlines()
    late = {line.partition(":")[0]: line for line in lines if "lag: " in line}
    assert late["main"].endswith("above 0 s. 3 records wait")
    assert late["other"].endswith("3 records wait. Deliver now: flask chest flush")


def test_alone_the_address_that_may_be_wrong_is_that_of_the_option(place):
    done = place.alone("--store", "postgresql://u@127.0.0.1:9/db", "check", code=1)
    assert "Look at the database, and at its address in --store" in done.stderr


def test_a_journal_that_nobody_can_create_is_an_error_for_root_too(place):
    set_app(place, "journal='/proc/nope/chest'")
    found = findings(place, code=1)["journal", "permissions"]
    assert "/proc/nope/chest is not there" in found["text"]
    assert "cannot create it in /proc: " in found["text"]
    assert "CHEST_JOURNAL" in found["remedy"]


def test_a_journal_that_is_not_there_yet_is_none_after_the_check_either(place):
    before = sorted(place.folder.iterdir())
    set_app(place, f"journal='{place.folder}/later/chest'")
    assert "not there yet" in findings(place)["journal", ""]["text"]
    assert {each.name for each in place.folder.iterdir()} - {each.name for each in before} <= {
        "instance",
        "__pycache__",
    }


@pytest.mark.parametrize("name", [".", "segments", "cursors"])
def test_a_folder_that_others_may_write_is_an_error(started, name):
    (started.journal / name).chmod(0o777)
    found = findings(started, code=1)["journal", "permissions"]
    assert "its group or others may write there" in found["text"]
    assert "Take the right" not in found["text"]
    assert found["remedy"].startswith("Take the right from them (chmod go-w ")


def test_a_file_that_cannot_be_read_is_named(started):
    (started.journal / "segments" / "0.jsonl").symlink_to("/etc/passwd")
    found = findings(started, code=1)["journal", "files"]
    assert "segments/0.jsonl is a symbolic link" in found["text"]


def test_quarantined_parts_are_counted(started):
    place = started
    (place.journal / "segments" / "0.jsonl").write_text("half a line")
    place.flask("flush", code=0)
    found = findings(place)["journal", "quarantine"]
    assert found["text"].startswith("1 damaged parts")


def test_a_journal_near_its_limit_or_above_the_free_space_is_a_warning(started):
    set_app(started, "journal_max_bytes=10**18")
    found = findings(started)["journal", "disk"]
    assert found["level"] == "warning"
    assert "lower CHEST_JOURNAL_MAX_BYTES" in found["remedy"]
    set_app(started, "journal_max_bytes=2**20")
    app = (started.folder / "app.py").read_text()
    (started.folder / "app.py").write_text(app.replace("10**18", "2**20"))
    started.record_three()
    [segment] = (started.journal / "segments").iterdir()
    with segment.open("a") as file:
        file.write(segment.read_text() * 900)
    found = findings(started)["journal", "limit"]
    assert found["level"] == "warning"
    assert "above it, records are dropped" in found["text"]


@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest"])
def test_a_journal_at_its_limit_that_has_dropped_records_is_an_error_with_their_number(
    place, when_full
):
    place.record_three()
    away = "exporters='postgresql://127.0.0.1:9/x'"
    set_app(place, f"{away}, journal_max_bytes=2**20, journal_when_full={when_full!r}")
    source = (place.folder / "record_three.py").read_text()
    (place.folder / "record_three.py").write_text(
        source.replace('("ada", "ada", "bob")', '["x" * 6_000] * 300').replace(
            "os._exit(0)", "import time; time.sleep(1.2)  # its counters are stored\nos._exit(0)"
        )
    )
    place.run("record_three.py", code=0)
    found = findings(place, code=1)["journal", "limit"]
    dropped = json.loads(place.flask("status", "--json", code=0).stdout)
    [number] = [*dropped["dropped"].values(), *dropped["exporters"]["main"]["dropped"].values()]
    assert found["level"] == "error"
    assert found["text"].endswith(f": {number} records dropped at the limit")


def test_a_journal_that_cannot_be_created_is_an_error(place):
    set_app(place, "journal='app.py/journal'")
    done = place.flask("check", code=1)
    assert "Not a directory" in done.stdout + done.stderr


def test_another_application_in_the_same_journal_is_an_error(started):
    other = (
        "from flask import Flask; from flask_chest import FlaskChest; import sys\n"
        f"FlaskChest(Flask('other'), journal={str(started.journal)!r}, exporters='sqlite:///y')\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", other],
        cwd=started.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        found = findings(started, code=1)["journal", "in use"]
        process.stdin.close()
    assert "is used by another process with other exporters" in found["text"]


def test_a_file_from_after_now_means_that_the_clock_was_set_back(started):
    (started.journal / "segments" / f"{TEN_YEARS_ON}.jsonl").touch()
    assert "set back" in findings(started)["clock", "journal"]["text"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--max-lag", "3600"], 0), (["--max-lag", "0"], 1), (["--max-error-rate", "0"], 0)],
)
def test_a_limit_decides_the_exit_code(place, arguments, code):
    place.record_three()
    found = findings(place, *arguments, code=code)
    if code:
        assert "above 0 s" in found["main", "lag"]["text"]
        assert "flask chest flush" in found["main", "lag"]["remedy"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-lag", "-1"],
        ["--max-error-rate", "1.5"],
        ["--max-dropped", "x"],
        ["--since-last", "app.py"],
    ],
)
def test_a_limit_that_means_nothing_is_a_usage_error(place, arguments):
    place.flask("check", *arguments, code=2)


def test_a_fault_in_one_part_does_not_hide_the_others(started):
    (started.folder / "app.py").write_text(
        (started.folder / "app.py").read_text()
        + "\nfrom flask_chest_sqlite.store import SqliteStore\n"
        "def findings(self): raise RuntimeError('odd')\n"
        "SqliteStore.findings = findings\n"
    )
    found = findings(started)
    assert found["main", "findings"]["text"] == "could not look any further: RuntimeError: odd"
    assert found["clock", ""]["level"] == "ok"


PICKY = """
from flask import Flask
from pydantic import BaseModel

from flask_chest import Exporter, FlaskChest, hookimpl
from flask_chest.errors import ConfigurationError


class Config(BaseModel):
    topic: str = ""


class Picky(Exporter):
    type = "picky"
    config_model = Config

    def validate(self):
        raise ConfigurationError("a topic has no blanks")

    def open(self):
        raise RuntimeError("0x80004005")

    def export(self, batch):
        pass

    def close(self):
        pass


class Plugin:
    @hookimpl
    def chest_exporters(self):
        return [Picky]


app = Flask(__name__)
exporters = {"main": {"type": "picky"}, "copy": "sqlite:///<instance>/copy.sqlite3"}
chest = FlaskChest(exporters=exporters)
chest.register_plugin(Plugin())
chest.init_app(app)
"""


def test_the_exporters_own_word_on_its_configuration_is_given(place):
    (place.folder / "app.py").write_text(PICKY)
    done = place.flask("check", code=1)
    assert "main: error: a topic has no blanks" in done.stderr
    assert "0x80004005" not in done.stdout + done.stderr
    assert "copy: warning: there is no database" in done.stdout
    done = place.flask("flush", code=1)
    assert "main: 0 delivered, 0 bytes waiting, a topic has no blanks" in done.stdout
    assert "copy: 0 delivered, 0 bytes waiting\n" in done.stdout
    assert "Error: Cannot deliver: main" in done.stderr


KEEPING = """
exporters = {
    "daily": {"type": "picky"},
    "main": "sqlite:///<instance>/main.sqlite3",
    "audit": {"type": "sqlite", "path": "audit.sqlite3", "retention": "36h"},
    "archive": {"type": "sqlite", "path": "archive.sqlite3", "retention": None},
}
chest = FlaskChest(exporters=exporters, retention=RETENTION)"""


@pytest.mark.parametrize(
    ("retention", "of_main"),
    [
        ("'30d'", "the leader deletes records older than 30 days"),
        (None, "records are kept for ever"),
    ],
)
def test_the_retention_of_each_exporter_is_said(place, retention, of_main):
    head, tail = PICKY.split("exporters = {"), PICKY.split("FlaskChest(exporters=exporters)")
    source = f"{head[0]}{KEEPING}{tail[1]}".replace("RETENTION", str(retention))
    (place.folder / "app.py").write_text(source)
    told = json.loads(place.flask("check", "--json", code=1).stdout)["findings"]
    assert {each["where"]: each["text"] for each in told if each["subject"] == "retention"} == {
        "daily": "none, since it is no store: its destination keeps what it was sent",
        "main": of_main,
        "audit": "the leader deletes records older than 36 hours",
        "archive": "records are kept for ever",
    }


def test_where_no_exporter_can_be_read_a_question_says_what_to_add(place):
    source = PICKY.replace(', "copy": "sqlite:///<instance>/copy.sqlite3"', "")
    for name in ("main", "files"):
        (place.folder / "app.py").write_text(source.replace('"main"', f'"{name}"'))
        done = place.flask("query", code=1)
        assert "No exporter of the application can be read. Add a store to" in done.stderr
        assert "--exporter" not in done.stderr


def test_a_database_without_records_has_no_findings_of_nothing(place):
    place.flask("schema", "apply", code=0)
    found = place.flask("check", code=0).stdout
    assert "main: records: there are none" in found
    assert "at most" not in found
    assert "0 MiB" not in found
