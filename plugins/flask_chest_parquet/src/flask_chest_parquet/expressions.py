"""What DuckDB makes of a record's values: a column for each type that a value may have."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from flask_chest_sql import Tables
from flask_chest_sql.compiler import OPERATORS
from flask_chest_sql.exact import Comparison, with_floats, with_integers
from flask_chest_sql.expressions import Expressions, Path
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Double,
    Integer,
    Select,
    Text,
    case,
    column,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy import cast as sql_cast

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.nodes import kind
from flask_chest.query.questions import LIST, OBJECT, Scalar
from flask_chest_parquet.windows import Window

RECORDS: Final = "chest_records"
"""The table that statements read: `queries` says what it is."""

OTHER_KINDS: Final = ("null", "dict", "list")
"""What the column for all else may say."""

_SCALARS: Final[Mapping[str | None, Scalar]] = {
    None: None,
    "null": None,
    "dict": OBJECT,
    "list": LIST,
    "true": True,
    "false": False,
}
_Same: TypeAlias = tuple[Comparison, Any] | bool
"""A comparison that DuckDB makes exactly; or whether all numbers of its type satisfy it."""

_DAY_SECONDS: Final = 86_400
_YEAR_1_SECONDS: Final = 62_135_596_800
"""From the beginning of the year 1 until 1970."""


class Values(NamedTuple):
    """The columns of one value. At most one of them is not NULL.

    Attributes:
        text: If it is a text.
        integer: If it is an integer of 64 bits.
        real: If it is any other number.
        boolean: If it is a bool.
        other: One of `OTHER_KINDS`, if it is that.
    """

    text: ColumnElement[Any]
    integer: ColumnElement[Any]
    real: ColumnElement[Any]
    boolean: ColumnElement[Any]
    other: ColumnElement[Any]

    @classmethod
    def numbered(cls, number: int) -> Values:
        """Return the columns of the value that has a number."""
        text, integer, real, boolean, other = names_of(number)
        return cls(
            column(text, Text()),
            column(integer, BigInteger()),
            column(real, Double()),
            column(boolean, Boolean()),
            column(other, Text()),
        )


def names_of(number: int) -> list[str]:
    """Return the names of the columns of a value, in the order of `Values`."""
    return [f"{letter}{number}" for letter in "tnrbo"]


def with_microseconds(statement: Select[Any]) -> Select[Any]:
    """Return the statement of a tally whose spread is a time, with microseconds in its place.

    To give Python a time with its zone, DuckDB needs one more package.
    """
    rows = statement.subquery()
    spread = [each.name for each in rows.c if each.name.startswith("key_")][-1]
    return select(
        *(func.epoch_us(each).label(spread) if each.name == spread else each for each in rows.c)
    )


@functools.cache  # a half of the time in which a statement is made
def tables() -> Tables:
    """Return the table that statements read."""
    return Tables(uuid=Text(), timestamp=DateTime(timezone=True), json=Text(), prefix="chest_")


class LakeExpressions(Expressions):
    """The dialect of DuckDB, over a table in which each value of a variable has its `Values`.

    Texts are compared by the bytes of UTF-8, so by their code points. Integers and floats have
    columns of their own, so that both are compared exactly.

    Attributes:
        paths: The values that were asked for. The place of each is its number.
    """

    def __init__(self) -> None:
        super().__init__(tables())
        self.paths: list[Path] = []

    def values(self, path: Path) -> Values:
        """Return the columns of a value, which `paths` has from now on."""
        if path not in self.paths:
            self.paths.append(path)
        return Values.numbered(self.paths.index(path))

    def within(self, window: Window) -> list[ColumnElement[bool]]:
        """Return the conditions that a record has started in a range of time."""
        started_at = self.tables.records.c.started_at
        return [started_at >= _moment(window.begin), started_at < _moment(window.end)]

    # -- Values of variables -----------------------------------------------------------------------

    def kind(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        values = self.values(path)
        of = {"text": values.text, "bool": values.boolean}
        return case(
            *((each.is_not(None), literal_column(f"'{name}'")) for name, each in of.items()),
            (self._is_number(values), literal_column("'number'")),
            else_=values.other,
        )

    def is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        """See `Expressions`. DuckDB reads only the columns that a condition names."""
        values = self.values(path)
        found: list[ColumnElement[bool]] = []
        for each in kinds:
            if each == "text":
                found.append(values.text.is_not(None))
            elif each == "number":
                found.append(self._is_number(values))
            elif each == "bool":
                found.append(values.boolean.is_not(None))
        if others := [f"'{each}'" for each in kinds if each in OTHER_KINDS]:
            # Not NULL, as it may be negated.
            other = func.coalesce(values.other, literal_column("''"))
            found.append(other.in_(list(map(literal_column, others))))
        return or_(*found)

    def is_there(self, path: Path) -> ColumnElement[bool]:
        """See `Expressions`."""
        return or_(*(each.is_not(None) for each in self.values(path)))

    def text(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        return self.values(path).text

    def number(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        values = self.values(path)
        return func.coalesce(values.real, sql_cast(values.integer, Double()), type_=Double())

    def exact_numbers(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """See `Expressions`. Integers decide between numbers that are the same float."""
        values = self.values(path)
        rounded: ColumnElement[Any] = func.try_cast(values.real.op("AS")(literal_column("BIGINT")))
        return [self.number(path), func.coalesce(values.integer, rounded)]

    def boolean(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        return sql_cast(self.values(path).boolean, Integer())

    @staticmethod
    def _is_number(values: Values) -> ColumnElement[bool]:
        return or_(values.integer.is_not(None), values.real.is_not(None))

    # -- Comparisons -------------------------------------------------------------------------------

    def compares(self, path: Path, operator: Comparison, value: float) -> ColumnElement[bool]:
        """See `Expressions`."""
        values = self.values(path)
        return or_(
            _compares(values.integer, with_integers(operator, value)),
            _compares(values.real, with_floats(operator, value)),
        )

    def equals(self, path: Path, values: Sequence[str | float]) -> ColumnElement[bool]:
        """See `Expressions`."""
        of, columns = kind(values[0]), self.values(path)
        if of == "text":
            return columns.text.in_([literal(value, Text()) for value in values])
        if of == "bool":
            return columns.boolean.in_([bool(value) for value in sorted(set(values))])
        numbers = cast("Sequence[float]", values)
        integers = _is_one_of(columns.integer, [with_integers("==", each) for each in numbers])
        reals = _is_one_of(columns.real, [with_floats("==", each) for each in numbers])
        # Not by OR, which is NULL for a number that is none of them, and may be negated.
        return case((columns.integer.is_not(None), integers), else_=reals)

    def field_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Expressions`."""
        return type_coerce(column, Text())

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.contains(text, literal(part, Text()))

    def starts_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.starts_with(text, literal(part, Text()))

    def ends_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.suffix(text, literal(part, Text()))

    # -- Groups ------------------------------------------------------------------------------------

    def group(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """See `Expressions`."""
        values = self.values(path)
        tag = func.coalesce(values.other, sql_cast(values.boolean, Text()))
        return [values.text, values.integer, values.real, tag]

    def scalar(self, columns: Sequence[Any]) -> Scalar:
        """See `Expressions`."""
        text, integer, real, tag = columns
        for found in (text, integer):
            if found is not None:
                return cast("Scalar", found)
        return _SCALARS[tag] if real is None else scalar_of(real)

    def slot(self, seconds: int) -> ColumnElement[int]:
        """See `Expressions`."""
        # A division rounds towards 0, so no number in it may be negative.
        before = -(-_YEAR_1_SECONDS // seconds) * seconds
        if seconds % _DAY_SECONDS:
            number = f"(epoch_us({RECORDS}.started_at) + {before}000000) // {seconds}000000"
        else:  # the day is in the name of the file, and takes no time to read
            days = f"(CAST({RECORDS}.day AS DATE) - DATE '1970-01-01')"
            number = f"({days} + {before // _DAY_SECONDS}) // {seconds // _DAY_SECONDS}"
        return literal_column(f"({number} * {seconds} - {before})", BigInteger())

    def bin(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """See `Expressions`."""

        def of(magnitude: ColumnElement[Any]) -> ColumnElement[int]:
            found = func.floor(func.ln(magnitude) * literal_column(repr(FACTOR)))
            return func.greatest(
                sql_cast(found, Integer()) + literal_column(str(OFFSET)), literal_column("1")
            )

        number = sql_cast(number, Double())
        smallest: ColumnElement[Any] = literal_column(repr(SMALLEST))
        return case(
            (number >= smallest, of(number)),
            (-number >= smallest, -of(-number)),
            (number.is_not(None), literal_column("0")),
        )


def _moment(microseconds: int) -> ColumnElement[Any]:
    return literal_column(f"make_timestamptz({microseconds})")


def _compares(column: ColumnElement[Any], same: _Same) -> ColumnElement[bool]:
    if isinstance(same, bool):
        return column.is_not(None) if same else cast("ColumnElement[bool]", false())
    comparison, value = same
    return OPERATORS[comparison](column, literal(value, column.type))


def _is_one_of(column: ColumnElement[Any], wanted: Sequence[_Same]) -> ColumnElement[bool]:
    values = [literal(each[1], column.type) for each in wanted if not isinstance(each, bool)]
    return column.in_(values) if values else cast("ColumnElement[bool]", false())
