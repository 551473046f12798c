"""CHEST_ENABLED = False: requests have their IDs, and nothing is opened, written or started."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

import pytest
from flask import Flask, g

from flask_chest import FlaskChest, current_request_id, outbound_headers
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.testing import collect

PROGRAM = """
import json, os, sys, threading

seen = []

def note(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.append([event, str(path)])
    elif event.split(".")[0] in {"socket", "sqlite3"} or event in {
        "os.mkdir", "os.rename", "os.remove", "os.truncate", "os.chmod", "os.chown", "os.link",
        "os.symlink", "fcntl.flock", "fcntl.lockf", "_thread.start_new_thread", "subprocess.Popen",
    }:
        seen.append([event, str(arguments)])

from flask import Flask, g
import flask_chest

sys.dont_write_bytecode = True
sys.addaudithook(note)
app = Flask("shop", instance_path=os.path.join(os.getcwd(), "instance"))
chest = flask_chest.FlaskChest(app, track_all=True, **json.loads(sys.argv[1]))


@app.get("/")
@chest.track("user_id")
def view():
    g.user_id = "u-17"
    return g.request_id


@chest.job("rows")
def report():
    g.rows = 1


client = app.test_client()
answers = [client.get("/"), client.get("/missing")]
assert answers[0].text == answers[0].headers["X-Request-ID"]
with chest.record("nightly") as job:
    assert job.request_id == flask_chest.current_request_id()
report()
assert chest.flush()
stats = chest.stats()
chest.close()
if hasattr(os, "fork") and os.fork() == 0:
    client.get("/")
    os._exit(0)
assert os.wait()[1] == 0
drivers = {"sqlalchemy", "psycopg", "pymongo", "pymysql", "apscheduler"}
assert threading.active_count() == 1, threading.enumerate()
print(json.dumps([seen, sorted(drivers & set(sys.modules)), stats.recorded, stats.excluded]))
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the program in an empty folder; the folder must stay empty."""

    def run(settings, **environment):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(settings)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return (*json.loads(done.stdout), sorted(p.name for p in tmp_path.iterdir()), done.stderr)

    return run


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"exporters": "sqlite:///<instance>/chest.sqlite3"},
        {"exporters": "postgresql://user:secret@db.invalid/shop", "journal": "/no/such/folder"},
        {"exporters": "nothing-installed://x", "exclude_paths": ["/missing"]},
        {"exporters": {"main": {"type": "missing", "token": "x"}}, "journal": "memory"},
        {"exporters": None},
        {"exporters": ""},
        {"exporters": {}, "sample_rate": 0.5, "retention": "90d"},
    ],
)
def test_nothing_is_opened_written_started_or_counted(run, settings):
    seen, drivers, recorded, excluded, files, said = run({"enabled": False, **settings})
    assert seen == []
    assert drivers == []
    assert (recorded, excluded) == (0, {})
    assert files == []
    assert said == ""


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "off"])
@pytest.mark.slow
def test_the_environment_switches_it_off(run, value):
    seen, _, recorded, _, files, _ = run({}, FLASK_CHEST_ENABLED=value)
    assert (seen, recorded, files) == ([], 0, [])


def test_the_spy_sees_what_is_opened_and_started(run):
    seen, drivers, recorded, _, files, _ = run({}, FLASK_CHEST_ENABLED="1")
    events = {event for event, _ in seen}
    assert events >= {"open", "os.mkdir", "fcntl.flock"}
    assert drivers
    assert recorded == 4
    assert files == ["instance"]


@pytest.fixture
def off():
    """Return an application whose Flask-Chest is switched off, with routes."""
    app = Flask("shop")
    chest = FlaskChest(app, enabled=False, exporters="missing://x")

    @app.get("/plain")
    def plain():
        return current_request_id() or ""

    @app.get("/tracked")
    @chest.track("a", request_id=lambda: "r-17")
    def tracked():
        g.a = 1
        assert outbound_headers()["X-Request-ID"] == "r-17"
        return g.request_id

    return app, chest


def test_request_ids_are_as_when_it_is_on(off):
    app, chest = off
    client = app.test_client()
    inbound = client.get("/plain", headers={"X-Request-ID": "from-outside"})
    assert inbound.text == inbound.headers["X-Request-ID"] == "from-outside"
    generated = client.get("/tracked")
    assert generated.text == generated.headers["X-Request-ID"] == "r-17"
    with chest.suppressed():
        assert client.get("/plain").status_code == 200


def test_the_counters_are_zero_and_have_each_exporter(off):
    app, chest = off
    app.test_client().get("/tracked")
    stats = chest.stats()
    assert (stats.recorded, stats.dropped, stats.suppressed, stats.sampled_out) == (0, {}, 0, 0)
    assert {n: (e.delivered, e.pending_bytes) for n, e in stats.exporters.items()} == {
        "main": (0, 0)
    }
    assert chest.flush() is True


def test_reading_and_collecting_say_that_it_is_off(off):
    app, chest = off
    with pytest.raises(ConfigurationError, match=r"switched off by CHEST_ENABLED"):
        chest.store()
    with pytest.raises(ChestError, match="CHEST_ENABLED is off"), collect(app):
        pass


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"sample_rate": 2}, "CHEST_SAMPLE_RATE=2"),
        ({"jurnal": "x"}, "CHEST_JURNAL"),
        ({"exporters": 7}, "CHEST_EXPORTERS=7"),
        ({"enabled": "perhaps"}, "CHEST_ENABLED='perhaps'"),
        ({"keep_if": "no.such:function"}, "CHEST_KEEP_IF"),
    ],
)
def test_a_wrong_setting_is_still_an_error(settings, part):
    with pytest.raises(ConfigurationError) as caught:
        FlaskChest(Flask("shop"), **{"enabled": False, **settings})
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("command", "code"),
    [("check", 0), ("flush", 0), ("plugins", 0), ("query", 1), ("routes", 1), ("top", 1)],
)
def test_each_command_says_that_it_is_off(off, command, code):
    app, _ = off
    arguments = ["chest", command, *(["user"] if command == "top" else [])]
    done = app.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == code, done.output
    assert "switched off by CHEST_ENABLED" in done.output


def test_a_process_that_is_off_imports_no_driver():
    code = (
        "import sys; from flask import Flask; from flask_chest import FlaskChest; "
        "FlaskChest(Flask('shop'), enabled=False, exporters={'m': 'mongodb://h:1,h:2/?w=1'}); "
        "print(sorted({'pymongo', 'sqlalchemy', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
