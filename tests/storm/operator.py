"""What an operator does in the middle of the storm: purge, erase, copy, retry dead letters.

Each is a command in a process of its own, which meets killed workers, outages and a full disk as
everything else does. What fails is repeated, as an operator would, and what an outage interrupts
each time, as on a slow machine, is done after the storm.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress

from tests.storm.client import ERASED, REFUSED
from tests.storm.host import dying_with_us

KINDS = ("purge", "erase", "refuse and retry")
COPIES = ("copy", "copy between exporters", "kill -9 copy")
_PATIENCE_SECONDS = 240.0
_PATIENCE_IN_THE_STORM_SECONDS = 60.0
_COMMAND_SECONDS = 180.0  # one that hangs is found, and a busy machine is not a hang
_OLDEST_KEPT = "90d"
_RETRY = ("dead-letter", "retry")


class Operator:
    """Runs commands.

    Args:
        folder: Where they run, and where the copy is made.
        environment: Settings of the application.
        databases: The databases of the storm, by name.
        random: Source of its random choices.

    Attributes:
        load: The clients, once there are any.
        failed: How many commands failed and were repeated.
        left: What no attempt did before the storm had ended.
    """

    def __init__(self, folder, environment, databases, random):
        self._folder = folder
        self._environment = environment
        self._databases = databases
        self._random = random
        self.copy = folder / "copy.sqlite3"
        self.load = None
        self.failed = 0
        self.left = []

    def act(self, kind, seconds, wait):
        """Cause one of the events of the lanes."""
        if kind == "refuse and retry":
            self._refuse_and_retry(seconds, wait)
        elif kind == "purge":
            self._repeat("purge", "--before", _OLDEST_KEPT, "--yes")
        elif kind == "erase":
            self.load.let_customer_leave()
            self._repeat("erase", f"customer == {ERASED!r}", "--yes")
        elif kind == "copy":
            self._repeat(*self._copying())
        elif kind == "copy between exporters":
            self._repeat("copy", "--from", "postgres", "--to", "mysql")
        else:
            self._kill_copy()

    def _copying(self):
        return "copy", "--from", "postgres", "--to", f"sqlite:///{self.copy}"

    def _kill_copy(self):
        with self._start(*self._copying()) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._random.uniform(0.5, 3.0))
            process.send_signal(signal.SIGKILL)

    def _refuse_and_retry(self, seconds, wait):
        """Let PostgreSQL refuse some records, then take them."""
        postgres = self._databases["postgres"]
        postgres.refuse_customer(REFUSED)
        wait(seconds)
        postgres.accept_customers()
        self._repeat(*_RETRY)

    def finish(self):
        """Do what is left after the storm, deliver the dead letters again, and copy all."""
        for arguments in [*self.left, _RETRY, self._copying()]:
            self.until_done(*arguments)

    def _repeat(self, *arguments):
        """Run a command until it succeeds, or leave it for `finish`."""
        with suppress(TimeoutError):
            self.until_done(*arguments, seconds=_PATIENCE_IN_THE_STORM_SECONDS)
            return
        if arguments not in self.left:
            self.left.append(arguments)

    def until_done(self, *arguments, seconds=_PATIENCE_SECONDS):
        """Run a command until it succeeds, and return its output.

        Raises:
            TimeoutError: It has failed for that long.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self._start(*arguments) as process:
                output, _ = process.communicate(timeout=_COMMAND_SECONDS)
            if process.returncode == 0:
                return output
            self.failed += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{arguments} fails: {output}")
            time.sleep(0.5)

    def _start(self, *arguments):
        return subprocess.Popen(
            dying_with_us(
                sys.executable, "-m", "flask", "--app", "tests.storm.app", "chest", *arguments
            ),
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
