"""Erases records from the journal on disk: in segments, dead letters and damaged parts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

from pydantic_core import from_json

from flask_chest.journal.dead_letters import SUFFIX
from flask_chest.journal.interface import DeadLetter, Erased
from flask_chest.journal.joining import Room
from flask_chest.journal.leases import Leases
from flask_chest.journal.segment import Segment, segments

if TYPE_CHECKING:
    from flask_chest.journal.interface import Matches
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.reader import DiskReader
    from flask_chest.record import RecordData

_READ_RECORDS: Final = 1_000
_READ_BYTES: Final = 1_048_576


@contextlib.contextmanager
def erase(
    layout: Layout,
    followed: Callable[[], Mapping[str, DiskReader]],
    new_reader: Callable[[str], DiskReader],
    matches: Matches,
    *,
    timeout_seconds: float,
    sync: bool,
) -> Iterator[Erased]:
    """Erase records, and let no process deliver in the `with` block.

    Args:
        layout: The journal's folders.
        followed: Returns the readers of the exporters that the journal keeps records for.
        new_reader: Makes the reader of another exporter.
        matches: Says which records are meant.
        timeout_seconds: How long to wait for deliveries that are under way.
        sync: Whether the disk must have it in the end.

    Raises:
        DeliveryBusy: A delivery has not ended in time. Nothing was erased.
        OSError: Something could not be read or written. All else was erased.
    """

    def everybody() -> dict[str, DiskReader]:
        layout.refresh()
        readers = dict(followed())
        for file in layout.dead_letters.names():
            name = file.removesuffix(SUFFIX)
            if name != file and name not in readers:
                readers[name] = new_reader(name)
        return readers

    with Leases(everybody, time.monotonic() + timeout_seconds) as leases:
        leases.take()
        waits_for = leases.readers.keys() & followed().keys()
        erased = Erasure(layout, leases.readers, waits_for, matches, sync=sync).run()
        leases.take()  # those of exporters that came meanwhile: they may have read before
        yield erased


class Erasure:
    """One erasure, by a process that holds the delivery lease of every exporter.

    A segment may be written to at this moment, by a process that knows nothing of this. So a line
    is overwritten in place, by spaces: no byte moves, every cursor stays right, and readers pass
    over a line that begins with a space, as no record does.

    Args:
        layout: The journal's folders.
        readers: Those of all exporters, also of former ones that left dead letters.
        waits_for: Names of the exporters that the journal keeps records for.
        matches: Says which records are meant.
        sync: Whether the disk must have it in the end.
    """

    def __init__(
        self,
        layout: Layout,
        readers: Mapping[str, DiskReader],
        waits_for: Collection[str],
        matches: Matches,
        *,
        sync: bool,
    ) -> None:
        self._layout = layout
        self._readers = readers
        self._waits_for = waits_for
        self._matches = matches
        self._sync = sync
        self._waiting = self._delivered = self._dead_letters = self._quarantined = 0
        self._unreadable = 0
        self._error: OSError | None = None

    def run(self) -> Erased:
        """Erase the records, and return how many there were.

        Raises:
            OSError: Something could not be read or written. All else was erased.
        """
        cursors = [self._readers[name].load() for name in self._waits_for]
        for segment in segments(self._layout.segments):
            reached = min((cursor.get(segment.name, 0) for cursor in cursors), default=0)
            erased = self._erase(segment)
            waiting = sum(offset >= reached for offset in erased)
            self._waiting += waiting
            self._delivered += len(erased) - waiting
        for reader in self._readers.values():
            try:
                self._dead_letters += reader.remove_dead_letters(self._is_meant_letter)
            except OSError as error:
                self._error = self._error or error
        # Last: what was moved here from the segments meanwhile is found here.
        for name in self._layout.damaged.names():
            if not name.endswith(".reason"):
                self._quarantined += len(self._erase(Segment(self._layout.damaged, name)))
        if self._error is not None:
            raise self._error
        return Erased(
            self._waiting,
            self._delivered,
            self._dead_letters,
            self._quarantined,
            self._unreadable,
        )

    def _erase(self, segment: Segment) -> list[int]:
        """Erase the records of one file that are meant, and return where they were."""
        try:
            meant = [each for each in self._lines(segment) if self._is_meant(each[1])]
            if meant:
                segment.blank(meant, sync=self._sync)
        except FileNotFoundError:
            return []  # it was deleted, or moved to the damaged ones
        except OSError as error:
            if segment.is_ours():
                self._error = self._error or error
            else:
                self._unreadable += 1  # somebody else's; no process of ours has written it
            return []
        return [offset for offset, _ in meant]

    def _is_meant_letter(self, letter: DeadLetter) -> bool:
        return self._is_meant(letter.line[:-1])

    def _lines(self, segment: Segment) -> Iterator[tuple[int, bytes]]:
        """Yield the lines, with their offsets; at the end also one that has no line feed yet."""
        offset, size = 0, segment.size()
        for lines, _, _ in segment.chunks(0, size, Room(_READ_RECORDS, _READ_BYTES)):
            for line in lines[:-1].split(b"\n"):
                yield offset, line
                offset += len(line) + 1
        if offset < size:
            yield offset, segment.rest(offset, size)

    def _is_meant(self, line: bytes) -> bool:
        if line[:1] in (b" ", b""):
            return False  # erased before
        try:
            record = from_json(line, cache_strings="keys")
            if isinstance(record, dict):
                return self._matches(cast("RecordData", record))
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # no JSON; or a field is missing or of another type
        self._unreadable += 1
        return False
