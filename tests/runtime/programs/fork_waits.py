"""Forks while other threads are in `held_off` and `importing` blocks."""

from __future__ import annotations

import os
import sys
import threading
import time

from flask_chest.runtime import fork


class Faulty:
    def after_fork(self):
        raise RuntimeError("a fault of one object")


class Sound:
    is_told = False

    def after_fork(self):
        self.is_told = True


objects = [Sound(), Faulty(), Sound()]
for each in objects:
    fork.watch(each)
sys.unraisablehook = lambda _: None
state, entered = [], threading.Event()


def change():
    with fork.held_off():
        state.append("begun")
        entered.set()
        time.sleep(0.2)
        state.append("done")


def forked():
    child = os.fork()
    if child == 0:
        with fork.held_off():
            os._exit(0 if state[-1] == "done" and objects[0].is_told and objects[2].is_told else 1)
    return os.waitpid(child, 0)[1]


thread = threading.Thread(target=change)
thread.start()
assert entered.wait(5)
assert forked() == 0
thread.join()


def import_something_large():
    with fork.importing():
        state.append("begun")
        entered.set()
        time.sleep(fork.PATIENCE_SECONDS + 0.5)
        state.append("done")


entered.clear()
thread = threading.Thread(target=import_something_large)
thread.start()
assert entered.wait(5)
assert forked() == 0, "an import may take longer"
thread.join()

started = time.monotonic()
with fork.held_off():
    assert forked() == 0, "a fork in the block itself"
assert fork.PATIENCE_SECONDS <= time.monotonic() - started < 10

hangs, let_go = threading.Event(), threading.Event()


def hang():
    with fork.held_off():
        hangs.set()
        let_go.wait(30)


thread = threading.Thread(target=hang)
thread.start()
assert hangs.wait(5)
started = time.monotonic()
assert [forked() for _ in range(10)] == [0] * 10
assert time.monotonic() - started < 5 * fork.PATIENCE_SECONDS, "only the first has waited"
let_go.set()
thread.join()
assert forked() == 0
