"""A file that 0.0.10 wrote, and a store that gets its rows. `old_shop.py` made the file."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import run_alone

from flask_chest import open_store

FILE = Path(__file__).with_name("shop.sqlite3")
WRITTEN = 1_700_000_000  # 2023-11-14T22:13:20Z


class Target:
    """A SQLite file that gets what is imported.

    Attributes:
        old: A copy of the file of 0.0.10.
    """

    def __init__(self, folder, monkeypatch):
        self.old = folder / "db.sqlite3"
        shutil.copy(FILE, self.old)
        os.utime(self.old, (WRITTEN, WRITTEN))
        self.url = f"sqlite:///{folder}/chest.sqlite3"
        self._monkeypatch = monkeypatch

    def take(self, *arguments, code=0, service="shop", old=None):
        """Run the import; return what it did."""
        place = ("--from-0.0.10", str(old or self.old), "--to", self.url, "--service", service)
        return run_alone(self._monkeypatch, ["import", *place, *arguments], code)

    def records(self):
        """Return the records by request ID, the one that was written first first."""
        with closing(open_store(self.url)) as store:
            return {each.request_id: each for each in store.records(order_by="started_at")}

    def write(self, rows, table="flask_chest"):
        """Write rows as 0.0.10 does: by hand, for what its own code never wrote."""
        with closing(sqlite3.connect(self.old)) as connection, connection:
            connection.executemany(
                f"INSERT INTO {table} (request_id, name, value) VALUES (?, ?, ?)", rows
            )
        os.utime(self.old, (WRITTEN, WRITTEN))


@pytest.fixture
def target(tmp_path, monkeypatch):
    return Target(tmp_path, monkeypatch)
