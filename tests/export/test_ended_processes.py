"""Processes that end, in one way or another: they deliver first, or leave it to the next."""

from __future__ import annotations

import signal
import subprocess
import sys
import types

import pytest
from support.hosts import finish, listen

from flask_chest.export import export

SIGTERM = """
signal.signal(signal.SIGTERM, lambda *_: {})
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


ENDS = {
    "sys.exit": ("sys.exit(3)", 3),
    "an exception": ("raise RuntimeError('the end')", 1),
    "a handler of SIGTERM": (SIGTERM.format("sys.exit(0)"), 0),
    "a handler that closes": (SIGTERM.format("(process.export.close(), sys.exit(0))"), 0),
}


@pytest.mark.parametrize(("code", "status"), ENDS.values(), ids=ENDS)
def test_a_process_that_ends_delivers_first(host, code, status):
    said, _ = finish(host.start(f"record(50)\n{code}"), status)
    assert set(host.stored()) == set(said)
    assert len(said) == 50


def test_the_next_process_delivers_what_killed_ones_left(host):
    ends = {signal.SIGTERM: [], signal.SIGKILL: []}
    processes = {end: host.start("record(50); time.sleep(60)") for end in ends}
    for end, process in processes.items():
        ends[end] = listen(process, 50)
        process.send_signal(end)
        process.communicate()
        assert process.returncode == -end
    assert host.stored() == {}
    host.run("process.export.start()")
    assert set(host.stored()) == {*ends[signal.SIGTERM], *ends[signal.SIGKILL]}


def test_processes_that_end_at_the_same_time_leave_nothing_behind(host):
    processes = [host.start("record(20); sys.stdin.read()") for _ in range(4)]
    acknowledged = [line for process in processes for line in listen(process, 20)]
    for process in processes:
        process.stdin.close()
        process.stdin = None
    for process in processes:
        finish(process)
    assert set(host.stored()) == set(acknowledged)


def test_flushes_of_several_processes_at_once_are_all_true(host):
    code = "[(record(5), say(process.export.flush(20.0))) for _ in range(10)]"
    processes = [host.start(code) for _ in range(3)]
    said = [line for process in processes for line in finish(process)[0]]
    assert said.count("True") == 30
    assert len(host.stored()) == 150


@pytest.mark.parametrize("source", ["", "def parent_process():\n    return _parent_process\n"])
def test_multiprocessing_that_another_thread_imports_just_now_is_no_fault(monkeypatch, source):
    half = types.ModuleType("multiprocessing.process")
    exec(source, vars(half))
    monkeypatch.setitem(sys.modules, "multiprocessing.process", half)
    export._close_at_end_of_child(object())


STARTS_AT_THE_END = """
import atexit, contextlib, sys
from flask_chest.export.scheduler import Scheduler
from flask_chest.runtime.log import Throttle

def late():
    assert "concurrent.futures.thread" not in sys.modules
    scheduler = Scheduler({}, Throttle())
    with contextlib.suppress(RuntimeError):  # Python 3.12 and newer start no thread any more
        scheduler.start()
        scheduler._thread.join(60)

atexit.register(late)
"""


def test_a_scheduler_that_is_started_while_the_process_ends_says_nothing():
    # A new interpreter: what has imported `concurrent.futures` before could go on.
    done = subprocess.run(
        [sys.executable, "-c", STARTS_AT_THE_END],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
