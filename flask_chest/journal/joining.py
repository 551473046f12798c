"""Joins what several segments have into chunks of a wanted size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flask_chest.journal.chunk import Chunk, Part


class Room:
    """How much more a chunk may have. Who reads the next lines for it takes no more than that.

    Args:
        max_lines: Most lines in a chunk, blank ones among them.
        max_bytes: Most bytes in a chunk, unless it has a single line.
    """

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._max_lines = max_lines
        self.max_bytes = max_bytes
        self.empty()

    def empty(self) -> None:
        """Begin the next chunk."""
        self.lines = self._max_lines
        self.bytes = self.max_bytes

    def takes(self, chunk: Chunk) -> bool:
        """Return whether there is room for all of a chunk."""
        return chunk.count + chunk.blanks <= self.lines and len(chunk.raw) <= self.bytes

    def fill(self, chunk: Chunk) -> bool:
        """Note what was put in; return whether there is room for more."""
        self.lines -= chunk.count + chunk.blanks
        self.bytes -= len(chunk.raw)
        return self.lines > 0 and self.bytes > 0


def join(
    chunks: Iterable[Chunk],
    room: Room,
    *,
    min_records: int,
    is_blocked: Callable[[Chunk], bool],
) -> Iterator[Chunk]:
    """Yield chunks that are as large as they may be, except for the last.

    Args:
        chunks: Each fits in what is left of `room` when it is asked for, or has a single line.
        room: Of one chunk.
        min_records: The last chunk is left out when it has fewer records, but some.
        is_blocked: Says, of what is at hand, whether it must wait.
    """
    taken: list[Chunk] = []
    for chunk in chunks:
        if taken and not room.takes(chunk):
            yield _joined(taken)
            room.empty()
        if is_blocked(chunk):
            continue
        taken.append(chunk)
        if not room.fill(chunk):
            yield _joined(taken)
            room.empty()
    records = sum(chunk.count for chunk in taken)
    if taken and (records >= min_records or not records):
        yield _joined(taken)


def _joined(chunks: list[Chunk]) -> Chunk:
    """Return one chunk, and empty the list: the bytes of large batches are not kept twice."""
    if len(chunks) == 1:
        return chunks.pop()
    parts: list[Part] = []
    for part in (part for chunk in chunks for part in chunk.parts):
        if parts and parts[-1].segment == part.segment and parts[-1].end == part.start:
            parts[-1] = Part(part.segment, parts[-1].start, part.end)
        else:
            parts.append(part)
    joined = Chunk(
        b"".join([chunk.raw for chunk in chunks]),
        sum(chunk.count for chunk in chunks),
        sum(chunk.blanks for chunk in chunks),
        tuple(parts),
    )
    chunks.clear()
    return joined
