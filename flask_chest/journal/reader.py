"""Reads the journal on disk for one exporter: its cursor, its lease, its dead letters."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from flask_chest.journal.backlog import Backlog
from flask_chest.journal.chunk import Chunk, Part, with_token
from flask_chest.journal.cursor import Cursor
from flask_chest.journal.dead_letters import DeadLetters
from flask_chest.journal.files import Syncer
from flask_chest.journal.interface import DeadLetter, Reader, Rejections, SegmentsUnreadable
from flask_chest.journal.joining import Room, join
from flask_chest.journal.locks import LockFile
from flask_chest.journal.rejections import rejections
from flask_chest.journal.segment import Segment, segments

if TYPE_CHECKING:
    from flask_chest.journal.cursor import FixedBatch
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.line_counts import LineCounts
    from flask_chest.journal.quarantine import Quarantine
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class DiskReader(Reader):
    """Reads the journal on disk for one exporter.

    Args:
        layout: The journal's folders.
        exporter: Names the files, so it has only letters, digits, ``_`` and ``-``.
        quarantine: Takes what cannot be read.
        max_dead_letters: Most bytes of dead letters.
        sync: Whether the disk must have a dead letter before the cursor passes its record, and a
            fixed batch before its first attempt.
        lines: Count the records of segments, and those among the dead letters.
    """

    def __init__(
        self,
        layout: Layout,
        exporter: str,
        *,
        quarantine: Quarantine,
        max_dead_letters: int,
        sync: bool,
        lines: tuple[LineCounts, LineCounts],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._exporter = exporter
        self._layout = layout
        self._segments = layout.segments
        self._cursor = Cursor(
            layout.cursors, exporter, layout.segments, sync=sync, throttle=throttle
        )
        self._dead_letters = DeadLetters(layout.dead_letters, exporter, Syncer() if sync else None)
        self._max_dead_letters = max_dead_letters
        self._backlog = Backlog(layout, self._cursor, lines[0])
        self._dead_letter_lines = lines[1]
        self._rejections = Rejections()  # those found last
        self._lease = self._new_lease()
        self._quarantine = quarantine
        self._counters = counters
        self._throttle = throttle
        self._blocked: set[str] = set()  # segments, until the next call of `chunks`

    def _new_lease(self) -> LockFile:
        return LockFile(self._layout.cursors, f"{self._exporter}.lock")

    def load(self) -> dict[str, int]:
        """Return the cursor: the offset up to which the exporter has each segment.

        Raises:
            OSError: The file is there, but cannot be read.
        """
        return self._cursor.load()

    @contextlib.contextmanager
    def lease(self) -> Iterator[bool]:
        """Hold the lock that keeps two processes from delivering the same records at once."""
        lease = self._lease  # `break_lease` replaces it
        self._layout.refresh()
        try:
            held = lease.acquire()
        except FileNotFoundError:
            if self._layout.is_there():
                raise
            held = True  # there is no journal yet, so nothing waits, and nobody else can deliver
        try:
            if held:
                self._cursor.refresh(self._names())
            yield held
        finally:
            if held:
                lease.release()

    def _names(self) -> set[str]:
        return {segment.name for segment in segments(self._segments)}

    def break_lease(self) -> None:
        """Release the lock in the name of the thread that holds it."""
        lease, self._lease = self._lease, self._new_lease()
        lease.release()

    def chunks(
        self, max_records: int, max_bytes: int, *, min_records: int = 1, fixed: bool = False
    ) -> Iterator[Chunk]:
        """Yield what waits at this moment, first what was fixed before."""
        self._blocked = set()
        errors: list[OSError] = []
        yield from self._fixed_before(errors)
        room = Room(max_records, max_bytes)
        waiting = self._waiting(room, errors)
        chunks = join(waiting, room, min_records=min_records, is_blocked=self.is_blocked)
        # Not in a loop, of which the variable would hold a large chunk while the next is made.
        yield from filter(None, map(self._fix if fixed else self._pass_blanks, chunks))
        if errors:
            raise SegmentsUnreadable(errors[0].errno, str(errors[0])) from errors[0]

    def _waiting(self, room: Room, errors: list[OSError]) -> Iterator[Chunk]:
        """Yield what each segment has, without what is blocked."""
        for segment in segments(self._segments):
            if segment.name in self._blocked:
                continue
            try:
                end = segment.size()
                at = segment.start(self._cursor.offsets.get(segment.name, 0), end)
                # Half a line may remain: it is being written, or its writer was killed.
                for raw, lines, blanks in segment.chunks(at, end, room):
                    part = Part(segment.name, at, at + len(raw))
                    yield Chunk(raw, lines - blanks, blanks, (part,))
                    at = part.end
            except FileNotFoundError:
                continue  # somebody deleted it
            except OSError as error:
                self._cannot_read(segment, error, errors)

    def _cannot_read(self, segment: Segment, error: OSError, errors: list[OSError]) -> None:
        errors.append(error)
        self._quarantine.move_if_unreadable(segment, error)

    def _pass_blanks(self, chunk: Chunk) -> Chunk | None:
        """Acknowledge a chunk of which all was erased; return any other."""
        if chunk.count:
            return chunk
        self.acknowledge(chunk)
        return None

    def _fix(self, chunk: Chunk) -> Chunk | None:
        if self._pass_blanks(chunk) is None:
            return None
        fixed = with_token(chunk)
        self._cursor.fix(fixed)
        return fixed

    def _fixed_before(self, errors: list[OSError]) -> Iterator[Chunk]:
        """Yield the batches that were fixed and not acknowledged, as they were."""
        for batch in tuple(self._cursor.fixed):
            if self._blocked.isdisjoint(part.segment for part in batch.parts):
                chunk = self._again(batch, errors)
                if chunk is not None and chunk.count:
                    yield chunk
                elif chunk is not None:
                    self.acknowledge(chunk)
            if batch in self._cursor.fixed:  # nothing may overtake it
                self._blocked.update(part.segment for part in batch.parts)

    def _again(self, batch: FixedBatch, errors: list[OSError]) -> Chunk | None:
        """Return what is left of a fixed batch; None when nothing is, or it cannot be read now."""
        pieces = []
        parts = []
        for part in batch.parts:
            segment = Segment(self._segments, part.segment)
            try:
                piece = segment.between(part.start, part.end)
            except FileNotFoundError:
                continue  # somebody deleted it
            except OSError as error:
                self._cannot_read(segment, error, errors)
                return None
            if piece:
                pieces.append(piece)
                parts.append(Part(part.segment, part.start, part.start + len(piece)))
        left = tuple(parts)
        if left != batch.parts:
            self._cursor.replace(batch, left)
        return Chunk.of(b"".join(pieces), left, batch.token) if left else None

    def halve(self, chunk: Chunk) -> tuple[Chunk, Chunk]:
        """Split a chunk in two, on the disk as well when it is fixed."""
        first, second = chunk.halves()
        if chunk.token:
            first, second = with_token(first), with_token(second)
            self._cursor.split(chunk, (first, second))
        return first, second

    def acknowledge(self, chunk: Chunk) -> None:
        """Store the new offsets."""
        if not self._cursor.offsets.keys() >= chunk.segments:
            with contextlib.suppress(OSError):
                self._cursor.forget_deleted(self._names())
        self._cursor.passed(chunk)

    def block(self, chunk: Chunk) -> None:
        """Pass over the segments of a chunk until the next call of `chunks`."""
        self._blocked.update(chunk.segments)

    def is_blocked(self, chunk: Chunk) -> bool:
        """Return whether a segment of the chunk is passed over."""
        return not self._blocked.isdisjoint(chunk.segments)

    def dead_letter(self, line: bytes, error: Exception) -> None:
        """Append the record and the error to the dead letters of this exporter."""
        letters = self._dead_letters
        if letters.size() >= self._max_dead_letters:
            self._counters.add(f"dropped {self._exporter}", "dead_letters_full")
            self._throttle.log(
                logging.ERROR,
                f"dead letters {self._exporter}",
                f"Refused records are lost ({{number}}): {letters.path} has reached "
                f"{self._max_dead_letters} bytes. Look into it with `flask chest dead-letter`, and "
                "retry or drop them",
                number=1,
            )
            return
        letters.add(line, error)
        try:
            letters.sync()
        except OSError as fault:
            self._throttle.log(
                logging.ERROR,
                f"sync {self._exporter}",
                f"{letters.path} may lose records when the power fails: {fault}",
                fault,
            )

    def quarantine(self, chunk: Chunk, reason: str) -> None:
        """Keep a line that is no record in `damaged/`."""
        place = chunk.place()
        self._quarantine.keep_line(place.segment, place.start, chunk.lines, reason)
        self._counters.add(f"dropped {self._exporter}", "malformed")

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters of this exporter, oldest first."""
        self._layout.refresh()
        return iter(self._dead_letters)

    def newest_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the newest dead letters of this exporter, the newest first."""
        self._layout.refresh()
        return self._dead_letters.newest(limit)

    def drop_dead_letters(self, ids: Collection[str]) -> int:
        """Remove dead letters by their IDs, all of them at once."""
        meant = frozenset(ids)
        return self.remove_dead_letters(lambda letter: letter.id in meant)

    def renew_dead_letters(self, errors: Mapping[str, Exception]) -> int:
        """Replace the errors of dead letters by their IDs, all of them at once."""
        self._dead_letters.clean()
        return self._dead_letters.renew(errors)

    def remove_dead_letters(self, is_meant: Callable[[DeadLetter], bool]) -> int:
        """Remove some, all of them at once, and what a killed process left of such a removal.

        Returns:
            How many there were.

        Raises:
            OSError: They cannot be removed. All of them are still there.
        """
        self._dead_letters.clean()
        return self._dead_letters.remove(is_meant)

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and for how many seconds the oldest record has waited."""
        return self._backlog.pending()

    def pending_records(self) -> int:
        """Return how many records wait."""
        return self._backlog.pending_records()

    def has_all(self) -> bool:
        """Return whether nothing waits for certain."""
        return self._backlog.is_empty()

    def rejections(self) -> Rejections:
        """Return what is dead-lettered now."""
        with contextlib.suppress(OSError):
            self._layout.refresh()
            self._rejections = rejections(
                self._layout.dead_letters, self._dead_letters.path.name, self._dead_letter_lines
            )
        return self._rejections

    def after_fork(self) -> None:
        """Leave the lease to the parent."""
        self._lease.after_fork()
        self._dead_letters.after_fork()
        self._cursor.after_fork()
