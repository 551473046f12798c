"""`TallyQuery`: a tally as a query of SQL, and its rows as groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    case,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.types import NullType

from flask_chest.query.fold import scalar_of
from flask_chest.query.nodes import Field, Operand
from flask_chest.query.questions import Scalar, Spread, Sums, Tally, TallyRow
from flask_chest_sql import decode
from flask_chest_sql.compiler import Compiler
from flask_chest_sql.expressions import Expressions
from flask_chest_sql.selecting import conditions

_DECODED_AT_ONCE: Final = 200


class _Key(NamedTuple):
    """One of what the records are grouped by.

    Attributes:
        columns: Make the groups.
        decode: Makes the value of their values.
        as_they_are: Types whose values are not decoded; of a single column.
    """

    columns: Sequence[ColumnElement[Any]]
    decode: Callable[[Sequence[Any]], Any]
    as_they_are: frozenset[type] = frozenset()

    def values(self, columns: Sequence[Sequence[Any]], rows: int) -> Iterable[Any]:
        """Return the values of all rows. Each different one is decoded once.

        Args:
            columns: Those of the rows that this made.
            rows: Number of rows.
        """
        if self.as_they_are and self.as_they_are.issuperset(map(type, columns[0])):
            return columns[0]
        found = list(zip(*columns, strict=True)) if columns else [()] * rows
        known = {each: self.decode(each) for each in set(found)}
        return map(known.__getitem__, found)


_NONE: Final = _Key((), lambda _values: None)
_INTEGERS: Final[frozenset[type]] = frozenset({int, type(None)})
_SCALARS: Final = _INTEGERS | {str}


class TallyQuery:
    """A tally as a query: an inner one computes what each record adds, an outer one sums.

    Args:
        expressions: Of the database.
        asked: The tally.
        readable: Conditions on rows that are records.
        moment: Decodes `started_at`.
    """

    def __init__(
        self,
        expressions: Expressions,
        asked: Tally,
        readable: Sequence[ColumnElement[bool]] = (),
        moment: Callable[[object], Any] = decode.moment,
    ) -> None:
        self._expressions = expressions
        self._compiler = Compiler(expressions)
        self._asked = asked
        self._moment = moment
        self._where = [*readable, *conditions(expressions, asked)]
        seconds = asked.slot_seconds
        self._slot = (
            _NONE if seconds is None else _Key([expressions.slot(seconds)], _integer, _INTEGERS)
        )
        self._by = [self._key(operand) for operand in asked.by]
        self._spread = _NONE if asked.spread is None else self._spread_key(asked.spread)
        self._keys = [self._slot, *self._by, self._spread]
        self._numbers = [self._number(operand) for operand in asked.numbers]

    # -- The query ---------------------------------------------------------------------------------

    def statement(self) -> Select[Any]:
        """Return the query."""
        rows = self._expressions.rows(self._inner())
        groups = [rows.c[name] for name in self._key_names()]
        sums: list[ColumnElement[Any]] = [
            func.count(),
            func.sum(rows.c.weight),
            func.sum(rows.c.errors),
        ]
        for index in range(len(self._numbers)):
            sums += self._sums_of(rows.c[f"number_{index}"], rows.c.weight)
        named = [column.label(f"sum_{index}") for index, column in enumerate(sums)]
        return select(*groups, *named).select_from(rows).group_by(*groups)

    def _sums_of(
        self, number: ColumnElement[Any], weight: ColumnElement[Any]
    ) -> list[ColumnElement[Any]]:
        return [
            func.sum(case((number.is_not(None), weight))),
            self._expressions.total(number, weight),
            func.min(number),
            func.max(number),
        ]

    def _inner(self) -> Select[Any]:
        records = self._expressions.tables.records.c
        is_error = or_(records.error.is_not(None), records.status_code >= 500)
        columns = [column for key in self._keys for column in key.columns]
        found = select(
            *(c.label(name) for c, name in zip(columns, self._key_names(), strict=True)),
            *(column.label(f"number_{index}") for index, column in enumerate(self._numbers)),
            records.weight.label("weight"),
            case((is_error, records.weight), else_=literal(0.0, Float(53))).label("errors"),
        ).where(*self._where)
        return self._expressions.chosen(found, self._asked)

    def _key_names(self) -> list[str]:
        return [f"key_{index}" for index in range(sum(len(key.columns) for key in self._keys))]

    def _key(self, operand: Operand) -> _Key:
        if isinstance(operand, Field):
            column = self._compiler.column(operand)
            if operand.type == "text":
                column = self._expressions.field_text(column)
            return _Key([column], _scalar, _SCALARS)
        return _Key(self._expressions.group(operand.path), self._expressions.scalar)

    def _spread_key(self, spread: Spread) -> _Key:
        operand = spread.operand
        if spread.as_bins:
            number = self._number(operand)
            self._where.append(number.is_not(None))
            return _Key([self._expressions.bin(number)], _integer, _INTEGERS)
        self._where.append(self._compiler.has_value(operand))
        if isinstance(operand, Field) and operand.type == "time":
            raw = type_coerce(self._compiler.column(operand), NullType())
            return _Key([raw], lambda values: self._moment(values[0]))
        return self._key(operand)

    def _number(self, operand: Operand) -> ColumnElement[Any]:
        """Return an operand where it is a number, else NULL."""
        if isinstance(operand, Field):
            return self._compiler.column(operand) if operand.type == "number" else null()
        return self._expressions.number(operand.path)

    # -- Its rows ----------------------------------------------------------------------------------

    def groups(self, rows: Iterable[Sequence[Any]]) -> Iterator[TallyRow]:
        """Yield the groups that the rows of the query are."""
        left = iter(rows)
        while some := list(islice(left, _DECODED_AT_ONCE)):
            yield from self._groups(some)

    def _groups(self, rows: Sequence[Sequence[Any]]) -> Iterator[TallyRow]:
        """Yield the same of some rows: a column at a time, which takes half of the time."""
        columns = iter(list(zip(*rows, strict=True)))
        slots, *by, spreads = [
            key.values(list(islice(columns, len(key.columns))), len(rows)) for key in self._keys
        ]
        keys = zip(*by, strict=True) if by else repeat((), len(rows))
        records, weights, errors, *sums = columns
        numbers = zip(*_sums(sums), strict=True) if sums else repeat((), len(rows))
        all_columns = (
            slots,
            keys,
            spreads,
            records,
            map(_float, weights),
            map(_float, errors),
            numbers,
        )
        for row in map(TallyRow._make, zip(*all_columns, strict=True)):
            if not row.records:  # without keys, a query that finds nothing has a row, too
                continue
            if row.slot is None and self._slot is not _NONE:  # of a time that there is not
                continue
            if row.spread is None and self._spread is not _NONE:  # of a number that no bin has
                continue
            yield row


def _sums(columns: Sequence[Sequence[Any]]) -> Iterator[Iterator[Sums]]:
    """Yield the sums of each number, one for each row."""
    each = [iter(columns)] * len(Sums._fields)
    for weights, totals, least, most in zip(*each, strict=True):
        yield map(
            Sums,
            map(_float, weights),
            map(_float, totals),
            map(_plain, least),
            map(_plain, most),
        )


def _float(value: Any) -> float:  # noqa: ANN401 - any number of a driver's
    return float(value or 0)


def _integer(values: Sequence[Any]) -> int | None:
    return None if values[0] is None else int(values[0])


def _scalar(values: Sequence[Any]) -> Scalar:
    return scalar_of(_plain(values[0]))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a driver's
    """Return a number of a driver's as one of Python's own."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
