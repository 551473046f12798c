"""Where the objects of a lake are: their keys below its root.

::

    day=2026-11-29/b-4f9a11c2-019ad2c3a1f0-019ad2c3c8aa-12000-e3b0c442-8d3c….parquet   a batch
    day=2026-11-29/c-00000007-e3b0c442-6f1d….parquet                                   compacted
    _chest/schema.json                                                  version of the schema
    _chest/columns/t_tenant.json                                        a typed column
    _chest/day=2026-11-29/00000007.json                                 manifest

Spark, Trino, Athena and Arrow pass over names that begin with an underscore.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

STATE: Final = "_chest/"
"""Prefix of all that is no data."""

SCHEMA: Final = f"{STATE}schema.json"
COLUMNS: Final = f"{STATE}columns/"
PARTITION: Final = "day="
"""What the names of the folders with data begin with."""

SUFFIX: Final = ".parquet"
MIXED: Final = "00000000"
"""The `writer` of a file whose records come from several hosts."""

_BATCH: Final = re.compile(
    r"b-([0-9a-f]{8})-([0-9a-f]{12})-([0-9a-f]{12})-([0-9]+)-([0-9a-f]{8})-([0-9a-f]{16,64})"
    r"\.parquet"
)
_COMPACTED: Final = re.compile(r"c-([0-9]{8,})-([0-9a-f]{8})-[0-9a-f]{16}\.parquet")
_MANIFEST: Final = re.compile(r"([0-9]{8,})\.json")
_DAY: Final = re.compile(r"day=([0-9]{4}-[0-9]{2}-[0-9]{2})/?")
_ID_START: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-").match


@dataclass(frozen=True)
class BatchName:
    """What the name of a batch's file says.

    Attributes:
        writer: `writer_of` the host that recorded all of it; `MIXED` for several.
        low: `time_of_id` of its smallest ID.
        high: That of its largest.
        rows: Number of records.
        tag: `schema.tag_of` its typed columns.
        token: Token of the batch.
    """

    writer: str
    low: str
    high: str
    rows: int
    tag: str
    token: str

    def __str__(self) -> str:
        start = f"b-{self.writer}-{self.low}-{self.high}"
        return f"{start}-{self.rows}-{self.tag}-{self.token}{SUFFIX}"

    @classmethod
    def of(cls, name: str) -> BatchName | None:
        """Return what a name says; None when it is not the name of a batch's file."""
        found = _BATCH.fullmatch(name)
        if found is None:
            return None
        writer, low, high, rows, tag, token = found.groups()
        return cls(writer, low, high, int(rows), tag, token)


def day_folder(day: date) -> str:
    """Return the prefix of the data of a day."""
    return f"{PARTITION}{day.isoformat()}/"


def day_of(name: str) -> date | None:
    """Return the day that the name of a folder has; None for another folder."""
    found = _DAY.fullmatch(name)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1])
    except ValueError:
        return None


def manifests(day: date) -> str:
    """Return the prefix of the manifests of a day."""
    return f"{STATE}{day_folder(day)}"


def manifest_key(day: date, number: int) -> str:
    """Return the key of a manifest."""
    return f"{manifests(day)}{number:08}.json"


def manifest_number(name: str) -> int | None:
    """Return the number that the name of a manifest has; None for another name."""
    found = _MANIFEST.fullmatch(name)
    return None if found is None else int(found[1])


def compacted_name(number: int, tag: str, content: bytes) -> str:
    """Return the name of a file with typed columns that the manifest `number` is to name."""
    return f"c-{number:08}-{tag}-{hashlib.sha256(content).hexdigest()[:16]}{SUFFIX}"


def compacted_parts(name: str) -> tuple[int, str] | None:
    """Return number and tag in the name of a compacted file; None for another name."""
    found = _COMPACTED.fullmatch(name)
    return None if found is None else (int(found[1]), found[2])


def writer_of(instance: str) -> str:
    """Return a short name of a host, from the field `instance`, which also has a process ID."""
    host = instance.rpartition(":")[0] or instance
    return hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def time_of_id(identity: str) -> str:
    """Return the first 48 bits of an ID, which are its time in milliseconds, as 12 digits.

    Raises:
        ValueError: It is no UUID.
    """
    if not _ID_START(identity):
        raise ValueError("an ID is no UUID in lower case")
    return identity[:8] + identity[9:13]
