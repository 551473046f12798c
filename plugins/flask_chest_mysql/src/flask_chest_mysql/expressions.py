"""A record's values as MySQL and MariaDB compute them in SQL."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from flask_chest_sql.compiler import OPERATORS
from flask_chest_sql.exact import with_floats, with_integers
from flask_chest_sql.expressions import Expressions
from pydantic_core import from_json, to_json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    String,
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
    true,
)
from sqlalchemy import column as named_column
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import Function

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.nodes import Variable
from flask_chest.query.questions import LIST, OBJECT
from flask_chest_mysql.connection import MARIADB_COLLATION, MYSQL_COLLATION
from flask_chest_mysql.hints import by_an_index

if TYPE_CHECKING:
    from flask_chest_sql import Tables
    from flask_chest_sql.exact import Comparison
    from flask_chest_sql.expressions import Path

    from flask_chest.query.nodes import Operand
    from flask_chest.query.questions import Scalar, Tally
    from flask_chest_mysql.connection import Flavor

_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "number": ("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL"),
    "text": ("STRING",),
    "bool": ("BOOLEAN",),
    "null": ("NULL",),
    "dict": ("OBJECT",),
    "list": ("ARRAY",),
}
"""What JSON_TYPE returns. MariaDB takes 1e5 for an INTEGER."""

_STANDS_FOR: Final = {"OBJECT": OBJECT, "ARRAY": LIST}
_EPOCH: Final = 62_167_219_200
"""TO_SECONDS of 1970."""

_EXACT: Final = 2**53
"""Up to here, each integer is a float of its own."""

_NO_LIMIT: Final = 2**64 - 1


KEY_LENGTH: Final = 190
"""Characters of a value that are in its index."""

Indexed: TypeAlias = Callable[["Path"], str | None]
"""Returns the column with the keys of a variable; None where it has no index."""


def expressions(
    tables: Tables,
    flavor: Flavor,
    *,
    document: ColumnElement[Any] | None = None,
    indexed: Indexed = lambda _path: None,
    others: Collection[str] = (),
) -> SharedExpressions:
    """Return the dialect of a server.

    Args:
        tables: Tables of the database.
        flavor: Product and version of the server.
        document: The variables; None for the column.
        indexed: Finds the columns of indexed variables.
        others: All other indexes; none without one on the time.
    """
    kind = MariadbExpressions if flavor.is_mariadb else MysqlExpressions
    found = tables.records.c.variables if document is None else document
    return kind(tables, found, indexed, others)


class SharedExpressions(Expressions):
    """What the two products have in common.

    In a SELECT, a value that cannot be converted is a warning in every sql_mode. In a DELETE it
    would be an error, so no conversion is tried before the kind of the value is known.
    """

    _collation: str

    def __init__(
        self,
        tables: Tables,
        document: ColumnElement[Any],
        indexed: Indexed,
        others: Collection[str],
    ) -> None:
        super().__init__(tables)
        self._document = document
        self._indexed = indexed
        self._others = others

    @abstractmethod
    def json(self, path: Path) -> ColumnElement[Any]:
        """Return a value as JSON; NULL when it is missing, or the document is malformed."""

    @abstractmethod
    def spelled(self, path: Path) -> ColumnElement[Any]:
        """Return the JSON of a value as a text, as the server spells it."""

    def kind(self, path: Path) -> ColumnElement[Any]:
        """Return what JSON_TYPE says."""
        return func.json_type(self.json(path))

    def is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        """Return whether a value is of one of these kinds."""
        return self.kind(path).in_([name for kind in kinds for name in _KINDS[kind]])

    def is_there(self, path: Path) -> ColumnElement[bool]:
        """Return whether there is a value, be it null."""
        return self.json(path).is_not(None)

    def text(self, path: Path) -> ColumnElement[Any]:
        """Return the text of a value that is one."""
        return collate(func.json_unquote(self.json(path), type_=Text()), self._collation)

    def number(self, path: Path) -> ColumnElement[Any]:
        """Return the number of a value that is one, as a double."""
        return case((self.is_kind(path, "number"), self._double(path)))

    def exact_numbers(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """Return the double, and the integer that decides between those with the same double."""
        text, double = func.json_unquote(self.json(path)), self._double(path)
        tie = case(
            (
                and_(self.is_kind(path, "number"), func.abs(double) >= _EXACT),
                case(
                    (_is_float(text), cast(double, BigInteger)),
                    else_=cast(text, BigInteger),
                ),
            )
        )
        return [self.number(path), tie]

    def _double(self, path: Path) -> ColumnElement[Any]:
        return self.json(path).op("+", return_type=Double())(literal(0.0, Double()))

    def boolean(self, path: Path) -> ColumnElement[Any]:
        """Return 1 or 0 for a value that is a bool."""
        return case((func.json_unquote(self.json(path)) == "true", 1), else_=0)

    def compares(self, path: Path, operator: Comparison, value: float) -> ColumnElement[bool]:
        """Return whether a value is a number that compares so."""
        is_number, double = self.is_kind(path, "number"), self._double(path)
        if abs(value) < _EXACT:  # then a larger integer is a larger double, too
            return and_(is_number, OPERATORS[operator](double, literal(float(value), Double())))
        text = func.json_unquote(self.json(path))
        return and_(
            is_number,
            case(
                (_is_float(text), _holds(with_floats(operator, value), double)),
                else_=_holds(with_integers(operator, value), cast(text, BigInteger)),
            ),
        )

    def key(self, path: Path) -> ColumnElement[Any]:
        """Return a text by which the values that equal each other are found in an index.

        Others may have it, too. Numbers have that of their double.
        """
        text = case(
            (self.is_kind(path, "number"), self._spelled(self._double(path))),
            (self.is_kind(path, "text", "bool"), func.json_unquote(self.json(path))),
        )
        return func.left(text, KEY_LENGTH)

    def _spelled(self, double: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(double, mysql.CHAR(charset="utf8mb4"))

    def equals(self, path: Path, values: Sequence[str | float]) -> ColumnElement[bool]:
        """Return whether a value equals one of these, by an index if there is one."""
        found = super().equals(path, values)
        name = self._indexed(path)
        if name is None:
            return found
        keys = named_column(name, String(KEY_LENGTH)).in_([self._key_of(value) for value in values])
        return and_(keys, found)

    def _key_of(self, value: str | float) -> ColumnElement[Any]:
        if isinstance(value, bool):
            return literal("true" if value else "false")
        if isinstance(value, str):
            return literal(value[:KEY_LENGTH])
        # The server writes it, which spells doubles in its own way.
        return collate(self._spelled(literal(float(value) + 0.0, Double())), self._collation)

    def field_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a field, whose collation is one of code points. An ID is converted to Unicode."""
        if column is not self.tables.records.c.id:
            return column
        return collate(func.convert(column.op("USING")(literal_column("utf8mb4"))), self._collation)

    def field_in(self, column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a field equals one of these, by an index if there is one."""
        if column is not self.tables.records.c.id:
            return super().field_in(column, values)
        # An ID is ASCII, and its type takes no blanks at the end for a difference.
        return column.in_([text for text in values if text.isascii() and not text.endswith(" ")])

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text has another in it."""
        return text.contains(part, autoescape=True)

    def starts_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text begins with another."""
        return text.startswith(part, autoescape=True)  # by an index, if there is one

    def ends_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text ends with another."""
        return text.endswith(part, autoescape=True)

    def group(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """Return one column: the JSON of the value, or its type where it is a dict or a list."""
        kind, spelled = self.kind(path), self.spelled(path)
        return [collate(case((kind.in_(list(_STANDS_FOR)), kind), else_=spelled), self._collation)]

    def scalar(self, columns: Sequence[Any]) -> Scalar:
        """Return the value that the column of `group` has."""
        [spelled] = columns
        if spelled is None or spelled in _STANDS_FOR:
            return _STANDS_FOR.get(spelled)
        return scalar_of(from_json(spelled))

    def slot(self, seconds: int) -> ColumnElement[int]:
        """Return the beginning of the slot. TO_SECONDS counts from the year 0, so rounds down."""
        ahead = -_EPOCH % seconds
        started = func.to_seconds(self.tables.records.c.started_at, type_=BigInteger())
        slots = (started + ahead).op("DIV", precedence=8, return_type=BigInteger())(seconds)
        return slots * seconds - (_EPOCH + ahead)

    def bin(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """Return the bin of a number."""
        magnitude = func.abs(number)
        place = func.floor(func.ln(magnitude) * literal(FACTOR, Double())) + OFFSET
        bin_ = case(
            (magnitude < literal(SMALLEST, Double()), 0),
            else_=func.sign(number) * func.greatest(place, 1),
        )
        return cast(bin_, BigInteger)

    def rows(self, statement: Select[Any]) -> FromClause:
        """Return a query as a table, which is stored where it has expressions of JSON.

        The servers compute these for each time that they are named, unless a limit hides them.
        """
        columns = statement.selected_columns
        if any(_reads_json(column) for column in columns):
            statement = statement.limit(_NO_LIMIT)
        return statement.subquery()


class MysqlExpressions(SharedExpressions):
    """Those of MySQL, whose JSON is a type. Written from its manual, and run on no server."""

    _collation = MYSQL_COLLATION

    def json(self, path: Path) -> ColumnElement[Any]:
        """Return the value at a path."""
        return func.json_extract(self._document, _path_of(path))

    def spelled(self, path: Path) -> ColumnElement[Any]:
        """Return the JSON as a text."""
        return cast(self.json(path), mysql.CHAR(charset="utf8mb4"))


class MariadbExpressions(SharedExpressions):
    """Those of MariaDB, whose JSON is the text that was stored."""

    _collation = MARIADB_COLLATION

    def json(self, path: Path) -> ColumnElement[Any]:
        """Return the value at a path. A name that begins with a hyphen is part of none."""
        found: ColumnElement[Any] = self._document
        names: list[str] = []
        for name in path:
            if not name.startswith("-"):
                names.append(name)
                continue
            found = func.json_extract(found, _path_of(names)) if names else found
            found, names = _of_name(found, name), []
        return func.json_extract(found, _path_of(names)) if names else found

    def spelled(self, path: Path) -> ColumnElement[Any]:
        """Return the JSON, which is a text."""
        return self.json(path)

    def chosen(self, statement: Select[Any], asked: Tally) -> Select[Any]:
        """Return the query of the records of a tally, which reads a short time by an index."""
        return by_an_index(statement, self.tables.records, self._others, asked, self._has_index)

    def _has_index(self, operand: Operand) -> bool:
        return isinstance(operand, Variable) and self._indexed(operand.path) is not None


def _path_of(names: Sequence[str]) -> str:
    return "$" + "".join(f".{to_json(name).decode()}" for name in names)


def _of_name(document: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """Return the value of a name by its place among the names of an object."""
    pattern = collate(literal(re.sub(r"([%_\\])", r"\\\1", name), Text()), "utf8mb4_bin")
    place = func.json_search(func.json_keys(document), "one", pattern)
    return func.json_extract(func.json_extract(document, "$.*"), func.json_unquote(place))


def _is_float(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether the text of a JSON number is that of a float."""
    return or_(number.like("%.%"), number.like("%e%"), number.like("%E%"))


def _holds(
    same: tuple[Comparison, float] | Literal[True, False], number: ColumnElement[Any]
) -> ColumnElement[bool]:
    if isinstance(same, bool):
        return true() if same else false()
    operator, value = same
    return OPERATORS[operator](number, literal(value, number.type))


def _reads_json(column: ColumnElement[Any]) -> bool:
    return any(
        isinstance(part, Function) and part.name.startswith("json_")
        for part in visitors.iterate(column)
    )
