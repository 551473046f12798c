"""The rows of a bucket, packed into few pages. One row of a database for each would take longer."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from flask_chest.rollup.rows import Row

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BII")
_MOST_BYTES: Final = 48_000
"""Of a page with more than one row."""

_BYTES_OF_A_ROW: Final = 29
"""Of its numbers and of the end of its key."""


def pack_rows(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the pages of the rows of a bucket, the same for the same rows."""
    some: list[Row] = []
    size = 0
    for row in rows:
        more = _BYTES_OF_A_ROW + len(row.key or "") + len(row.payload)
        if some and size + more > _MOST_BYTES:
            yield _packed(some)
            some, size = [], 0
        some.append(row)
        size += more
    if some:
        yield _packed(some)


def _packed(rows: Sequence[Row]) -> bytes:
    keys, records, weights, errors, payloads = zip(*rows, strict=True)
    texts = "\n".join(key or "" for key in keys).encode("ascii")  # JSON has no line ends within
    count = len(rows)
    return b"".join(
        (
            _HEAD.pack(_VERSION, count, len(texts)),
            struct.pack(f"<{count}q", *records),
            struct.pack(f"<{2 * count}d", *weights, *errors),
            struct.pack(f"<{count}I", *map(len, payloads)),
            texts,
            *payloads,
        )
    )


def unpack_rows(page: bytes) -> list[Row]:
    """Return the rows of a page.

    Raises:
        ValueError: It is no page.
    """
    try:
        version, count, size = _HEAD.unpack_from(page)
        if version != _VERSION:
            raise ValueError(f"a page of rows has the version {version}")
        numbers = struct.unpack_from(f"<{count}q{2 * count}d{count}I", page, _HEAD.size)
    except struct.error as error:
        raise ValueError(f"this is no page of rows: {error}") from None
    at = _HEAD.size + 28 * count
    texts = page[at : at + size].decode("ascii").split("\n")
    ends = list(accumulate(numbers[3 * count :], initial=at + size))
    if len(texts) != count or ends[-1] != len(page):
        raise ValueError("this is no page of rows: it was cut")
    return [
        Row(text or None, records, weight, errors, page[begin:end])
        for text, records, weight, errors, begin, end in zip(
            texts,
            numbers[:count],
            numbers[count : 2 * count],
            numbers[2 * count : 3 * count],
            ends,
            ends[1:],
            strict=False,
        )
    ]
