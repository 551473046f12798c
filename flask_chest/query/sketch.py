"""`Sketch`: about how many different values there are, in 16 KiB at most (HyperLogLog).

With 2**14 registers, the standard error is 0.8 %: 98 of 100 counts are within 2 %. Two sketches are
merged by the larger value of each register. The estimator is that of Otmar Ertl, "New cardinality
estimation algorithms for HyperLogLog sketches" (2017), https://arxiv.org/abs/1702.01284, which
needs no correction tables.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from flask_chest.query.nodes import kind
from flask_chest.query.questions import Scalar

PRECISION: Final = 14
"""The number of registers is 2 to the power of this."""

_REGISTERS: Final = 1 << PRECISION
_RANKS: Final = 64 - PRECISION
_RANK_BITS: Final = 6
_RANK_MASK: Final = (1 << _RANK_BITS) - 1
_MAX_SPARSE: Final = _REGISTERS // 4
"""More registers than this are kept as a whole: each takes 4 bytes alone, and 1 of all."""

_SPARSE: Final = b"\x01"
_DENSE: Final = b"\x02"


def place_of(value: Scalar) -> int:
    """Return what a sketch knows of a value: the number of a register, and what it may raise it to.

    1 equals 1.0, and True equals neither.
    """
    digest = int.from_bytes(blake2b(_encoded(value), digest_size=8).digest(), "big")
    rest = digest & ((1 << _RANKS) - 1)
    return digest >> _RANKS << _RANK_BITS | (_RANKS - rest.bit_length() + 1)


class Sketch:
    """A set of values, of which only an estimate of their number is known."""

    __slots__ = ("_registers",)

    def __init__(self) -> None:
        self._registers: dict[int, int] = {}

    def add(self, value: Scalar) -> None:
        """Add a value. 1 equals 1.0, and True equals neither."""
        self._add([place_of(value)])

    @classmethod
    def of_places(cls, places: Iterable[int]) -> Sketch:
        """Return the sketch of values whose places are known."""
        made = cls()
        made._add(places)
        return made

    def _add(self, places: Iterable[int]) -> None:
        registers = self._registers
        for place in places:
            index, rank = place >> _RANK_BITS, place & _RANK_MASK
            if rank > registers.get(index, 0):
                registers[index] = rank

    def merge(self, other: Sketch) -> None:
        """Add the values of another sketch."""
        mine = self._registers
        for index, rank in other._registers.items():
            if rank > mine.get(index, 0):
                mine[index] = rank

    @property
    def size(self) -> int:
        """How much memory it takes, in values."""
        return len(self._registers)

    def count(self) -> int:
        """Return the estimate."""
        counts = [0] * (_RANKS + 2)
        for rank in self._registers.values():
            counts[rank] += 1
        counts[0] = _REGISTERS - len(self._registers)
        if counts[0] == _REGISTERS:
            return 0
        total = _REGISTERS * _tau(1.0 - counts[_RANKS + 1] / _REGISTERS)
        for rank in range(_RANKS, 0, -1):
            total = 0.5 * (total + counts[rank])
        total += _REGISTERS * _sigma(counts[0] / _REGISTERS)
        return round(_REGISTERS * _REGISTERS / (2 * math.log(2)) / total)

    def pack(self) -> bytes:
        """Return the sketch as bytes, the same for the same values in any order."""
        if len(self._registers) <= _MAX_SPARSE:
            entries = sorted(index << _RANK_BITS | rank for index, rank in self._registers.items())
            return _SPARSE + struct.pack(f"<{len(entries)}I", *entries)
        dense = bytearray(_REGISTERS)
        for index, rank in self._registers.items():
            dense[index] = rank
        return _DENSE + bytes(dense)

    @classmethod
    def unpack(cls, packed: bytes) -> Sketch:
        """Return the sketch that `pack` made the bytes of.

        Raises:
            ValueError: It made other bytes.
        """
        made, form = cls(), packed[:1]
        if form == _SPARSE and len(packed) % 4 == 1:
            entries = struct.unpack(f"<{len(packed) // 4}I", packed[1:])
            made._registers = {entry >> _RANK_BITS: entry & _RANK_MASK for entry in entries}
        elif form == _DENSE and len(packed) == _REGISTERS + 1:
            made._registers = {i: rank for i, rank in enumerate(packed[1:]) if rank}
        else:
            raise ValueError("this is no packed sketch")
        return made


def _encoded(value: Scalar) -> bytes:
    """Return bytes that two values have in common if they are equal, and no others."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{kind(value)}:{json.dumps(value)}".encode()


def _sigma(share: float) -> float:
    if share == 1.0:
        return math.inf
    factor, found = 1.0, share
    while True:
        share *= share
        before = found
        found += share * factor
        factor += factor
        if found == before:
            return found


def _tau(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    factor, found = 1.0, 1.0 - share
    while True:
        share = math.sqrt(share)
        before = found
        factor *= 0.5
        found -= (1.0 - share) ** 2 * factor
        if found == before:
            return found / 3.0
