"""`Manifest`: which files of a day count, after some of them were rewritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from flask_chest_parquet.layout import BatchName, compacted_parts, day_folder, time_of_id


@dataclass(frozen=True)
class Compacted:
    """A file that holds the records of other files.

    Attributes:
        name: In the folder of its day.
        rows: Number of records.
        size: Its bytes.
        low: Its smallest ID; empty without records.
        high: Its largest ID.
    """

    name: str
    rows: int
    size: int
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class Manifest:
    """The state of a day. The one with the largest number counts.

    Whoever rewrites files of a day writes new ones first, which do not count, then the manifest
    with the next number, which only one writer can create, then deletes what it replaces. So
    readers see each record once, whoever is killed when.

    Attributes:
        day: The day.
        number: 0 when no file of the day was rewritten yet.
        files: The compacted files.
        gone: Tokens of batches whose files do not count.
        previous: `digest` of the manifest that it was made from.
    """

    day: date
    number: int = 0
    files: tuple[Compacted, ...] = ()
    gone: frozenset[str] = frozenset()
    previous: str = ""

    @property
    def digest(self) -> str:
        """What tells it apart from another one with its number."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def followed_by(self, files: Iterable[Compacted], gone: frozenset[str]) -> Manifest:
        """Return the next manifest."""
        return Manifest(self.day, self.number + 1, tuple(files), gone, self.digest)

    def to_json(self) -> bytes:
        """Return the manifest as it is stored."""
        files = [asdict(each) for each in self.files]
        found: dict[str, object] = {"version": 1, "files": files, "gone": sorted(self.gone)}
        if self.previous:
            found["previous"] = self.previous
        return json.dumps(found, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, day: date, number: int, text: bytes) -> Manifest:
        """Return the manifest that is stored.

        Raises:
            ValueError: It is damaged.
        """
        try:
            found = json.loads(text)
            files = tuple(Compacted(**each) for each in found["files"])
            gone, previous = frozenset(found["gone"]), str(found.get("previous", ""))
            return cls(day, number, files, gone, previous)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no manifest: {error}") from error


@dataclass(frozen=True)
class LakeFile:
    """A file whose records count.

    Attributes:
        day: Its day.
        name: Its name in the folder of the day.
        rows: Number of records.
        size: Its bytes.
        batch: What its name says; None for a compacted file.
        compacted: What the manifest says; None for the file of a batch.
    """

    day: date
    name: str
    rows: int
    size: int
    batch: BatchName | None = None
    compacted: Compacted | None = None

    def may_have(self, low: str, high: str) -> bool:
        """Return whether the file may have an ID from `low` to `high`."""
        if self.batch is not None:
            return self.batch.low <= time_of_id(high) and self.batch.high >= time_of_id(low)
        return (
            self.compacted is not None and self.compacted.low <= high and self.compacted.high >= low
        )

    @property
    def tag(self) -> str:
        """`schema.tag_of` its typed columns."""
        if self.batch is not None:
            return self.batch.tag
        parts = compacted_parts(self.name)
        return "" if parts is None else parts[1]

    @property
    def key(self) -> str:
        """Key of the object."""
        return day_folder(self.day) + self.name
