"""What the schemas of all backends share: prefix, fields, version, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flask_chest.errors import SchemaMismatch
from flask_chest.record import RecordData

PREFIX: Final = "chest_"
"""What the names of tables, collections, views and indexes begin with, unless configured."""

SCHEMA_VERSION: Final = 1
"""Raised by every change to the schema that an older Flask-Chest cannot write into."""

FIELDS: Final = tuple(RecordData.__annotations__)
"""Names of the columns, or fields of a document, in their order."""


def refuse_newer(location: str, version: object) -> None:
    """Raise an error unless this Flask-Chest can write the version that was found.

    Args:
        location: Where the database is, for the message.
        version: As it was found; a number unless somebody changed it.

    Raises:
        SchemaMismatch: It is newer, or no number.
    """
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{location} has the schema version {version}; this Flask-Chest writes "
            f"{SCHEMA_VERSION}. Upgrade it together with its plugins: "
            "docs/how-to/upgrade.md"
        )


def names_taken(location: str, names: Iterable[str]) -> SchemaMismatch:
    """Return the error for tables or collections of our names that Flask-Chest did not create.

    Args:
        location: Where the database is, for the message.
        names: Names of the tables or collections.
    """
    return SchemaMismatch(
        f"{location} has a {' and a '.join(sorted(names))} that Flask-Chest did not create. "
        "Rename it, or give Flask-Chest another database"
    )
