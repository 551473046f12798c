"""What PostgreSQL makes of a record's values: `jsonb`, texts by code points, exact numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from flask_chest_sql.exact import Comparison
from flask_chest_sql.expressions import Expressions, Path
from sqlalchemy import (
    UUID,
    BigInteger,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal,
    literal_column,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.visitors import iterate

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.questions import LIST, OBJECT
from flask_chest_postgres.encode import loads
from flask_chest_postgres.queries import unestimated

if TYPE_CHECKING:
    from flask_chest_sql import Tables

    from flask_chest.query.questions import Scalar
    from flask_chest.record import JsonValue

_KINDS: Final = {
    "number": "number",
    "text": "string",
    "bool": "boolean",
    "null": "null",
    "dict": "object",
    "list": "array",
}
"""By the name that `Expressions` has for it, the type of a `jsonb`."""

_GROUPS: Final[dict[str, Scalar]] = {"{": OBJECT, "[": LIST}
"""What stands for a dict or a list among the JSON of scalars."""

_OPERATORS: Final[dict[Comparison, str]] = {"==": "=", "!=": "<>"}

_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_GREATEST: Final[ColumnElement[Any]] = literal_column("1.7976931348623158e308")
"""As a `numeric`: what is beyond it is no `float8`, and a cast would fail."""

_SMALLEST: Final[ColumnElement[Any]] = literal_column(repr(SMALLEST))
_FACTOR: Final[ColumnElement[Any]] = literal_column(f"{FACTOR!r}::float8")


class PostgresExpressions(Expressions):
    """The dialect of PostgreSQL.

    A `jsonb` has its numbers as `numeric`, which is exact, and beyond a `float8` where somebody has
    written such a row by hand.

    Args:
        tables: Tables of the database.
        indexed: The values that have an index of their own.
        has_gin: Whether the column of the variables has a GIN index.
    """

    def __init__(
        self, tables: Tables, *, indexed: Collection[Path] = (), has_gin: bool = False
    ) -> None:
        super().__init__(tables)
        self._indexed = frozenset(indexed)
        self._has_gin = has_gin

    # -- Values of variables -----------------------------------------------------------------------

    def value(self, path: Path) -> ColumnElement[Any]:
        """Return a value, a `jsonb`; NULL when it is missing."""
        # Step by step: `#>` takes "0" for the place in a list.
        variables: ColumnElement[Any] = self.tables.records.c.variables
        return reduce(_child, path, variables)

    def kind(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        return func.jsonb_typeof(self.value(path), type_=Text())

    def is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return unestimated(self._is_kind(path, *kinds))

    def _is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        names: list[ColumnElement[Any]] = [literal_column(f"'{_KINDS[each]}'") for each in kinds]
        return self.kind(path) == names[0] if len(names) == 1 else self.kind(path).in_(names)

    def is_there(self, path: Path) -> ColumnElement[bool]:
        """See `Expressions`."""
        return self.value(path).is_not(None)

    def text(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        *parents, name = path
        parent = self.value(tuple(parents))
        return collate(parent.op("->>", return_type=Text())(literal(name, Text())), "C")

    def number(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`. It is exact."""
        return case((self._is_kind(path, "number"), cast(self.value(path), Numeric())))

    def boolean(self, path: Path) -> ColumnElement[Any]:
        """See `Expressions`."""
        return cast(self.value(path) == _json(True), Integer())

    def compares(self, path: Path, operator: Comparison, value: float) -> ColumnElement[bool]:
        """See `Expressions`."""
        found = self.value(path)
        if operator == "==":
            return self.equals(path, [value])
        compared = found.bool_op(_OPERATORS.get(operator, operator))(_json(value))
        return and_(self.is_kind(path, "number"), compared)

    def equals(self, path: Path, values: Sequence[str | float]) -> ColumnElement[bool]:
        """See `Expressions`. As a `jsonb`, a number equals numbers alone, a text texts alone."""
        value, wanted = self.value(path), [_json(each) for each in values]
        found = value == wanted[0] if len(wanted) == 1 else value.in_(wanted)
        if path in self._indexed:
            # Else it would expect so few that it fetched and sorted all instead of the newest:
            # 14 ms for 5,000 records of 1,000,000, and not 0.2 ms.
            return and_(self._has_hash_of_any(path, wanted), unestimated(found))
        return and_(found, self._contains_any(path, values)) if self._has_gin else found

    def _has_hash_of_any(
        self, path: Path, wanted: Sequence[ColumnElement[Any]]
    ) -> ColumnElement[bool]:
        """Return the condition that the index of a variable answers: see `indexes`."""
        found, *hashes = map(_hash, [self.value(path), *wanted])
        return found == hashes[0] if len(hashes) == 1 else found.in_(hashes)

    def _contains_any(self, path: Path, values: Sequence[str | float]) -> ColumnElement[bool]:
        """Return the condition that the GIN index answers, in which a part of a list is enough."""
        variables = self.tables.records.c.variables
        documents = (_json(_nested(path, value)) for value in values)
        return or_(*(variables.bool_op("@>")(document) for document in documents))

    # -- Fields and texts --------------------------------------------------------------------------

    def field_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Expressions`."""
        return collate(cast(column, Text()) if _is_id(column) else column, "C")

    def field_in(self, column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
        """See `Expressions`. The index has the collation of the database."""
        if _is_id(column):
            # A `uuid` is compared with no other text.
            ids = [literal(value, column.type) for value in values if _UUID.fullmatch(value)]
            return column.in_(ids) if ids else false()
        return column.in_([literal(value, Text()) for value in values])

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.strpos(text, literal(part, Text())) > 0

    def starts_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.starts_with(text, literal(part, Text()))

    def ends_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """See `Expressions`."""
        return func.right(text, len(part)) == literal(part, Text())

    # -- Groups ------------------------------------------------------------------------------------

    def group(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """See `Expressions`. Texts make groups in half of the time of a `jsonb`."""
        shorter = (
            (f"'{_KINDS[kind]}'", f"'{sign}'") for kind, sign in (("dict", "{"), ("list", "["))
        )
        return [
            case(
                {literal_column(name): literal_column(sign) for name, sign in shorter},
                value=self.kind(path),
                else_=collate(cast(self.value(path), Text()), "C"),
            )
        ]

    def scalar(self, columns: Sequence[Any]) -> Scalar:
        """See `Expressions`."""
        (document,) = columns
        if document is None or document in _GROUPS:
            return _GROUPS.get(document)
        return scalar_of(loads(document))

    def slot(self, seconds: int) -> ColumnElement[int]:
        """See `Expressions`."""
        # Not `extract`, which gives a `numeric` from version 14 on, and takes a third longer. A
        # double has all microseconds until the year 2514.
        epoch = func.date_part("epoch", self.tables.records.c.started_at, type_=Float(53))
        number = func.floor(epoch / literal_column(str(int(seconds))))
        return cast(number, BigInteger()) * literal_column(str(int(seconds)))

    def bin(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """See `Expressions`. NULL for what is no `float8`, as infinity."""
        size = func.abs(number)
        above = func.floor(func.ln(cast(size, Float(53))) * _FACTOR) + literal_column(str(OFFSET))
        found = func.sign(number) * func.greatest(above, literal_column("1"))
        return cast(
            case((size < _SMALLEST, literal_column("0")), (size <= _GREATEST, found)), Integer()
        )

    def total(self, number: ColumnElement[Any], weight: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Expressions`. A `numeric` has no bound that a sum could reach."""
        if isinstance(number.type, Numeric) and not isinstance(number.type, Float):
            weight = cast(weight, Numeric())
        return func.sum(number * weight)

    def rows(self, statement: Select[Any]) -> FromClause:
        """See `Expressions`.

        An offset keeps the planner from putting the expressions into the outer query, and from
        taking each value of a variable for a group of its own. Where no variable is read, there is
        none, as it bars parallel workers.
        """
        variables = self.tables.records.c.variables
        parts = (part for each in statement.selected_columns for part in iterate(each))
        if any(part is variables for part in parts):
            statement = statement.offset(literal_column("0"))
        return statement.subquery()


def _child(parent: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    return parent.op("->", return_type=JSONB())(literal(name, Text()))


def _nested(path: Path, value: JsonValue) -> JsonValue:
    for name in reversed(path):
        value = {name: value}
    return value


def _json(value: JsonValue) -> ColumnElement[Any]:
    return cast(literal(json.dumps(value, ensure_ascii=False), Text()), JSONB())


def _hash(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.jsonb_hash_extended(value, literal_column("0"), type_=BigInteger())


def _is_id(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, UUID)
