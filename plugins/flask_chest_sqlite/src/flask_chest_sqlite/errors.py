"""What SQLite's errors mean for delivery, and their remedies."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.schema import FIELDS
from flask_chest_sqlite import disk

# By SQLite's texts, which have not changed in twenty years: Python has had its codes since 3.11
# only. https://sqlite.org/rescode.html
_DOCUMENT: Final = re.compile(
    r"string or blob too big"  # SQLITE_TOOBIG
    r"|datatype mismatch"  # SQLITE_MISMATCH
    r"|CHECK constraint failed"  # SQLITE_CONSTRAINT_CHECK
    r"|Error binding parameter"  # Python: a value of a type that SQLite does not know
)
_NULL: Final = re.compile(r"NOT NULL constraint failed: \w+\.(\w+)")  # SQLITE_CONSTRAINT_NOTNULL
_CONSTRAINT: Final = re.compile(r"constraint failed")  # all others: UNIQUE, FOREIGN KEY, ...
_UNUSABLE: Final = re.compile(
    r"unable to open"  # SQLITE_CANTOPEN
    r"|readonly"  # SQLITE_READONLY
    r"|disk I/O error"  # SQLITE_IOERR
    r"|access permission denied"  # SQLITE_PERM
)
_FULL: Final = re.compile(r"database or disk is full")  # SQLITE_FULL
_CORRUPT: Final = re.compile(r"disk image is malformed|malformed database schema")  # SQLITE_CORRUPT
_NO_DATABASE: Final = re.compile(r"not a database")  # SQLITE_NOTADB


def explain(location: str, path: Path, error: SQLAlchemyError) -> ChestError:
    """Return what an error means: unavailable, rejected or misconfigured.

    Only a fault of a record rejects it. All else is retried, as it is the file's, the disk's, or
    another process's.

    Args:
        location: The file, for the message.
        path: The file.
        error: What SQLAlchemy raised.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    text = str(original or error)
    message = f"{location}: {text}"
    if original is not None and _is_fault_of_a_record(original, text):
        return BatchRejected(message)
    if _NO_DATABASE.search(text):
        return ConfigurationError(f"{message}. Name another file")
    remedy = _remedy(path, text)
    return ExporterUnavailable(f"{message}. {remedy}" if remedy else message)


def _is_fault_of_a_record(error: BaseException, text: str) -> bool:
    if null := _NULL.search(text):
        return null[1] in FIELDS
    # A DataError is SQLITE_TOOBIG.
    return isinstance(error, sqlite3.DataError) or _DOCUMENT.search(text) is not None


def _remedy(path: Path, text: str) -> str:
    if _CONSTRAINT.search(text):
        return "Flask-Chest has no such constraint. Remove it, or the trigger that raises it"
    if _UNUSABLE.search(text):
        return disk.reason(path) or (
            "Look at the kernel's messages about its disk (dmesg), and at the number of files that "
            "this process has open (ulimit -n)"
        )
    if _FULL.search(text):
        return disk.space(path)
    if _CORRUPT.search(text):
        return (
            "Move it aside with its -wal and -shm, so that a new one is created, and rescue what "
            f"is in it: sqlite3 {path.name} .recover | sqlite3 rescued.sqlite3"
        )
    return ""


def is_locked(error: BaseException | None) -> bool:
    """Return whether another connection has the file locked."""
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def is_interrupted(error: BaseException | None) -> bool:
    """Return whether a statement was ended before it was done: SQLITE_INTERRUPT."""
    return isinstance(error, OperationalError) and str(error.orig) == "interrupted"
