"""Programs that a test runs in processes of their own.

Each gets the configuration of its store as its first argument, in JSON.
"""

from __future__ import annotations

import json


def start(python, program, backend):
    """Start a program with the configuration of a backend, in a `WarmPython`."""
    return python.start([program, json.dumps(backend.config)], text=True)


def run(python, program, backend):
    """Run a program to its end; return the lines of its output. It writes no error."""
    with start(python, program, backend) as process:
        out, err = process.communicate(timeout=120)
    assert err == ""
    return out.splitlines()


def run_together(python, program, backend, processes):
    """Run a program in several processes at once; none writes an error.

    The program says "ready", and goes on after a line of input.
    """
    started = [start(python, program, backend) for _ in range(processes)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert errors == [""] * processes, "\n".join(errors)
