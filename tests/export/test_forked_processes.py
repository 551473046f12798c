"""Processes that fork: parent and child share no file, no lock and no connection."""

from __future__ import annotations

import collections
import signal

from support.hosts import finish, listen


def test_a_forked_child_writes_its_own_segment_and_leaves_the_parent_alone(host):
    acknowledged = host.run("forks_once.py", interval=0.05)
    assert len(acknowledged) == len(set(acknowledged)) == 55
    stored = host.stored()
    assert set(stored) == set(acknowledged)
    by_process = collections.Counter(stored.values())
    assert sorted(by_process.values()) == [10, 45]
    host.flush()
    assert host.segments() == []


def test_a_child_inherits_no_file_and_no_lock_at_whatever_moment_it_is_forked(host):
    said = host.run(
        "forks_at_any_moment.py",
        interval=0.05,
    )
    assert len(said) == len(set(said))
    assert set(host.stored()) == set(said)
    host.flush()
    assert host.segments() == []


def test_the_database_that_is_open_between_batches_is_not_open_in_a_child_forked_there(host):
    said = host.run("forks_between_batches.py")
    assert len(said) == len(set(said)) == 1_015
    assert set(host.stored()) == set(said)
    assert host.integrity() == "ok"
    host.flush()
    assert host.segments() == []


def test_a_child_forked_in_a_slow_batch_does_not_touch_the_database(host):
    said = host.run("forks_in_a_slow_batch.py")
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
    waiting = host.start("forks_while_it_waits_for_a_lock.py")
    assert listen(waiting, 11)[-1] == "forked"
    finish(holder)
    finish(waiting)
    assert len(host.stored()) == 11
    assert host.integrity() == "ok"


def test_children_of_children_accumulate_no_files_and_no_threads(host):
    said = host.run("forks_twenty_deep.py")
    assert len(said) == len(set(said)) == 21
    assert set(host.stored()) == set(said)


def test_a_child_does_not_end_the_connection_of_its_parent(host):
    said = host.run("forks_with_a_connection.py")
    assert [line for line in said if "-" not in line] == [
        *("batch", "of", "2"),
        *("batch", "of", "3"),
        *("ended", "by", "its", "owner"),
        *("batch", "of", "4"),
        *("ended", "by", "its", "owner"),
    ]


def test_a_child_of_multiprocessing_that_is_terminated_while_it_ends_delivers_first(host):
    said = host.run(
        """
import multiprocessing

export = SqliteStore.export

def terminated(store, batch):
    os.kill(os.getpid(), signal.SIGTERM)  # as its parent does, once another child has ended
    export(store, batch)

SqliteStore.export = terminated
child = multiprocessing.get_context("fork").Process(target=lambda: record(5))
child.start()
child.join()
say(child.exitcode)
"""
    )
    assert said[5:] == [str(-signal.SIGTERM)]
    assert set(host.stored()) == set(said[:5])


def test_a_child_of_multiprocessing_delivers_before_it_waits_for_its_own_children(host):
    said = host.run(
        """
import multiprocessing, sqlite3

context = multiprocessing.get_context("fork")

def stored():
    database = f"file:{folder / 'chest.sqlite3'}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(database, uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM chest_records").fetchone() == (1,)
    except sqlite3.OperationalError:
        return False  # not created yet

def wait_for_the_record():
    deadline = time.monotonic() + 60
    while not stored() and time.monotonic() < deadline:
        time.sleep(0.02)
    say("delivered" if stored() else "late")

def child():
    context.Process(target=wait_for_the_record).start()
    record()

first = context.Process(target=child)
first.start()
first.join()
"""
    )
    assert said[1:] == ["delivered"]
