"""Joins what several segments have into chunks of a wanted size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flask_chest.journal.chunk import Chunk, Part


def join(
    chunks: Iterable[Chunk],
    max_lines: int,
    max_bytes: int,
    *,
    min_records: int,
    is_blocked: Callable[[Chunk], bool],
) -> Iterator[Chunk]:
    """Yield chunks that are as large as they may be, except for the last.

    Args:
        chunks: None of them is larger than it may be, unless it has a single line.
        max_lines: Most lines in a chunk, blank ones among them.
        max_bytes: Most bytes in a chunk, unless it has a single line.
        min_records: The last chunk is left out when it has fewer records, but some.
        is_blocked: Says, of what is at hand, whether it must wait.
    """
    taken: list[Chunk] = []
    lines = size = 0
    for chunk in chunks:
        rest: Chunk | None = chunk
        while rest is not None and not is_blocked(rest):
            if taken:
                head, rest = rest.cut(max_lines - lines, max_bytes - size)
            else:
                head, rest = rest, None
            if head is not None:
                taken.append(head)
                lines += head.count + head.blanks
                size += len(head.raw)
            if rest is not None or lines >= max_lines or size >= max_bytes:
                yield _joined(taken)
                lines = size = 0
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
