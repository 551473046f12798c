"""Processes that are killed at a chosen step of what they do to a lake."""

from __future__ import annotations

import http.client
import os
import signal

from flask_chest_parquet import disk, s3

STEPS = {
    disk.Disk: ("create", "_link", "delete"),
    s3.S3: ("create", "delete"),
    # Of a request with a content, the headers are sent first, and then the content.
    http.client.HTTPConnection: ("send",),
}


def _die_at(step):
    """Kill this process when it is about to do this step, the first of which is 0."""
    left = [step]

    def counted(function):
        def run(*args, **kwargs):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*args, **kwargs)

        return run

    for kind, names in STEPS.items():
        for name in names:
            setattr(kind, name, counted(getattr(kind, name)))


def is_killed_at(step, action):
    """Run a function in a forked process that is killed at a step; return whether it came so far.

    Fails when the function raises.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _die_at(step)
            action()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "it failed"
    return False
