"""Bugs to put into Flask-Chest, to prove that the storm finds them.

``python -m tests.storm --seconds 60 --sabotage forget`` must end with exit code 1, and so must each
other one.
"""

from __future__ import annotations

import json
import random

from flask_chest.exporter import Batch
from flask_chest.journal import DiskJournal
from flask_chest.journal.reader import DiskReader
from flask_chest.record import uuid7

VARIABLE = "STORM_SABOTAGE"


def forget():
    """Lose one record in 5,000, and report it as kept."""
    append = DiskJournal.append
    DiskJournal.append = lambda self, line: random.random() < 1 / 5_000 or append(self, line)


def hasten():
    """Move the cursor before the database has committed."""
    chunks = DiskReader.chunks

    def early(self, *limits, **policy):
        for chunk in chunks(self, *limits, **policy):
            self.acknowledge(chunk)
            yield chunk

    DiskReader.chunks = early


def repeat():
    """Give a record a new ID at each attempt, so that no store can skip a repeated one."""
    create = Batch.__init__

    def renumbered(self, lines, count, token=""):
        records = [json.loads(line) | {"id": uuid7()} for line in lines.split(b"\n")[:-1]]
        create(self, b"".join(json.dumps(r).encode() + b"\n" for r in records), count, token)

    Batch.__init__ = renumbered


def mutter():
    """Drop one record in 1,000 while there is room, and count it."""
    append = DiskJournal.append
    DiskJournal.append = lambda self, line: random.random() > 1 / 1_000 and append(self, line)


ALL = {fault.__name__: fault for fault in (forget, hasten, repeat, mutter)}


def apply(name):
    """Apply the sabotage with this name, if any."""
    if name:
        ALL[name]()
