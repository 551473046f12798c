"""What SQLite's errors mean for delivery, and their remedies."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable


def explain(location: str, error: SQLAlchemyError) -> ChestError:
    """Return what an error means: unavailable, rejected or misconfigured.

    Args:
        location: The file, for the message.
        error: What SQLAlchemy raised.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    message = f"{location}: {original or error}"
    reason = str(original)
    if isinstance(original, (sqlite3.IntegrityError, sqlite3.DataError)) or (
        # An InterfaceError before Python 3.11, a ProgrammingError since.
        reason.startswith("Error binding parameter")
    ):
        return BatchRejected(message)
    if "not a database" in reason:
        return ConfigurationError(f"{message}. Name another file")
    if "unable to open" in reason or "readonly" in reason:
        return ConfigurationError(
            f"{message}. Give this user the right to write the file and its folder"
        )
    return ExporterUnavailable(message)


def is_locked(error: BaseException | None) -> bool:
    """Return whether another connection has the file locked."""
    return isinstance(error, OperationalError) and "locked" in str(error.orig)
