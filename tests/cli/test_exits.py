"""How commands end: their exit codes, Ctrl-C, and readers that end first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def closed_pipe():
    """Return the end of a pipe that nobody reads from."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status"], 0),
        (["status", "--json"], 0),
        (["status", "--watch", "0.1", "--json"], 0),
        (["status", "--watch", "0.1"], 0),
        (["check"], 0),
        (["check", "--max-lag", "0"], 1),
        (["--help"], 0),
        (["check", "--help"], 0),
        (["query"], 0),
        (["flush"], 0),
    ],
)
def test_without_a_reader_a_command_ends_as_it_would_have(place, closed_pipe, arguments, code):
    """As before `| head`: the exit code is that of the command, and a finding is not hidden."""
    place.record_three()
    done = place.flask(*arguments, stdout=closed_pipe, stderr=subprocess.PIPE)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_without_a_reader_of_stderr_either_it_ends_the_same(place, closed_pipe):
    place.record_three()
    done = place.flask("check", "--max-lag", "0", stdout=closed_pipe, stderr=closed_pipe)
    assert done.returncode == 1


def test_the_work_is_done_though_nobody_reads(place, closed_pipe):
    place.record_three()
    place.flask("flush", stdout=closed_pipe, stderr=subprocess.PIPE)
    assert place.flask("flush", code=0).stdout.startswith("main: 0 delivered, 0 bytes waiting")
    assert len(place.flask("query", "--format", "json", code=0).stdout.splitlines()) == 3


def test_a_full_disk_under_stdout_is_an_error_in_one_sentence(place):
    with Path("/dev/full").open("w") as full:
        done = place.flask("status", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "Error: Stdout cannot be written: No space left on device\n"


def test_watching_ends_with_zero_at_ctrl_c(terminal):
    shown = terminal("-m", "flask", "chest", "status", "--watch", "0.2")
    shown.wait_for("dead letters")
    shown.wait_for("\x1b[H")
    shown.press("\x03")
    assert shown.ended() == 0
    assert "Traceback" not in shown.text
    assert "Aborted" not in shown.text


def test_watching_as_json_has_one_object_a_line(place):
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "chest", "status", "--watch", "0.1", "--json"],
        cwd=place.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
    assert process.returncode == 0
    assert all(line.startswith("{") and line.endswith("}\n") for line in lines)
