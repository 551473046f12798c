"""What long commands show on a terminal, and nowhere else; and how Ctrl-C ends them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from flask_chest.cli.progress import Progress, clock

PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture
def slow(place):
    """Return the folder of an application with nine records that take two seconds."""
    shutil.copy(PROGRAMS / "slow_app.py", place.folder / "app.py")
    for _ in range(3):
        place.record_three()
    return place


def delivered(place):
    return (place.folder / "instance" / "delivered").read_text().split()


def test_a_terminal_sees_how_far_it_is_with_rate_and_time_left(slow, terminal):
    shown = terminal("-m", "flask", "chest", "flush")
    assert shown.ended() == 0
    lines = [line for line in shown.text.split("\r") if line.startswith("flush")]
    assert re.match(r"flush  \[#{0,2}-{18,20}\] +\d+%  [\d,]+ of [\d,]+ bytes", lines[0])
    assert any(re.search(r"  [\d,]+/s  0:00:0\d left", line) for line in lines)
    assert "[####################] 100%" in lines[-1]
    assert "main: 9 delivered, 0 bytes waiting" in shown.text


def test_a_pipe_sees_nothing_of_it(slow):
    done = slow.flask("flush", code=0)
    assert done.stderr == ""
    assert done.stdout == "main: 9 delivered, 0 bytes waiting\n"


def test_ctrl_c_leaves_the_rest_for_the_next_time(slow, terminal):
    shown = terminal("-m", "flask", "chest", "flush")
    shown.wait_for("%")
    shown.press("\x03")
    assert shown.ended() == 130
    assert "Interrupted. What was not delivered waits in the journal: flask chest flush" in (
        shown.text
    )
    assert "Traceback" not in shown.text
    first = delivered(slow) if (slow.folder / "instance" / "delivered").exists() else []
    assert len(first) < 9
    slow.flask("flush", code=0)
    assert len(delivered(slow)) == len(set(delivered(slow))) == 9


def test_a_line_has_what_is_known():
    known, unknown = Progress("purge", 2_000), Progress("copy")
    known.set(500)
    unknown.add(7)
    assert known.line() == "purge  [#####---------------]  25%  500 of 2,000 records"
    assert unknown.line() == "copy  7 records"
    assert known.line(has_bar=False) == "purge   25%  500 of 2,000 records"
    known.set(2_500)
    assert "100%" in known.line(), "more came meanwhile"
    assert "100%" in Progress("purge", 0).line()


def test_a_narrow_terminal_shows_the_share_and_no_part_of_a_bar(monkeypatch):
    shown = StringIO()
    shown.isatty = lambda: True
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stderr", shown)
    with Progress("copy", 20_000) as progress:
        progress.set(12_000)
    assert "copy   60%" in shown.getvalue()
    assert "#" not in shown.getvalue()
    assert all(len(line) < 20 for line in re.split("[\r\n]", shown.getvalue()))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00:00"), (61, "0:01:01"), (36_000, "10:00:00")]
)
def test_time_left_is_hours_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text


def test_what_runs_in_the_background_goes_on_at_ctrl_c(slow):
    """A shell starts it with SIGINT ignored, which Ctrl-C for another program then does not end."""
    ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    command = [*ignoring, sys.executable, "-m", "flask", "chest", "flush"]
    with subprocess.Popen(
        command,
        cwd=slow.folder,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 300
        while not (slow.folder / "instance" / "delivered").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "main: 9 delivered, 0 bytes waiting\n"
    assert process.returncode == 0
