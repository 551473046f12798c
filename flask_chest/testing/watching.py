"""What an export of one exporter does: which modules, files and moments it has."""

from __future__ import annotations

import importlib
import os
import random
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final

from flask_chest.errors import ChestError
from flask_chest.exporter import Exporter
from flask_chest.record import RecordData
from flask_chest.testing.forked import Child
from flask_chest.testing.moments import Moments
from flask_chest.testing.records import make_batch, make_record

_RECORDS: Final = 4


def text_of(record_id: str) -> str:
    """Return the text of the record with this ID. Two fill a buffer, and compression keeps them."""
    return random.Random(record_id).randbytes(2_000).hex()  # noqa: S311 - no secret


def some_records(exporter: Exporter) -> list[RecordData]:
    """Return new records for one batch of an exporter, each with its `text_of`."""
    number = min(_RECORDS, exporter.batching.max_records or _RECORDS)
    records = [make_record() for _ in range(number)]
    for record in records:
        record["variables"] = {"text": text_of(record["id"])}
    return records


class Watched:
    """What an export has done, which a child has watched.

    Args:
        new: Returns a new exporter.
        packages: Of whose modules each line is a moment.
        chance: Chooses among more moments than are wanted.

    Attributes:
        files: Paths of the files that were written.
        seconds: How long it took.

    Raises:
        ChestError: It failed.
    """

    def __init__(
        self, new: Callable[[], Exporter], packages: Collection[str], chance: random.Random
    ) -> None:
        self._new = new
        self._packages = packages
        self._chance = chance
        self._import_all()
        found = Child(self._watch).wait()
        if "fault" in found:
            raise ChestError(f"an export that nothing interrupts fails: {found['fault']}")
        self._moments: list[tuple[bool, bool]] = found["moments"]
        self.files: list[str] = found["files"]
        self.seconds: float = found["seconds"]

    def moments(self, most: int) -> list[int]:
        """Return the numbers of all moments, or of as many as are wanted."""
        calls = [number for number, (is_call, _) in enumerate(self._moments) if is_call]
        lines = [number for number, (is_call, _) in enumerate(self._moments) if not is_call]
        chosen = self._some(calls, most - min(most // 3, len(lines)))
        return sorted([*chosen, *self._some(lines, most - len(chosen))])

    def failures(self, most: int) -> list[int]:
        """Return the numbers of calls, among those that may fail, or of as many as are wanted."""
        return self._some(range(sum(may_fail for _, may_fail in self._moments)), most)

    def _import_all(self) -> None:
        """Import here what an export imports, so that no child does it again."""

        def used(_: object) -> list[str]:
            self._new().preload()
            self._export()
            return list(sys.modules)

        names = Child(used).wait()
        for name in names if isinstance(names, list) else ():
            if name not in sys.modules:
                with suppress(Exception):  # some can be imported by another only
                    importlib.import_module(name)

    def _watch(self, _: object) -> dict[str, Any]:
        moments: list[tuple[bool, bool]] = []
        files: set[str] = set()

        def note(event: str, arguments: tuple[Any, ...]) -> None:
            is_written = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
            if (is_written or event == "sqlite3.connect") and isinstance(
                arguments[0], (str, bytes)
            ):
                files.add(os.path.realpath(os.fsdecode(arguments[0])))

        sys.addaudithook(note)
        began = time.monotonic()
        noticed = Moments(
            lambda each: moments.append((each.is_call, each.may_fail)), self._packages
        )
        self._export(noticed)
        seconds = time.monotonic() - began
        return {"moments": moments, "files": sorted(files), "seconds": seconds}

    def _export(self, around: AbstractContextManager[object] | None = None) -> None:
        exporter, batch = self._new(), make_batch(*some_records(self._new()))
        with around or nullcontext():
            exporter.open()
            exporter.export(batch)
        exporter.close()

    def _some(self, numbers: Sequence[int], most: int) -> list[int]:
        """Return some of these, from all parts alike."""
        if len(numbers) <= most:
            return list(numbers)
        if most < 1:
            return []
        step = len(numbers) / most
        return [numbers[int((part + self._chance.random()) * step)] for part in range(most)]


def size_of(path: str) -> int:
    """Return how many bytes a file has; 0 when it is not there."""
    try:
        return os.path.getsize(path)  # noqa: PTH202 - a text
    except OSError:  # renamed, or deleted
        return 0
