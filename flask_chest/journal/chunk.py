"""`Chunk`: records on their way to one exporter, and where in the journal they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from flask_chest.exporter import Batch


class Part(NamedTuple):
    """Consecutive lines of one segment.

    Attributes:
        segment: Name of the segment.
        start: Where they begin in it, in bytes.
        end: Where they end; the cursor once they are delivered.
    """

    segment: str
    start: int
    end: int


@dataclass(frozen=True)
class Chunk:
    """Records on their way to one exporter: consecutive ones of each of some segments.

    Attributes:
        raw: One record a line, each with its line feed. Lines that were erased are still there,
            blank, so that each byte has its place in a segment.
        count: Number of records.
        blanks: Number of lines that were erased.
        parts: Where `raw` comes from, in order.
        token: Of the first attempt; empty when its borders are not written down.
    """

    raw: bytes
    count: int
    blanks: int
    parts: tuple[Part, ...]
    token: str = ""

    @classmethod
    def of(cls, raw: bytes, parts: tuple[Part, ...], token: str = "") -> Chunk:
        """Return the chunk of these lines, which are counted."""
        blanks = _blanks(raw)
        return cls(raw, raw.count(b"\n") - blanks, blanks, parts, token)

    @property
    def lines(self) -> bytes:
        """The records, without what was erased."""
        if not self.blanks:
            return self.raw
        kept = (line for line in self.raw[:-1].split(b"\n") if not line.startswith(b" "))
        return b"".join(line + b"\n" for line in kept)

    @property
    def segments(self) -> set[str]:
        """Names of the segments that it comes from."""
        return {part.segment for part in self.parts}

    def place(self) -> Part:
        """Return where its first record is."""
        for part, end in zip(self.parts, accumulate(map(_size, self.parts)), strict=True):
            at = begin = end - _size(part)
            while at < end and self.raw.startswith(b" ", at):
                at = self.raw.find(b"\n", at) + 1
            if at < end:
                length = self.raw.find(b"\n", at) + 1 - at
                start = part.start + at - begin
                return Part(part.segment, start, start + length)
        raise ValueError("a chunk without a record has no place")

    def halves(self) -> tuple[Chunk, Chunk]:
        """Split a chunk of several records in two, to be acknowledged one after the other.

        One of several segments is split between two of them: what cannot go on in one segment does
        not hold up another.
        """
        if len(self.parts) > 1:
            ends = list(accumulate(map(_size, self.parts)))[:-1]
            at = min(ends, key=lambda end: abs(2 * end - len(self.raw)))
        else:
            at = self._end_of(self.count // 2)
        return self._split(at)

    def _end_of(self, records: int) -> int:
        """Return where the first so many records end."""
        at = 0
        while records:
            records -= not self.raw.startswith(b" ", at)
            at = self.raw.find(b"\n", at) + 1
        return at

    def _split(self, at: int) -> tuple[Chunk, Chunk]:
        first: list[Part] = []
        second: list[Part] = []
        left = at
        for part in self.parts:
            cut = part.start + min(max(left, 0), _size(part))
            left -= _size(part)
            if cut > part.start:
                first.append(Part(part.segment, part.start, cut))
            if cut < part.end:
                second.append(Part(part.segment, cut, part.end))
        lines = self.raw.count(b"\n", 0, at)
        blanks = _blanks(self.raw[:at]) if self.blanks else 0
        count = lines - blanks
        return (
            Chunk(self.raw[:at], count, blanks, tuple(first)),
            Chunk(self.raw[at:], self.count - count, self.blanks - blanks, tuple(second)),
        )


def with_token(chunk: Chunk) -> Chunk:
    """Return a chunk with the token that follows from its records."""
    return replace(chunk, token=Batch(chunk.lines, chunk.count).token)


def _blanks(raw: bytes) -> int:
    # 0.3 us a line, as often as the first byte is found: not for what is known to have none.
    return raw.count(b"\n ") + raw.startswith(b" ")


def _size(part: Part) -> int:
    return part.end - part.start
