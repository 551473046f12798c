"""The journal: where records wait, as bytes, until every exporter has delivered them."""

from flask_chest.journal.disk import DiskJournal, Fsync
from flask_chest.journal.interface import Chunk, Journal, Reader, WhenFull
from flask_chest.journal.memory import MemoryJournal
from flask_chest.journal.nowhere import NoJournal

__all__ = [
    "Chunk",
    "DiskJournal",
    "Fsync",
    "Journal",
    "MemoryJournal",
    "NoJournal",
    "Reader",
    "WhenFull",
]
