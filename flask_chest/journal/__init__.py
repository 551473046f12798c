"""The journal: where records wait, as bytes, until every exporter has delivered them."""

from flask_chest.journal.chunk import Chunk
from flask_chest.journal.disk import DiskJournal
from flask_chest.journal.interface import (
    LEASE_SECONDS,
    DeadLetter,
    Erased,
    Journal,
    Matches,
    Reader,
    SegmentsUnreadable,
    WhenFull,
)
from flask_chest.journal.memory import MemoryJournal
from flask_chest.journal.nowhere import NoJournal
from flask_chest.journal.own_segment import Fsync

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
    "NoJournal",
    "Reader",
    "SegmentsUnreadable",
    "WhenFull",
]
