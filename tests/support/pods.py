"""A pod as Kubernetes makes it: a read-only root, a few places to write, an ordinary user."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from support.other_user import UID
from support.processes import children
from support.serving import Serving, gunicorn, until

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "hosts" / "programs"

_SHM = "mount -t tmpfs -o size=64k,mode=1777 shm /dev/shm"
_EMPTY_DIR = "mount -t tmpfs -o size={size},mode=700,uid={uid},gid={uid} emptydir {folder}"
_VOLUME = "mount --bind {folder} {folder}"
# What is mounted below the root, such as a /tmp of its own, stays writable otherwise.
_READ_ONLY = """
while read -r _ place _; do
  case $place in
    /proc|/proc/*|/sys|/sys/*|/dev|/dev/*|{writable}) ;;
    *) mount -o remount,bind,ro "$place" 2> /dev/null || test "$place" != / ;;
  esac
done < /proc/mounts
"""


class Pod:
    """Mounts of its own, which containers share and which end with the pod, in a `with` block.

    Args:
        empty_dir: Folder of a tmpfs of the pod, which outlives its containers; None for none.
        empty_dir_bytes: Its size.
        volume: Folder that outlives the pod, and that pods of the same machine may share.
    """

    def __init__(self, *, empty_dir=None, empty_dir_bytes=0, volume=None):
        writable = [str(folder) for folder in (empty_dir, volume) if folder is not None]
        steps = ["set -e", _SHM, *_reachable()]
        if empty_dir is not None:
            steps.append(_EMPTY_DIR.format(size=empty_dir_bytes, uid=UID, folder=empty_dir))
        if volume is not None:
            steps.append(_VOLUME.format(folder=volume))
        steps += [_READ_ONLY.format(writable="|".join(writable or ["-"])), "echo ready", "exec cat"]
        self._script = "\n".join(steps)

    def __enter__(self):
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", self._script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._holder.stdout.readline() != "ready\n":
            error = self._holder.communicate()[1]
            if "ermission denied" in error or "not permitted" in error:
                pytest.skip(f"this machine lets nobody mount: {error}")
            raise AssertionError(error)
        return self

    def __exit__(self, *_):
        self._holder.communicate()

    def command(self, *words):
        """Return a command that runs in a new container: the first process of a PID namespace."""
        return [
            *("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--wd=."),
            *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
            *words,
        ]


class Container(Serving):
    """gunicorn with two workers in a container of a pod, in a `with` block.

    Args:
        folder: Has the application.
        url: Where the only exporter, `main`, delivers.
        settings: Of Flask-Chest, by name without a prefix.
        program: The words of the server's command; gunicorn unless given.
    """

    def __init__(self, pod, folder, url, program=None, **settings):
        options = ["--worker-tmp-dir=/dev/shm", "--no-control-socket", "--graceful-timeout=20"]
        program = program or gunicorn(*options, "--preload")
        super().__init__(folder, pod.command(*environment(url, settings), *program), app=None)
        self.journal = Path(settings.get("journal", self.journal))

    def __enter__(self):
        try:
            until(lambda: self.get("/host", seconds=5.0) or self.process.poll() is not None)
            assert self.process.poll() is None
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    @property
    def first(self):
        """The first process of the container, which gets its signals, as the machine sees it."""
        return children(self.process.pid)[0]

    def end(self, how=signal.SIGTERM):
        """Send a signal as the runtime does; return the exit code. It must end by itself."""
        os.kill(self.first, how)
        return self.process.wait(90)


def arrived(postgres):
    """Return how often the database has each request ID."""
    with contextlib.closing(psycopg.connect(postgres)) as connection:
        try:
            rows = connection.execute("SELECT request_id FROM chest_records").fetchall()
        except psycopg.errors.UndefinedTable:
            return Counter()
    return Counter(request_id for (request_id,) in rows)


def environment(url, settings):
    """Return a command that sets the environment of the one behind it."""
    given = {"exporters": url, **settings}
    words = [f"FLASK_CHEST_{name.upper()}={value}" for name, value in given.items()]
    return ["env", "HOME=/nonexistent", *words]


def python(*words):
    """Return a command of this Python."""
    return [sys.executable, *words]


def _reachable():
    """Yield what lets other users reach this Python, when it is in a closed folder such as /root.

    An empty folder hides the closed one, and has nothing but the way to what is needed.
    """
    closed = {}
    for folder in (sys.base_prefix, sys.prefix, ROOT):
        above = next((p for p in reversed(Path(folder).parents) if not p.stat().st_mode & 1), None)
        closed.setdefault(above, []).append(folder)
    closed.pop(None, None)
    for above, folders in closed.items():
        for number, folder in enumerate(folders):
            yield f"mkdir /dev/shm/{number} && mount --bind {folder} /dev/shm/{number}"
        yield f"mount -t tmpfs -o size=64k,mode=755 way {above}"
        for number, folder in enumerate(folders):
            yield f"mkdir -p {folder} && mount --move /dev/shm/{number} {folder}"
            yield f"rmdir /dev/shm/{number}"
