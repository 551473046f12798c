"""What `flask` and servers say when an application cannot start: the sentence, and the remedy."""

from __future__ import annotations

import os

import pytest

APPLICATION = """
from flask import Flask
from flask_chest import FlaskChest

app = Flask(__name__)
{}
"""

FACTORY = """
from flask import Flask
from flask_chest import FlaskChest

def create_app():
    app = Flask(__name__)
    FlaskChest(app, exporters="sqllite:///x")
    return app
"""

ERRORS = {
    "a value": ("FlaskChest(app, sample_rate=2)", "CHEST_SAMPLE_RATE=2: "),
    "two values": ("FlaskChest(app, sample_rate=2, fsync='perhaps')", "CHEST_FSYNC='perhaps': "),
    "a name": ("app.config['CHEST_JURNAL'] = 'x'; FlaskChest(app)", "Did you mean CHEST_JOURNAL?"),
    "an exporter": ("FlaskChest(app, exporters='sqllite:///x')", "Did you mean 'sqlite'?"),
    "a field": (
        "FlaskChest(app, exporters={'main': {'type': 'sqlite', 'pth': 'x'}})",
        "Did you mean 'path'?",
    ),
    "a folder": ("FlaskChest(app, journal='/proc/chest')", "CHEST_JOURNAL='/proc/chest'"),
    "a decorator": ("FlaskChest(app).track('a b*c**', '')(len)", ""),
    "a second one": ("FlaskChest(app); FlaskChest(app)", "has a FlaskChest already"),
    "no application": ("FlaskChest('shop')", "give it the Flask application itself"),
    "a function": ("FlaskChest(app, keep_if='no.such:function')", "CHEST_KEEP_IF"),
}


@pytest.fixture
def run(tmp_path, warm_python):
    """Return a function that runs a command in the folder of an application."""

    def run(source, *arguments, **environment):
        (tmp_path / "app.py").write_text(source, "utf-8")
        return warm_python.run(
            ["-m", *arguments], cwd=tmp_path, env={**os.environ, **environment}, timeout=60
        )

    return run


@pytest.mark.parametrize(("statement", "part"), ERRORS.values(), ids=ERRORS)
def test_flask_prints_one_sentence_and_no_traceback(run, statement, part):
    done = run(APPLICATION.format(statement), "flask", "routes")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert "File " not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--port", "0"),
        ("routes",),
        ("shell",),
        ("chest", "check"),
        ("chest", "flush"),
        ("chest", "--help"),
        ("no-such-command",),
    ],
)
@pytest.mark.parametrize("source", [APPLICATION.format("FlaskChest(app, fsync='no')"), FACTORY])
def test_every_command_of_flask_does(run, arguments, source):
    done = run(source, "flask", *arguments)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("Error: CHEST_")


def test_the_setting_may_come_from_the_environment(run):
    done = run(APPLICATION.format("FlaskChest(app)"), "flask", "routes", FLASK_CHEST_FSYNC="no")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: FLASK_CHEST_FSYNC='no': ")
    assert "Traceback" not in done.stderr


def test_a_server_and_a_script_show_where_it_is_and_end_with_the_sentence(run):
    source = APPLICATION.format("FlaskChest(app, fsync='no')")
    for arguments in (("waitress", "--listen=127.0.0.1:0", "app:app"), ("app",)):
        done = run(source, *arguments)
        assert done.returncode != 0
        assert "Traceback" in done.stderr
        last = [line for line in done.stderr.splitlines() if "CHEST_FSYNC='no': " in line][-1]
        assert "flask_chest.errors.ConfigurationError" in last


def test_gunicorn_shows_the_sentence_and_ends(run):
    source = APPLICATION.format("FlaskChest(app, fsync='no')")
    done = run(source, "gunicorn", "--bind", "127.0.0.1:0", "app:app")
    assert done.returncode == 3
    assert "flask_chest.errors.ConfigurationError: CHEST_FSYNC='no': " in done.stderr
