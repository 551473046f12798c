"""Processes that count in a journal, and the files of their counters."""

from __future__ import annotations

import json

from support.journals import line

from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


class Process:
    """What a process has of a journal."""

    def __init__(self, folder, **options):
        self.counters = Counters()
        self.journal = DiskJournal(folder, ["main"], self.counters, Throttle(), **options)

    def record(self, number):
        for each in range(number):
            assert self.journal.append(line(each))

    @property
    def recorded(self):
        return self.journal.host().counts.get("recorded", {}).get("", 0)

    def close(self):
        self.journal.close()


def files(folder):
    return sorted(path for path in (folder / "processes").glob("*.json") if path.stem != "total")


def total_of(folder):
    return json.loads((folder / "processes" / "total.json").read_text())


def lead(process):
    """Let a process be the leader."""
    assert process.journal.try_lead()
    process.journal.start()
    return process
