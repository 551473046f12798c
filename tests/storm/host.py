"""The host: gunicorn and its workers, which are killed, recycled and restarted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.storm.notes import VARIABLE, Notes

_PATIENCE_SECONDS = 90.0


def until(condition, what, seconds=_PATIENCE_SECONDS, pause=0.01):
    """Wait until a condition is true; return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} seconds: {what}")
        time.sleep(pause)
    return result


def dying_with_us(*command):
    """Return a command that the kernel kills when the thread that started it has ended."""
    guard = ("setpriv", "--pdeathsig=KILL") if shutil.which("setpriv") else ()
    return [*guard, *command]


class Host:
    """gunicorn on a socket that outlives it.

    Args:
        folder: Folder of its log.
        environment: Settings of the application.
        random: Source of its random choices.
        workers: How many workers gunicorn has.
    """

    def __init__(self, folder, environment, random, workers):
        self._folder = folder
        self._environment = environment
        self._random = random
        self._number = workers
        self._journal = Path(environment["FLASK_CHEST_JOURNAL"])
        self._process = None
        self.takeovers = []  # seconds without a leader

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.set_inheritable(True)
        self.port = self._listener.getsockname()[1]
        self.notes = Notes()
        self.start()
        return self

    def __exit__(self, *_):
        try:
            self._kill_all()
        finally:
            self.notes.close()
            self._listener.close()

    def start(self):
        """Start gunicorn, at random with the application loaded before it forks."""
        preload = self._random.choice([(), ("--preload",)])
        descriptors = (self._listener.fileno(), self.notes.descriptor)
        with (self._folder / "gunicorn.log").open("ab") as log:
            self._process = subprocess.Popen(
                dying_with_us(
                    *(sys.executable, "-m", "gunicorn"),
                    f"--workers={self._number}",
                    "--worker-class=gthread",
                    "--threads=2",
                    "--graceful-timeout=10",
                    # A heartbeat is no write to a disk that others keep busy.
                    "--worker-tmp-dir=/dev/shm",
                    f"--bind=fd://{self._listener.fileno()}",
                    "--config=python:tests.storm.gunicorn_settings",
                    *preload,
                    "tests.storm.app:app",
                ),
                cwd=self._folder,
                env={
                    **self._environment,
                    VARIABLE: str(self.notes.descriptor),
                    "PYTHONFAULTHANDLER": "1",
                },
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: len(self.workers()) == self._number, "all workers run")

    def workers(self):
        """Return the workers of gunicorn."""
        if self._process is None or self._process.poll() is not None:
            return []
        return children(self._process.pid)

    def leader(self):
        """Return the worker that delivers for the host; None while there is none."""
        return next(iter(self._locking("export.lock").intersection(self.workers())), None)

    def _locking(self, files):
        """Return the processes that hold the lock on one of these files of the journal."""
        inodes = {file.stat().st_ino for file in self._journal.glob(files)}
        locks = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
        return {int(lock[4]) for lock in locks if lock[1] == "FLOCK" and _inode(lock) in inodes}

    # -- Troubles ------------------------------------------------------------------------------

    def kill_worker(self):
        self._kill(self._random.choice(until(self.workers, "there is a worker")))
        self._wait_for_all()

    def kill_leader(self):
        leader = until(self.leader, "there is a leader")
        began = time.monotonic()
        self._kill(leader)
        until(lambda: self.leader() not in (None, leader), "another process takes over")
        self.takeovers.append(time.monotonic() - began)
        self._wait_for_all()

    def kill_delivering(self):
        """Kill a worker in the middle of a delivery."""
        workers = set(until(self.workers, "there is a worker"))
        self._kill(until(lambda: self._delivering(workers), "a worker delivers", pause=0.0))
        self._wait_for_all()

    def _delivering(self, workers):
        return next(iter(self._locking("cursors/*.lock") & workers), None)

    def recycle_worker(self):
        """End one worker as gunicorn does."""
        pid = self._random.choice(until(self.workers, "there is a worker"))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while is_alive(pid) and time.monotonic() < deadline:
            # Again: one that was just forked passes over the first, as its parent's handlers do.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                until(lambda: not is_alive(pid), "", seconds=15)
        if is_alive(pid):
            raise TimeoutError(f"the recycled worker is not gone: {self._stacks(pid)}")
        self._wait_for_all()

    def _stacks(self, pid):
        """End a process, and return where its threads were."""
        os.kill(pid, signal.SIGSEGV)  # the handler of PYTHONFAULTHANDLER, which gunicorn leaves
        time.sleep(1)
        return (self._folder / "gunicorn.log").read_text("utf-8", "replace")[-6_000:]

    def reload(self):
        """Make gunicorn replace all its workers."""
        old = set(self.workers())
        self._process.send_signal(signal.SIGHUP)
        until(lambda: old.isdisjoint(self.workers()), "the old workers are gone")
        self._wait_for_all()

    def reboot(self):
        """Kill all processes at once, as a power failure does, and start again."""
        self._kill_all()
        time.sleep(self._random.uniform(0.1, 1.0))
        self.start()

    def _kill(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid), "the killed worker is gone")

    def _kill_all(self):
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGSTOP)  # else it would fork again
        left = self.workers()
        for pid in left:
            self._kill(pid)
        self._process.kill()
        self._process.wait()

    def _wait_for_all(self):
        until(lambda: len(self.workers()) >= self._number, "all workers run again")

    def stop(self):
        """Stop gunicorn regularly; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_PATIENCE_SECONDS)


def children(parent):
    """Return the living processes whose parent is `parent`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def is_alive(pid):
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return state[0] not in "ZX"
    return False


def _inode(lock):
    return int(lock[5].rpartition(":")[2])
