"""`TallyQuery`: a tally as a query of ClickHouse's SQL, and its columns as groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.nodes import Field, Operand
from flask_chest.query.questions import Spread, Sums, Tally, TallyRow
from flask_chest_clickhouse import values
from flask_chest_clickhouse.conditions import conditions, has_value, where

_MICROSECONDS: Final = 1_000_000
_NO_NUMBER: Final = "CAST(NULL, 'Nullable(Float64)')"


class _Key(NamedTuple):
    """One of what the records are grouped by.

    Attributes:
        expression: Makes the groups; None for one that all records have.
        decode: Makes the value of what it is; None where that is the value.
    """

    expression: str | None = None
    decode: Callable[[Any], Any] | None = None

    def decoded(self, column: Sequence[Any]) -> Iterable[Any]:
        """Return the values of a column. Each different one is decoded once."""
        if self.decode is None:
            return column
        known = {each: self.decode(each) for each in set(column)}
        return map(known.__getitem__, column)


_ALL: Final = _Key()


class TallyQuery:
    """A tally as a query.

    Args:
        source: What it reads, as it stands after FROM.
        asked: The tally.
    """

    def __init__(self, source: str, asked: Tally) -> None:
        self._source = source
        self._where = conditions(asked)
        self._slot = _ALL if asked.slot_seconds is None else _Key(_slot(asked.slot_seconds))
        self._by = list(map(_key, asked.by))
        self._spread = _ALL if asked.spread is None else self._spread_key(asked.spread)
        self._numbers = [_number(operand) for operand in asked.numbers]

    # -- The query ---------------------------------------------------------------------------------

    def statement(self) -> str:
        """Return the query."""
        keys = [
            key.expression
            for key in (self._slot, *self._by, self._spread)
            if key.expression is not None
        ]
        sums = [
            "count()",
            "sum(weight)",
            "sumIf(weight, ifNull(error IS NOT NULL OR status_code >= 500, false))",
        ]
        for number in self._numbers:
            sums += [
                f"sumIf(weight, isNotNull({number}))",
                f"ifNull(sum({number} * weight), 0)",
                f"min({number})",
                f"max({number})",
            ]
        # By their places, as a constant cannot be grouped by.
        places = ", ".join(str(at + 1) for at in range(len(keys)))
        grouped = f" GROUP BY {places}" if keys else ""
        if len(keys) > 1 and self._spread is not _ALL:
            # What is of one group follows each other, so that it becomes one part of an answer.
            grouped += f" ORDER BY {', '.join(str(at + 1) for at in range(len(keys) - 1))}"
        found = ", ".join([*keys, *sums])
        return f"SELECT {found} FROM {self._source}{where(self._where)}{grouped}"

    def _spread_key(self, spread: Spread) -> _Key:
        operand = spread.operand
        if spread.as_bins:
            number = _number(operand)
            self._where.append(f"isNotNull({number})")
            return _Key(_bin(number))
        self._where.append(has_value(operand))
        if operand == Field("started_at"):
            return _Key("toUnixTimestamp64Micro(started_at)", values.moment_of)
        return _key(operand)

    # -- Its rows ----------------------------------------------------------------------------------

    def groups(self, columns: Sequence[Sequence[Any]]) -> Iterator[TallyRow]:
        """Yield the groups that the columns of an answer have: a column at a time is faster."""
        if not columns or not columns[0]:
            return
        rows = len(columns[0])
        left = iter(columns)
        slots, *by, spreads = (
            repeat(None, rows) if key.expression is None else key.decoded(next(left))
            for key in (self._slot, *self._by, self._spread)
        )
        records, weights, errors, *sums = left
        keys: Iterable[Any] = zip(*by, strict=True) if by else repeat((), rows)
        numbers: Iterable[Any] = repeat((), rows)
        if sums:
            numbers = zip(*_sums(sums), strict=True)
        all_columns = (slots, keys, spreads, records, map(float, weights), map(float, errors))
        for row in map(TallyRow._make, zip(*all_columns, numbers, strict=True)):
            if row.records:  # without keys, a query that finds nothing has a row, too
                yield row


def _sums(columns: Sequence[Sequence[Any]]) -> Iterator[Iterator[Sums]]:
    """Yield the sums of each number, one for each row."""
    left = iter(columns)
    while some := list(islice(left, len(Sums._fields))):
        weights, totals, least, most = some
        yield map(
            Sums, map(float, weights), map(float, totals), map(_finite, least), map(_finite, most)
        )


def _finite(value: Any) -> float | None:  # noqa: ANN401 - a number; a text for an infinity
    return float(value) if isinstance(value, str) else value


# -- Expressions -----------------------------------------------------------------------------------


def _key(operand: Operand) -> _Key:
    if not isinstance(operand, Field):
        return _Key(values.group(operand.path), values.scalar)
    if operand.type == "text":
        return _Key(values.field_text(operand))
    return _Key(operand.name, scalar_of)


def _number(operand: Operand) -> str:
    """Return an operand where it is a number, else NULL."""
    if not isinstance(operand, Field):
        return values.number(operand.path)
    return operand.name if operand.type == "number" else _NO_NUMBER


def _slot(seconds: int) -> str:
    """Return the Unix time of the beginning of a slot. A division rounds towards 0."""
    micros = "toUnixTimestamp64Micro(started_at)"
    length = seconds * _MICROSECONDS
    return f"intDiv({micros} - positiveModulo({micros}, {length}), {_MICROSECONDS})"


def _bin(number: str) -> str:
    """Return the bin of a number: see `flask_chest.query.histogram`."""
    size = f"abs(toFloat64({number}))"
    above = f"greatest(toInt32(floor(log({size}) * {FACTOR!r})) + {OFFSET}, 1)"
    return f"if({size} < {SMALLEST!r}, 0, if({number} > 0, {above}, -{above}))"
