"""Programs that a test runs in processes of their own.

Each gets the configuration of its store as its first argument, in JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys


def start(program, backend):
    """Start a program with the configuration of a backend."""
    return subprocess.Popen(
        [sys.executable, program, json.dumps(backend.config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(program, backend):
    """Run a program to its end; return the lines of its output. It writes no error."""
    with start(program, backend) as process:
        out, err = process.communicate(timeout=120)
    assert err == ""
    return out.splitlines()


def run_together(program, backend, processes):
    """Run a program in several processes at once; none writes an error.

    The program says "ready", and goes on after a line of input.
    """
    started = [start(program, backend) for _ in range(processes)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=120)[1] for process in started] == [""] * processes
