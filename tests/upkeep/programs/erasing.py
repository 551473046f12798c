"""Erases the user u-0 from a store, and is killed after as many pages as the argument says."""

from __future__ import annotations

import os
import signal
import sys

from flask_chest import open_store

steps = iter(range(1, int(sys.argv[2])))


def count_down(_number):
    if next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)


open_store(sys.argv[1]).erase("user_id == 'u-0'", progress=count_down)
