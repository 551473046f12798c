"""`Row`: a group of a bucket, as it is stored, and how rows are packed and merged."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias, cast

from flask_chest.query.questions import Scalar, Sums
from flask_chest.query.sketch import Sketch

Key: TypeAlias = tuple[Scalar, ...]


class Row(NamedTuple):
    """A group of records of one bucket.

    Attributes:
        key: The values of the group, a JSON list; None for the rest, which are the smallest groups
            together, beyond the number that is kept.
        records: Number of records that have the operand.
        weight: Their weight.
        errors: Weight of those that failed.
        payload: `Numbers` or `Sketch`, packed.
    """

    key: str | None
    records: int
    weight: float
    errors: float
    payload: bytes


class Numbers(NamedTuple):
    """What is known of the numbers of an operand.

    Attributes:
        sums: Weight, total, least and most.
        bins: Weight by bin.
    """

    sums: Sums
    bins: dict[int, float]


_HEAD: Final = struct.Struct("<BBHdddd")
_VERSION: Final = 1
_WEIGHTS: Final = (("B", 2**8), ("H", 2**16), ("I", 2**32))
"""Forms of weights that are whole numbers, with the first number that is too large."""


def pack(numbers: Numbers) -> bytes:
    """Return numbers as bytes, the same for the same numbers."""
    bins = sorted(numbers.bins)
    weights = [numbers.bins[number] for number in bins]
    form = "d"
    if all(weight.is_integer() and weight >= 0 for weight in weights):
        largest = max(weights, default=0.0)
        form = next((form for form, bound in _WEIGHTS if largest < bound), "d")
    weight, total, least, most = numbers.sums
    head = _HEAD.pack(_VERSION, ord(form), len(bins), weight, total, least or 0.0, most or 0.0)
    packed = weights if form == "d" else map(int, weights)
    return head + _body(form, len(bins)).pack(*bins, *packed)


def unpack(payload: bytes) -> Numbers:
    """Return the numbers that `pack` made the bytes of.

    Raises:
        ValueError: It made other bytes.
    """
    bins, weights = unpack_bins(payload)
    return Numbers(_head(payload)[2], dict(zip(bins, map(float, weights), strict=True)))


def unpack_bins(payload: bytes) -> tuple[Sequence[int], Sequence[float]]:
    """Return the bins of packed numbers, and the weight of each.

    Raises:
        ValueError: These are no packed numbers.
    """
    form, count, _sums = _head(payload)
    try:
        values = _body(form, count).unpack_from(payload, _HEAD.size)
    except struct.error as error:
        raise ValueError(f"these are no packed numbers: {error}") from None
    return values[:count], values[count:]


@lru_cache(maxsize=1_024)
def _body(form: str, count: int) -> struct.Struct:
    """Return the layout of the bins. Most have few."""
    return struct.Struct(f"<{count}h{count}{form}")


def unpack_sums(payload: bytes) -> Sums:
    """Return the sums of packed numbers, without their bins, which take longer.

    Raises:
        ValueError: These are no packed numbers.
    """
    return _head(payload)[2]


def _head(payload: bytes) -> tuple[str, int, Sums]:
    try:
        version, form, count, weight, total, least, most = _HEAD.unpack_from(payload)
    except struct.error as error:
        raise ValueError(f"these are no packed numbers: {error}") from None
    if version != _VERSION:
        raise ValueError(f"packed numbers have the version {version}")
    if not count:
        return chr(form), count, Sums(weight, total, None, None)
    return chr(form), count, Sums(weight, total, least, most)


def exact_sum(numbers: Iterable[float]) -> float:
    """Return the sum of numbers, rounded once; one that is too large is infinite."""
    numbers = list(numbers)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)


def encode_key(key: Key) -> str:
    """Return the values of a group as a JSON list. It is ASCII, for every database."""
    return json.dumps(key, separators=(",", ":"))


def decode_key(key: str) -> Key:
    """Return the values of a group."""
    return cast("Key", tuple(json.loads(key)))


def add_numbers(found: Iterable[Numbers]) -> Numbers:
    """Return several numbers together, in their order."""
    bins: dict[int, float] = {}
    sums = []
    for each in found:
        sums.append(each.sums)
        for number, weight in each.bins.items():
            bins[number] = bins.get(number, 0.0) + weight
    return Numbers(
        Sums(
            exact_sum(each.weight for each in sums),
            exact_sum(each.total for each in sums),
            min((each.least for each in sums if each.least is not None), default=None),
            max((each.most for each in sums if each.most is not None), default=None),
        ),
        bins,
    )


def merge(rows: Sequence[Row], key: str | None, *, are_sketches: bool) -> Row:
    """Return one row for several, in their order.

    Args:
        rows: At least one.
        key: Of the new row.
        are_sketches: What their payloads are.
    """
    if len(rows) == 1:
        return rows[0]._replace(key=key)
    if are_sketches:
        sketch = Sketch.unpack(rows[0].payload)
        for row in rows[1:]:
            sketch.merge(Sketch.unpack(row.payload))
        payload = sketch.pack()
    else:
        payload = pack(add_numbers(unpack(row.payload) for row in rows))
    return Row(
        key,
        sum(row.records for row in rows),
        exact_sum(row.weight for row in rows),
        exact_sum(row.errors for row in rows),
        payload,
    )


def merged(rows: Iterable[Row], *, are_sketches: bool) -> list[Row]:
    """Return one row for each key, in the order of the keys, the rest last."""
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key, []).append(row)
    return [merge(groups[key], key, are_sketches=are_sketches) for key in sorted(groups, key=_rank)]


def _rank(key: str | None) -> tuple[bool, str]:
    return key is None, key or ""


def capped(rows: Sequence[Row], most: int, *, are_sketches: bool) -> list[Row]:
    """Return at most so many groups: the largest, and the rest as one.

    Args:
        rows: One for each key, in the order of the keys; at most one of them is the rest.
        most: Number of groups beside the rest.
        are_sketches: What their payloads are.
    """
    groups = [row for row in rows if row.key is not None]
    if len(groups) <= most:
        return list(rows)
    largest = {
        row.key for row in sorted(groups, key=lambda row: (-row.records, row.key or ""))[:most]
    }
    kept = [row for row in groups if row.key in largest]
    others = [row for row in rows if row.key is None or row.key not in largest]
    return [*kept, merge(others, None, are_sketches=are_sketches)]
