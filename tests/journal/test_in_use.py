"""Locks that say which exporters living processes have, in real processes."""

from __future__ import annotations

import os

import pytest

from flask_chest.journal.in_use import IN_USE, InUse, OtherExporters
from flask_chest.journal.layout import Layout


@pytest.fixture
def cursors(tmp_path):
    layout = Layout(tmp_path / "journal")
    layout.make()
    yield layout.cursors
    layout.close()


def was(cursors, name, destination):
    """Leave behind what a process with this exporter leaves that has ended."""
    former = InUse(cursors, {name: destination})
    former.take(0.0)
    former.release()


def files(cursors):
    return [name for name in cursors.names() if name.endswith(IN_USE)]


def test_former_destinations_leave_nothing_behind(cursors):
    for number in range(5):
        was(cursors, "main", f"database {number}")
    assert len(files(cursors)) == 1


def test_the_lock_of_a_former_exporter_stays_until_its_records_are_accounted_for(cursors):
    was(cursors, "former", "database 1")
    was(cursors, "main", "database 2")
    assert len(files(cursors)) == 2


def test_a_process_waits_once_for_one_that_does_not_end(cursors, caplog):
    """Or each test of a suite would wait for the server that a developer runs beside it."""
    one = InUse(cursors, {"main": "database 1"})
    one.take(0.0)
    for _application in range(2):
        with pytest.raises(OtherExporters):
            InUse(cursors, {"main": "database 2"}).take(0.2)
    assert caplog.text.count("Waiting up to 0.2 seconds") == 1
    one.release()
    InUse(cursors, {"main": "database 2"}).take(0.2)


def test_processes_that_begin_at_once_do_not_take_each_other_for_others(tmp_path):
    layout = Layout(tmp_path / "journal")
    layout.make()
    for number in range(300):
        (layout.cursors.path / f"main@{number:016x}{IN_USE}").touch()
    layout.close()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            os._exit(_begin_often(tmp_path / "journal"))
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0] * 8


def _begin_often(journal):
    """Return 0 when a process may begin each time. A forked child must not run pytest's code."""
    try:
        cursors = Layout(journal).cursors
        for _ in range(50):
            in_use = InUse(cursors, {"main": "database"})
            in_use.take(0.0)
            in_use.release()
    except OtherExporters:
        return 1
    except BaseException:  # noqa: BLE001 - as above
        return 2
    return 0
