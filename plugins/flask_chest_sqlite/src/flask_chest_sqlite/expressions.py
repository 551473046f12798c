"""A record's values as expressions of SQLite."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from flask_chest_sql import Tables
from flask_chest_sql.compiler import OPERATORS
from flask_chest_sql.exact import Comparison
from flask_chest_sql.expressions import Expressions, Path
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    type_coerce,
)

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.questions import LIST, OBJECT, Scalar

_TYPES: Final = {
    "number": ("integer", "real"),
    "text": ("text",),
    "bool": ("true", "false"),
    "null": ("null",),
    "dict": ("object",),
    "list": ("array",),
}
"""Of SQLite's JSON, by our kinds."""

_TAGS: Final[dict[str, tuple[bytes, Scalar]]] = {
    "true": (b"t", True),
    "false": (b"f", False),
    "object": (b"{", OBJECT),
    "array": (b"[", LIST),
}
"""What stands for a value of such a type in a group. No value of JSON is a BLOB itself."""

_SCALARS: Final = dict(_TAGS.values())

_YEAR_1: Final = -62_135_596_800
"""Unix time of the beginning of the year 1."""

_is_plain: Final = re.compile(r'[^\x00-\x1f"\\]+').fullmatch


def document(table: str = "") -> str:
    """Return the variables as SQL; an empty object where they are no JSON.

    SQLite has no types, and one malformed document would end every query that reads it.

    Args:
        table: Its name; empty in the definition of an index, which may not name it.
    """
    column = f"{table}.variables" if table else "variables"
    return f"CASE WHEN json_valid({column}) THEN {column} ELSE '{{}}' END"


def json_path(path: Path) -> str | None:
    """Return a path of SQLite's JSON, as a literal of SQL; None where SQLite has none.

    It is no parameter: an index on an expression serves the same expression alone. Before 3.45, a
    path has no escapes.
    """
    if not all(map(_is_plain, path)):
        return None
    keys = "".join(f'."{key}"' for key in path)
    return "'${}'".format(keys.replace("'", "''"))


class SqliteExpressions(Expressions):
    """SQLite's JSON and text functions.

    Texts are stored in UTF-8 and compared by its bytes, so by their code points. An integer and a
    float are compared exactly: https://sqlite.org/datatype3.html#comparison_expressions

    Args:
        tables: Tables of the file.
    """

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self._document = document(tables.records.name)

    # -- Values of variables -----------------------------------------------------------------------

    def kind(self, path: Path) -> ColumnElement[Any]:
        """Return the type that `json_type` finds; NULL when the value is missing."""
        return self._find("type", path)

    def is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        """Return whether a value is of one of these kinds."""
        types = [name for kind in kinds for name in _TYPES[kind]]
        found = self.kind(path)
        return found == types[0] if len(types) == 1 else found.in_(types)

    def value(self, path: Path) -> ColumnElement[Any]:
        """Return a value as SQL has it: a bool as 1 or 0, a dict and a list as JSON."""
        return self._find("value", path)

    text = boolean = value

    def number(self, path: Path) -> ColumnElement[Any]:
        """Return the number of a value that is one; else NULL."""
        return case((self.is_kind(path, "number"), self.value(path)))

    def _find(self, what: str, path: Path) -> ColumnElement[Any]:
        """Return the `type` or the `value` at a path, as `json_each` has them."""
        source: ColumnElement[Any] = literal_column(self._document, Text())
        if (plain := json_path(path)) is not None:
            function = func.json_type if what == "type" else func.json_extract
            return function(source, literal_column(plain, Text()))
        for key in path[:-1]:
            source = _at(source, key, "object")
        return _at(source, path[-1], what)

    # -- Comparisons -------------------------------------------------------------------------------

    def compares(self, path: Path, operator: Comparison, value: float) -> ColumnElement[bool]:
        """Return whether a value is a number that compares so."""
        return and_(
            OPERATORS[operator](self.value(path), _number(value)), self.is_kind(path, "number")
        )

    def equals_any(self, path: Path, values: Sequence[float]) -> ColumnElement[bool]:
        """Return whether a value is a number that equals one of these."""
        found = self.value(path).in_([_number(value) for value in values])
        return and_(found, self.is_kind(path, "number"))

    def field_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a field as it is."""
        return type_coerce(column, Text())

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text has another in it."""
        return func.instr(text, literal(part, Text())) > 0

    def starts_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text begins with another."""
        return func.substr(text, 1, len(part)) == literal(part, Text())

    def ends_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text ends with another."""
        if not part:  # the last 0 characters are the whole text
            return true()
        return func.substr(text, -len(part)) == literal(part, Text())

    # -- Groups ------------------------------------------------------------------------------------

    def group(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """Return a value as SQL has it, with a BLOB for a bool, a dict and a list."""
        tags = {name: literal(tag, LargeBinary()) for name, (tag, _) in _TAGS.items()}
        return [case(tags, value=self.kind(path), else_=self.value(path))]

    def scalar(self, columns: Sequence[Any]) -> Scalar:
        """Return the value that `group` stands for."""
        [value] = columns
        return _SCALARS[value] if isinstance(value, bytes) else scalar_of(value)

    def slot(self, seconds: int) -> ColumnElement[int]:
        """Return the beginning of the slot. SQLite would round the fraction of the second."""
        started_at = f"{self.tables.records.name}.started_at"
        # A division rounds towards 0, so no number in it may be negative.
        offset = -(_YEAR_1 // seconds) * seconds
        return literal_column(
            f"(CAST(strftime('%s', substr({started_at}, 1, 19)) AS INTEGER) + {offset})"
            f" / {seconds} * {seconds} - {offset}",
            Integer(),
        )

    def bin(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """Return the bin of a number. The file's connections have `ln` and `floor`."""

        def of(magnitude: ColumnElement[Any]) -> ColumnElement[int]:
            found = cast(func.floor(func.ln(magnitude) * literal(FACTOR, Float())), Integer())
            return func.max(found + literal(OFFSET, Integer()), 1, type_=Integer())

        negated = literal(0.0, Float()) - number  # a float, as the least integer has no opposite
        smallest = literal(SMALLEST, Float())
        return case((number >= smallest, of(number)), (negated >= smallest, -of(negated)), else_=0)

    def rows(self, statement: Select[Any]) -> FromClause:
        """Return a query as a table, into which the outer query is not merged.

        https://sqlite.org/optoverview.html#subquery_flattening
        """
        return statement.limit(-1).subquery()


def _at(source: ColumnElement[Any], key: str, what: str) -> ColumnElement[Any]:
    """Return the `type`, the `value` or the `object` at a key of an object: slower, for any key."""
    each = func.json_each(source).table_valued("key", "type", "value")
    found = case((each.c.type == "object", each.c.value)) if what == "object" else each.c[what]
    return select(found).where(each.c.key == literal(key, Text())).limit(1).scalar_subquery()


def _number(value: float) -> ColumnElement[Any]:
    """Return a number as SQLite reads it from JSON, whose last bit depends on the version."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return literal(value, BigInteger())
    if math.isinf(value):
        return literal(value, Float())
    return func.json_extract(literal(json.dumps(float(value)), Text()), "$")
