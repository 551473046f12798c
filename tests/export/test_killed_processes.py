"""Processes that are killed or stopped: another one becomes the leader, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from support.hosts import finish, kill, listen, locked_files, stop_between_deliveries
from support.waiting import until


def test_every_record_that_was_acknowledged_arrives_once_whoever_is_killed(host):
    writers = [host.start("while True: record()", interval=0.05) for _ in range(3)]
    acknowledged = []
    for number, writer in enumerate(writers):  # the first leader is among them
        acknowledged += listen(writer, 200 * (number + 1))
        acknowledged += kill(writer)
    assert len(acknowledged) >= 1_200
    # The kernel may end a `write` where a page of the file ends, when the writer is killed in it.
    host.flush(said=f"(.*Quarantined in {re.escape(str(host.folder))}.* no whole line.*\n)*")
    stored = host.stored()
    assert set(acknowledged) <= set(stored)
    # At most one record of each writer was in the journal and not yet acknowledged.
    assert len(set(stored) - set(acknowledged)) <= len(writers)
    assert host.segments() == []


def test_nothing_is_lost_or_doubled_when_the_delivering_process_is_killed_repeatedly(host):
    acknowledged = host.run("record(2_000); os._exit(0)")
    for _ in range(3):
        deliverer = host.start("process.export.start(); time.sleep(60)", interval=0.05)
        before = len(host.stored())
        until(lambda: len(host.stored()) > before)  # noqa: B023
        kill(deliverer)
        if len(host.stored()) == 2_000:
            break
    host.flush()
    assert set(host.stored()) == set(acknowledged)
    assert host.segments() == []


def test_another_process_becomes_the_leader_when_the_leader_is_killed(host):
    live = "record(); [record() for _ in iter(sys.stdin.readline, '')]"
    leader = host.start(live, interval=0.05)
    acknowledged = listen(leader, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    heir = host.start(live, interval=0.05)
    acknowledged += listen(heir, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    acknowledged += kill(leader)
    heir.stdin.write(b"one more\n")
    acknowledged += listen(heir, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    heir.stdin.close()
    heir.stdin = None
    finish(heir)
    host.flush()
    assert host.segments() == []


@pytest.mark.slow
def test_another_process_becomes_the_leader_within_one_interval(host):
    interval, slack = 5.0, 4.0  # the next but one attempt would come after two intervals
    live = "record(); time.sleep(60)"
    leader = host.start(live, interval=interval)
    acknowledged = listen(leader, 1)
    until(lambda: "export.lock" in locked_files(leader.pid, host.folder))
    heirs = [host.start(live, interval=interval) for _ in range(3)]
    acknowledged += [listen(heir, 1)[0] for heir in heirs]
    until(lambda: set(host.stored()) == set(acknowledged))
    late = host.run("record(); os._exit(0)")  # and leaves its record to the others
    began = time.monotonic()
    kill(leader)
    until(lambda: set(host.stored()) == {*acknowledged, *late})
    assert time.monotonic() - began < interval + slack
    holders = [heir for heir in heirs if "export.lock" in locked_files(heir.pid, host.folder)]
    assert len(holders) == 1


def test_a_stopped_leader_delays_no_flush_of_another_process(host):
    leader = host.start("record(); time.sleep(60)", interval=0.05)
    acknowledged = listen(leader, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    until(lambda: "export.lock" in locked_files(leader.pid, host.folder))
    stop_between_deliveries(leader, host.folder)
    acknowledged += host.run("record(5); assert process.export.flush(20.0)")
    assert set(host.stored()) == set(acknowledged)
    leader.send_signal(signal.SIGCONT)
    kill(leader)


def test_the_child_of_a_killed_leader_becomes_the_leader(host):
    parent = host.start(
        """
record()
assert process.export.flush(10.0)
if os.fork() == 0:
    record()
    time.sleep(60)
say(os.getpid())
time.sleep(60)
""",
        interval=0.05,
    )
    printed = listen(parent, 3)
    acknowledged = [line for line in printed if "-" in line]
    until(lambda: set(host.stored()) == set(acknowledged))
    children = _children(parent.pid)
    try:
        parent.kill()
        late = host.run("record(); os._exit(0)")  # it delivers nothing itself
        until(lambda: set(host.stored()) == {*acknowledged, *late})
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
