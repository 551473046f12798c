"""`flask chest dashboard hash-password`, with and without an application."""

from __future__ import annotations

import pytest
from flask.cli import ScriptInfo
from support.commands import Terminal, runner
from werkzeug.security import check_password_hash

from flask_chest.cli.standalone import main

HASH_PASSWORD = ("dashboard", "hash-password")


@pytest.fixture
def terminal(tmp_path):
    """Return a function that runs the program on a terminal."""
    made = []

    def run(*arguments):
        made.append(Terminal(tmp_path, *(arguments or ("-m", "flask_chest")), *HASH_PASSWORD))
        return made[-1]

    yield run
    for each in made:
        each.close()


def test_the_hash_of_the_first_line_is_all_that_is_printed(shop):
    app = shop()
    for line in ("12345678", "$a'b\"ü `d\\\r\nanother\n"):
        with_app = runner().invoke(
            app.cli,
            ["chest", *HASH_PASSWORD],
            input=line,
            obj=ScriptInfo(create_app=lambda: app),
        )
        alone = runner().invoke(main, HASH_PASSWORD, input=line)
        for done in (with_app, alone):
            assert (done.exit_code, done.stderr) == (0, "")
            hashed, end, rest = done.stdout.partition("\n")
            assert (end, rest) == ("\n", "")
            assert check_password_hash(hashed, line.splitlines()[0])
        assert with_app.stdout != alone.stdout  # each has a salt of its own


@pytest.mark.parametrize("line", ["", "\n", "1234567\n", "x" * 1_025])
def test_a_short_or_endless_password_is_refused(line):
    done = runner().invoke(main, HASH_PASSWORD, input=line)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Choose one of 8 to 1,024" in done.stderr


def test_on_a_terminal_it_asks_twice_and_shows_nothing(terminal):
    program = terminal()
    for password, repeated in (("correct horse", "correct house"), ("another one", "another one")):
        program.text = ""
        program.wait_for("Password: ")
        program.press(f"{password}\r")
        program.wait_for("Repeat for confirmation: ")
        program.press(f"{repeated}\r")
    assert program.ended() == 0
    assert "another" not in program.text
    lines = program.text.splitlines()
    [hashed] = [line for line in lines if line.startswith("scrypt:")]
    assert check_password_hash(hashed, "another one")
    assert "put it between single quotes" in lines[-1]


def test_nothing_is_said_of_a_shell_when_the_hash_goes_into_a_file(terminal, tmp_path):
    code = "import sys; sys.stdout = open('hash', 'w'); from flask_chest.cli.standalone import main"
    program = terminal("-c", f"{code}; main()")
    for question in ("Password: ", "Repeat for confirmation: "):
        program.wait_for(question)
        program.press("another one\r")
    assert program.ended() == 0
    assert "single quotes" not in program.text
    assert check_password_hash((tmp_path / "hash").read_text().rstrip(), "another one")
