"""The journal: where records wait, as bytes, until every exporter has delivered them."""

from flask_chest.journal.disk import DiskJournal, Fsync
from flask_chest.journal.interface import (
    LEASE_SECONDS,
    Chunk,
    DeadLetter,
    Erased,
    Journal,
    Matches,
    Reader,
    WhenFull,
)
from flask_chest.journal.memory import MemoryJournal

__all__ = [
    "LEASE_SECONDS",
    "Chunk",
    "DeadLetter",
    "DiskJournal",
    "Erased",
    "Fsync",
    "Journal",
    "Matches",
    "MemoryJournal",
    "Reader",
    "WhenFull",
]
