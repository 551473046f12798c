"""The small file of the dashboard: shared by processes, and replaced by memory when need be."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask_chest_dashboard.file import MEMORY, DashboardFile

# Python 3.12 warns of a fork beside threads, which is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
TABLE = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER)"


def opened(path):
    file = DashboardFile(path)
    file.add_table(TABLE)
    return file


def add_next(connection):
    """Read, then write: two at the same time would add the same number."""
    [(highest,)] = connection.execute("SELECT coalesce(max(number), 0) FROM numbers")
    connection.execute("INSERT INTO numbers VALUES (?)", (highest + 1,))


def numbers(file):
    return file.use(
        lambda connection: [row[0] for row in connection.execute("SELECT number FROM numbers")]
    )


def test_threads_processes_and_forks_share_the_file(tmp_path):
    path = tmp_path / "new folder" / "file.sqlite3"
    file = opened(path)
    program = (
        "import sys; sys.path[:0] = [sys.argv[2]]\n"
        "from test_dashboard_file import add_next, opened\n"
        "file = opened(sys.argv[1])\n"
        "for _ in range(10): file.use(add_next)\n"
    )
    folder = os.path.dirname(__file__)  # noqa: PTH120 - for a command line
    others = [
        subprocess.Popen([sys.executable, "-c", program, str(path), folder]) for _ in range(2)
    ]
    child = os.fork()
    if not child:
        file.use(add_next)
        os._exit(0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: file.use(add_next), range(20)))
    assert os.waitpid(child, 0)[1] == 0
    assert [other.wait(60) for other in others] == [0, 0]
    assert numbers(file) == list(range(1, 42))
    assert file.fault == ""
    assert path.stat().st_mode & 0o077 == 0


def test_what_raises_leaves_nothing_behind(tmp_path):
    for file in (opened(tmp_path / "file.sqlite3"), opened(MEMORY)):

        def fail(connection):
            add_next(connection)
            raise KeyError("odd")

        with pytest.raises(KeyError):
            file.use(fail)
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            file.use(lambda connection: connection.execute("SELECT * FROM strangers"))
        assert numbers(file) == []


@pytest.mark.parametrize("fault", ["a folder", "no database", "a file above", "damaged later"])
def test_without_a_usable_file_it_is_kept_in_memory_and_logged_once(tmp_path, caplog, fault):
    path = tmp_path / "file.sqlite3"
    file = opened(path)
    if fault == "a folder":
        path.mkdir()
    elif fault == "no database":
        path.write_text("nothing that SQLite knows, and longer than its header" * 100)
    elif fault == "a file above":
        path.write_text("")
        file = opened(path / "below.sqlite3")
    else:
        file.use(add_next)
        path.write_bytes(os.urandom(8_192))
    for _ in range(3):
        file.use(add_next)
    assert numbers(file) == [1, 2, 3]
    [record] = caplog.records
    assert "CHEST_DASHBOARD_FILE" in record.getMessage()
    assert file.fault
    assert file.fault in record.getMessage()
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()
    if fault != "a file above":  # once it can be used, it is
        assert numbers(file) == []
        assert file.fault == ""


def test_a_fork_in_the_middle_of_a_use_does_not_stop_the_child():
    file = opened(MEMORY)
    is_held, go_on = threading.Event(), threading.Event()

    def hold(connection):
        add_next(connection)
        is_held.set()
        assert go_on.wait(60)

    thread = threading.Thread(target=file.use, args=(hold,))
    thread.start()
    assert is_held.wait(60)
    child = os.fork()
    if not child:
        file.use(add_next)
        os._exit(0 if numbers(file) == [1] else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        go_on.set()
        thread.join()
    assert file.fault == "it is kept in memory only"
