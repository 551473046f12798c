"""Runs a command on a machine that is slow at random: finds tests that depend on its speed.

`python tools/stutter.py [--seed N] COMMAND ...` stops one process after the other of those that
the command has started, servers too, each for up to two seconds, and lets it go on. A busy or
throttled machine does the same to a process, but seldom at the moment that matters. Linux only.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path


def parents() -> dict[int, int]:
    """Return the parent of each process that runs now."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2]
        except OSError:  # it has ended
            continue
        state, parent = after_name.split()[:2]
        if state not in "ZXT":  # a stopped one was stopped by a test
            found[int(folder.name)] = int(parent)
    return found


def descendants(ancestor: int) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    children = collections.defaultdict(list)
    for process, parent in parents().items():
        children[parent].append(process)
    found = list(children[ancestor])
    for process in found:
        found += children[process]
    return found


def stop_for_a_while(process: int, seconds: float) -> None:
    """Stop a process, and let it go on after so many seconds. Nothing happens if it has ended."""
    try:
        handle = os.pidfd_open(process)
    except OSError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            signal.pidfd_send_signal(handle, signal.SIGCONT)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def main() -> int:
    """Run the command, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--longest", type=float, default=2.0, help="seconds that a process stops")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    print(f"stutter: seed {options.seed}", file=sys.stderr)
    chance = random.Random(options.seed)  # noqa: S311 - no secret
    with subprocess.Popen(options.command) as command:
        while command.poll() is None:
            if processes := descendants(command.pid):
                # Short stops are common and long ones rare, as on a machine that others use.
                seconds = options.longest * chance.random() ** 2
                stop_for_a_while(chance.choice(processes), seconds)
            time.sleep(chance.random() * 0.1)
    return command.returncode


if __name__ == "__main__":
    sys.exit(main())
