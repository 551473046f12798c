"""What the commands print: nothing that a terminal obeys, whoever wrote it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import runner

from flask_chest.cli.findings import Found
from flask_chest.cli.output import Group, message
from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime.printable import printable

PROGRAMS = Path(__file__).with_name("programs")
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


@pytest.fixture
def command(tmp_path, warm_python):
    """Return a function that runs `flask` with the hostile application."""
    shutil.copy(PROGRAMS / "hostile_app.py", tmp_path / "app.py")

    def run(*arguments, stdout=subprocess.PIPE):
        return warm_python.run(
            ["-m", "flask", *arguments], cwd=tmp_path, timeout=300, stdout=stdout
        )

    return run


def test_a_reader_that_ends_first_is_no_fault(command):
    """As `flask chest query | head` does."""
    assert command("make-records").returncode == 0
    assert command("chest", "flush", "--timeout", "2").stdout
    reading, writing = os.pipe()
    os.close(reading)
    made = command("chest", "query", stdout=writing)
    os.close(writing)
    assert made.returncode == 0, "it is no error"
    assert "Traceback" not in made.stderr


def test_no_command_prints_what_a_terminal_obeys(command):
    assert command("make-records").returncode == 0
    for arguments in (
        ["flush", "--timeout", "2"],
        ["check"],
        ["plugins"],
        ["query"],
        ["query", "--format", "csv"],
        ["export"],
        ["show", "x", "--same", "user"],
        ["routes"],
        ["top", "user"],
        ["query", "--exporter", "broken"],
        ["query", "--exporter", "x\x1b[31m\u202e"],
        ["\x1b[31m\u202e"],
        ["top", "user", "--\x1b[31m\u202e"],
    ):
        made = command("chest", *arguments)
        for text in (made.stdout, made.stderr):
            assert not OBEYED.search(text), (arguments, text)
            assert "hunter2" not in text
            assert "\t" not in text or arguments == ["plugins"]
    [_, line] = command("chest", "top", "user").stdout.splitlines()
    assert line.startswith("a\ufffd" + r"\u0001")
    lines = command("chest", "export").stdout.splitlines()
    user = json.loads(lines[0])["variables"]["user"]
    assert user.startswith("a\ufffd\x01")
    assert user.endswith("\u2069z")
    assert r"\u001b" in command("chest", "check").stderr


@given(st.text(st.characters(codec=None)))
def test_a_printable_text_has_none_of_them_and_is_read_back_from_json(text):
    assert not OBEYED.search(printable(text))
    assert "\n" not in printable(text)
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


def test_a_line_of_an_error_text_does_not_look_like_another_line():
    assert message("away\nmain: can deliver\r\nx") == "away\n  main: can deliver\n  x"


@pytest.mark.parametrize(
    "text", ["host=db password=hunter2", "Api_Key: hunter2", '{"token": "hunter2"}']
)
@pytest.mark.parametrize("kind", [click.ClickException, ExporterUnavailable, OSError, RuntimeError])
def test_what_may_be_a_password_is_masked_in_the_errors_of_others(text, kind):
    @click.command()
    def fail():
        raise kind(text)

    done = runner().invoke(Group("flask-chest", commands=[fail]), ["fail"])
    assert done.exit_code == 1
    assert "***" in done.stderr
    assert "hunter2" not in done.output + done.stderr
    found = Found("error", "main", "", text, text)
    assert "hunter2" not in f"{found.line()} {found.data()}"


def test_other_texts_are_printed_as_they_are():
    assert printable("Größe 東京 👩‍🚀 שלום") == "Größe 東京 👩‍🚀 שלום"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8", "koi8-r"])
def test_what_the_encoding_of_a_terminal_lacks_is_escaped_as_in_json(encoding):
    value = {"text": "é Ω \U0001f600 я"}
    program = f"from flask_chest.cli.output import echo_json; echo_json({value!a})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    known = "utf-8" if encoding == "ascii" else encoding  # click takes that for a mistake
    assert json.loads(done.stdout.decode(known)) == value
