"""Several real processes on one journal: killed, forked, stopped, and ending at the same time."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

PREAMBLE = """
import os, signal, sys, threading, time
from datetime import datetime, timezone
from pathlib import Path

from flask_chest.export import Export, Supervisor
from flask_chest.journal import DiskJournal, disk
from flask_chest.runtime.log import Throttle
from flask_chest.plugins.manager import Plugins
from flask_chest.record import encode, instance, uuid7
from flask_chest.runtime.counters import Counters
from flask_chest.runtime import fork
from flask_chest_sqlite import SqliteConfig, SqliteStore

folder, interval = Path(sys.argv[1]), float(sys.argv[2])


class Process:
    def __init__(self, store=None):
        counters, throttle = Counters(), Throttle()
        self.journal = DiskJournal(folder / "chest", ["main"], counters, throttle)
        self.store = store or SqliteStore(SqliteConfig(path=folder / "chest.sqlite3"))
        delivery = Supervisor(
            "main", self.store, self.journal, max_records=100, max_bytes=1_000_000,
            plugins=Plugins({}, counters, throttle), counters=counters, throttle=throttle,
        )
        self.export = Export(
            {"main": delivery}, self.journal, interval_seconds=interval, shutdown_seconds=20.0
        )
        fork.watch(self)

    def after_fork(self):
        self.journal.after_fork()
        self.export.after_fork()


def record(number=1):
    # What a request does, and what its client sees once the record is in the journal.
    for _ in range(number):
        identity = uuid7()
        now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"
        line = encode({
            "id": identity, "request_id": identity, "trace_id": None, "service": "test",
            "instance": instance(), "endpoint": "e", "route": "/", "method": "GET", "path": "/",
            "status_code": 200, "error": None, "started_at": now,
            "duration_ms": 1.0, "weight": 1.0, "variables": {"user": "u" * 50},
        })
        assert process.journal.append(line)
        say(identity)
    if not process.export.is_started:
        process.export.start()


def say(text):
    os.write(1, f"{text}\\n".encode())


def files_of(*words):
    found = []
    for link in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{link}")
        except OSError:
            continue
        if any(word in target for word in words):
            found.append(target)
    return found


process = Process()
"""

# Python 3.12 warns of every fork in a process with threads, which is what is tested here.
WARNINGS = ["-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning"]


class Host:
    """Starts processes that share a journal, and looks at what arrived."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def start(self, code, interval=1_000.0):
        script = self.folder / f"script{len(self.started)}.py"
        script.write_text(PREAMBLE + code)
        process = subprocess.Popen(
            [sys.executable, *WARNINGS, script, self.folder, str(interval)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            bufsize=0,
        )
        self.started.append(process)
        return process

    def run(self, code, **options):
        """Run a process to its end, which must be a good one; return what it said."""
        said, _ = finish(self.start(code, **options))
        return said

    def flush(self, said=""):
        """Deliver all; what is said about it is nothing, or matches a pattern."""
        process = self.start("say(process.export.flush(20.0)); process.export.close()")
        assert finish(process, said=said)[0] == ["True"]

    def stored(self):
        """Return the ID of every row in the database, and which process recorded it."""
        database = self.folder / "chest.sqlite3"
        if not database.exists():
            return {}
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
            try:
                rows = connection.execute("SELECT id, instance FROM chest_records").fetchall()
            except sqlite3.OperationalError:
                return {}  # not created yet
        assert len(rows) == len(dict(rows))
        return dict(rows)

    def integrity(self):
        """Return what SQLite finds when it looks at every page of the database."""
        with contextlib.closing(sqlite3.connect(self.folder / "chest.sqlite3")) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone()[0]

    def segments(self):
        return sorted((self.folder / "chest" / "segments").glob("*.jsonl"))

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return result


def listen(process, lines):
    """Read so many lines of what a process says."""
    heard = []
    while len(heard) < lines:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        heard.append(line.decode().strip())
    return heard


def finish(process, code=0, said=""):
    words, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors.decode()
    if code == 0:
        assert re.fullmatch(said, errors.decode()), errors.decode()
    return whole_lines(words), errors.decode()


def kill(process):
    """Kill -9 a process; return what it had said before."""
    process.kill()
    said, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    return whole_lines(said)


def whole_lines(said):
    return said.decode()[: said.rfind(b"\n") + 1].split()


# -- Killed --------------------------------------------------------------------------------------


def test_every_record_that_was_acknowledged_arrives_once_whoever_is_killed(host):
    writers = [host.start("while True: record()", interval=0.05) for _ in range(3)]
    acknowledged = []
    for number, writer in enumerate(writers):  # the first one in charge is among them
        acknowledged += listen(writer, 200 * (number + 1))
        acknowledged += kill(writer)
    assert len(acknowledged) >= 1_200
    # The kernel may end a `write` where a page of the file ends, when the writer is killed in it.
    host.flush(said=f"(Quarantined in {host.folder}.*, are no whole line: .*\n)*")
    stored = host.stored()
    assert set(acknowledged) <= set(stored)
    # At most one record of each writer was in the journal and not yet acknowledged.
    assert len(set(stored) - set(acknowledged)) <= len(writers)
    assert host.segments() == []


def test_killed_again_and_again_while_it_delivers_nothing_is_lost_or_doubled(host):
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


def test_another_process_takes_over_from_one_that_was_killed(host):
    live = "record(); [record() for _ in iter(sys.stdin.readline, '')]"
    chief = host.start(live, interval=0.05)
    acknowledged = listen(chief, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    heir = host.start(live, interval=0.05)
    acknowledged += listen(heir, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    acknowledged += kill(chief)
    heir.stdin.write(b"one more\n")
    acknowledged += listen(heir, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    heir.stdin.close()
    heir.stdin = None
    finish(heir)
    host.flush()
    assert host.segments() == []


def test_another_process_takes_over_within_one_interval(host):
    interval, slack = 2.0, 1.0
    live = "record(); time.sleep(60)"
    chief = host.start(live, interval=interval)
    acknowledged = listen(chief, 1)
    until(lambda: "export.lock" in locked_files(chief.pid, host.folder))
    heirs = [host.start(live, interval=interval) for _ in range(3)]
    acknowledged += [listen(heir, 1)[0] for heir in heirs]
    until(lambda: set(host.stored()) == set(acknowledged))
    late = host.run("record(); os._exit(0)")  # and leaves its record to the others
    began = time.monotonic()
    kill(chief)
    until(lambda: set(host.stored()) == {*acknowledged, *late})
    assert time.monotonic() - began < interval + slack
    holders = [heir for heir in heirs if "export.lock" in locked_files(heir.pid, host.folder)]
    assert len(holders) == 1


def test_a_process_that_is_stopped_holds_up_no_flush(host):
    chief = host.start("record(); time.sleep(60)", interval=0.05)
    acknowledged = listen(chief, 1)
    until(lambda: set(host.stored()) == set(acknowledged))
    # Wait for its next idle moment: one that is stopped in the middle of a batch keeps its turn.
    until(lambda: locked_files(chief.pid, host.folder) == {"export.lock"})
    chief.send_signal(signal.SIGSTOP)
    acknowledged += host.run("record(5); assert process.export.flush(20.0)")
    assert set(host.stored()) == set(acknowledged)
    chief.send_signal(signal.SIGCONT)
    kill(chief)


def locked_files(pid, folder):
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = link.readlink()
            if target.suffix == ".lock" and folder in target.parents:
                held.add(target.name)
    return held


# -- Forked --------------------------------------------------------------------------------------

FORK = """
record(20)
assert process.export.flush(10.0)
parents = files_of("/segments/")
assert len(parents) == 1
turn = process.journal.reader("main").lease()
while not turn.__enter__():  # the parent delivers at this moment
    turn = process.journal.reader("main").lease()
assert len(files_of("main.lock")) == 1
child = os.fork()
if child == 0:
    assert threading.active_count() == 1
    inherited = files_of("/chest/", "sqlite3")
    assert inherited == [], inherited
    assert process.journal.appended == 0
    assert not process.export.is_started
    assert not process.journal.try_lead(), "the parent is in charge"
    record(10)
    assert len(files_of("/segments/")) == 1
    assert files_of("/segments/") != parents
    assert process.export.flush(10.0), "under the exporter's own turn"
    process.export.close()
    sys.exit()
turn.__exit__(None, None, None)
record(20)
assert files_of("/segments/") == parents
_, status = os.waitpid(child, 0)
assert status == 0, status
assert len(files_of("export.lock")) == 1
assert process.journal.try_lead()
record(5)
process.export.close()
"""


def test_a_forked_child_writes_its_own_segment_and_leaves_the_parent_alone(host):
    acknowledged = host.run(FORK, interval=0.05)
    assert len(acknowledged) == len(set(acknowledged)) == 55
    stored = host.stored()
    assert set(stored) == set(acknowledged)
    by_process = collections.Counter(stored.values())
    assert sorted(by_process.values()) == [10, 45]
    host.flush()
    assert host.segments() == []


def test_at_whatever_moment_a_process_forks_its_child_inherits_no_file_and_no_lock(host):
    said = host.run(
        """
disk.MAX_SEGMENT_BYTES = 1_000  # a new one for each few records
done = threading.Event()


def write():
    while not done.wait(0.001):
        record()


threads = [threading.Thread(target=write) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for number in range(60):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            # What a child opens itself is not the parent's; so far, it has opened nothing.
            inherited = files_of("/segments/", ".lock", "sqlite3")
            assert not inherited, inherited
            if number % 10 == 0:
                record(3)
                assert process.export.flush(20.0)
            code = 0
        except BaseException as error:
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    children.append(child)
    time.sleep(0.002)
done.set()
codes = [os.waitpid(child, 0)[1] for child in children]
for thread in threads:
    thread.join()
assert codes == [0] * 60, codes
assert process.export.flush(20.0)
process.export.close()
""",
        interval=0.05,
    )
    assert len(said) == len(set(said))
    assert set(host.stored()) == set(said)
    host.flush()
    assert host.segments() == []


def test_the_database_that_is_open_between_batches_is_not_open_in_a_child_forked_there(host):
    said = host.run(
        """
export, children = process.store.export, []


def export_and_fork(batch):
    export(batch)
    if len(children) == 5:
        return
    assert files_of("sqlite3"), "kept for the next batch"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert not files_of("sqlite3")
            record(3)
            assert process.export.flush(20.0)
            process.export.close()
            code = 0
        except BaseException as error:
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    children.append(child)


process.store.export = export_and_fork
record(1_000)
assert process.export.flush(20.0)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
assert process.export.flush(20.0)
assert not files_of("sqlite3")
process.export.close()
"""
    )
    assert len(said) == len(set(said)) == 1_015
    assert set(host.stored()) == set(said)
    assert host.integrity() == "ok"
    host.flush()
    assert host.segments() == []


def test_a_child_forked_in_a_batch_that_takes_too_long_leaves_the_database_alone(host):
    said = host.run(
        """
import logging

insert, entered = process.store.insert, threading.Event()


def slow_insert(connection, batch):
    entered.set()
    time.sleep(fork.PATIENCE_SECONDS + 1)
    insert(connection, batch)


process.store.insert = slow_insert
record(50)
flush = threading.Thread(target=process.export.flush, args=(20.0,))
flush.start()
assert entered.wait(10)
child = os.fork()
if child == 0:
    assert files_of("sqlite3"), "nobody could close it"
    logging.disable()
    record(3)
    assert not process.export.flush(20.0)
    problem = process.export.supervisors["main"].stats().last_error
    assert "was in use for so long" in problem, problem
    os._exit(0)
process.store.insert = insert
flush.join()
assert os.waitpid(child, 0)[1] == 0
record(2)
assert process.export.flush(20.0)
process.export.close()
"""
    )
    assert len(said) == len(set(said)) == 55
    assert set(host.stored()) == set(said)
    assert host.integrity() == "ok"


def test_a_process_that_waits_for_the_write_lock_forks_with_the_database_closed(host):
    host.run("record(); assert process.export.flush(20.0); process.export.close()")
    holder = host.start(
        """
import sqlite3

connection = sqlite3.connect(folder / "chest.sqlite3", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
say("held")
sys.stdin.read()
connection.close()
"""
    )
    assert listen(holder, 1) == ["held"]
    waiting = host.start(
        """
record(10)
flush = threading.Thread(target=process.export.flush, args=(20.0,))
flush.start()
while not files_of("sqlite3"):
    time.sleep(0.001)
child = os.fork()
if child == 0:
    os._exit(len(files_of("sqlite3")))
say("forked")
assert os.waitpid(child, 0)[1] == 0
flush.join()
process.export.close()
"""
    )
    assert listen(waiting, 11)[-1] == "forked"
    finish(holder)
    finish(waiting)
    assert len(host.stored()) == 11
    assert host.integrity() == "ok"


def test_children_of_children_gather_no_files_and_no_threads(host):
    said = host.run(
        """
def look():
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def becomes(threads, files):
    "A file may be open for the moment in which it is synced."
    deadline = time.monotonic() + 10
    while look()[0] != threads or look()[1] > files:
        assert time.monotonic() < deadline, (look(), threading.enumerate())
        time.sleep(0.01)
    return True


record()
assert process.export.flush(10.0)
threads, files = look()
for depth in range(20):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        assert becomes(threads, files)
        process.export.close()
        os._exit(0)
    record()
    assert process.export.flush(10.0)
    files = look()[1] if depth == 0 else files
    assert becomes(threads, files)
process.export.close()
"""
    )
    assert len(said) == len(set(said)) == 21
    assert set(host.stored()) == set(said)


def test_a_child_does_not_end_the_connection_of_its_parent(host):
    said = host.run(
        """
from pydantic import BaseModel
from flask_chest.exporter import Exporter


class NoConfig(BaseModel):
    pass


class Connection:
    def __init__(self):
        self.owner = os.getpid()

    def __del__(self):
        say("ended by its owner" if os.getpid() == self.owner else "ENDED BY A CHILD")


class Connecting(Exporter):
    type = "connecting"
    config_model = NoConfig

    def open(self):
        self.connection = Connection()

    def export(self, batch):
        assert self.connection.owner == os.getpid()
        say(f"batch of {len(batch)}")

    def close(self):
        del self.connection


process = Process(Connecting(NoConfig()))
record(2)
assert process.export.flush(10.0)
child = os.fork()
if child == 0:
    record(3)
    assert process.export.flush(10.0)
    process.export.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
record(4)
assert process.export.flush(10.0)
process.export.close()
"""
    )
    assert [line for line in said if "-" not in line] == [
        *("batch", "of", "2"),
        *("batch", "of", "3"),
        *("ended", "by", "its", "owner"),
        *("batch", "of", "4"),
        *("ended", "by", "its", "owner"),
    ]


def test_a_fork_waits_for_what_must_not_be_cut_in_two_but_not_for_ever(host):
    host.run(
        """
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
"""
    )


def test_the_child_of_a_parent_that_was_killed_takes_over(host):
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
    heard = listen(parent, 3)
    acknowledged = [line for line in heard if "-" in line]
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


# -- Ended ---------------------------------------------------------------------------------------

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


def test_what_processes_could_not_deliver_is_delivered_by_the_next(host):
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


def test_processes_that_end_at_the_same_moment_leave_nothing_behind(host):
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
