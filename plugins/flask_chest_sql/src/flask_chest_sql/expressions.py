"""`Expressions`: what a database makes of a record's values, as expressions of SQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, func, literal, or_

from flask_chest.query.nodes import kind
from flask_chest_sql.exact import Comparison

if TYPE_CHECKING:
    from flask_chest.query.questions import Scalar, Tally
    from flask_chest_sql.schema import Tables

Path: TypeAlias = tuple[str, ...]
"""The name of a variable, then a key of each dict that leads to a value."""


class Expressions(ABC):
    """The dialect of one database, for `compiler` and `question`, which hold for all.

    An expression about a variable never fails, whatever a record has: it is NULL instead. Values
    reach the database as bound parameters alone.

    Args:
        tables: Tables of the database.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    @abstractmethod
    def kind(self, path: Path) -> ColumnElement[Any]:
        """Return the kind of a value, a text of the database's own; NULL when it is missing.

        `is_kind` and `scalar` read it.
        """

    @abstractmethod
    def is_kind(self, path: Path, *kinds: str) -> ColumnElement[bool]:
        """Return whether a value is of one of these kinds.

        Args:
            path: Of the value.
            kinds: ``number``, ``text``, ``bool``, ``null``, ``dict``, ``list``.
        """

    def is_there(self, path: Path) -> ColumnElement[bool]:
        """Return whether there is a value, be it null. True or false, never NULL."""
        return self.kind(path).is_not(None)

    @abstractmethod
    def text(self, path: Path) -> ColumnElement[Any]:
        """Return the text of a value that is one, compared and ordered by code points.

        For another value it may be anything.
        """

    @abstractmethod
    def number(self, path: Path) -> ColumnElement[Any]:
        """Return the number of a value that is one, for sums and bins; else NULL."""

    def exact_number(self, path: Path) -> ColumnElement[Any]:
        """Return the same for an order, in which 2**53 comes before 2**53 + 1."""
        return self.number(path)

    def exact_numbers(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """Return `exact_number`; or several, each of which decides between those before it.

        Override it where no single expression has the order of integers and floats.
        """
        return [self.exact_number(path)]

    @abstractmethod
    def boolean(self, path: Path) -> ColumnElement[Any]:
        """Return 1 or 0 for a value that is a bool."""

    @abstractmethod
    def compares(self, path: Path, operator: Comparison, value: float) -> ColumnElement[bool]:
        """Return whether a value is a number that compares so. Exact: 2**53 is not 2**53 + 1."""

    def equals_any(self, path: Path, values: Sequence[float]) -> ColumnElement[bool]:
        """Return whether a value is a number that equals one of these. There may be 1,000."""
        return or_(*(self.compares(path, "==", value) for value in values))

    def equals(self, path: Path, values: Sequence[str | float]) -> ColumnElement[bool]:
        """Return whether a value equals one of these, which are of one kind.

        Override it where a variable may have an index.
        """
        of = kind(values[0])
        if of == "number":
            found = self.equals_any(path, cast("Sequence[float]", values))
        elif of == "bool":
            found = self.boolean(path).in_(sorted({int(value) for value in values}))
        else:
            found = self.text(path).in_([literal(value, Text()) for value in values])
        return and_(self.is_kind(path, of), found)

    @abstractmethod
    def field_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a field that is a text, compared and ordered by code points.

        The column may be `id`, which some databases have as a UUID.
        """

    def field_in(self, column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a field that is a text equals one of these, by an index if there is one.

        Override it where `field_text` hides the column from its index, and for `id`.
        """
        return self.field_text(column).in_([literal(value, Text()) for value in values])

    @abstractmethod
    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text has another in it. Case matters."""

    @abstractmethod
    def starts_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text begins with another. Case matters."""

    @abstractmethod
    def ends_with(self, text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
        """Return whether a text ends with another. Case matters."""

    @abstractmethod
    def group(self, path: Path) -> Sequence[ColumnElement[Any]]:
        """Return the columns by which records are grouped for the value of a variable.

        `scalar` makes the value of them. What is equal as a value may be in several groups.
        """

    @abstractmethod
    def scalar(self, columns: Sequence[Any]) -> Scalar:
        """Return the value that the columns of `group` have, as `TallyRow.key` has it."""

    def total(self, number: ColumnElement[Any], weight: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the sum of numbers times their weights, of a column of `rows`.

        Override it where a sum that is too large is an error.
        """
        return func.sum(number * weight)

    @abstractmethod
    def slot(self, seconds: int) -> ColumnElement[int]:
        """Return the Unix time of the beginning of the slot of `started_at`, rounded down."""

    @abstractmethod
    def bin(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """Return the bin of a number: see `flask_chest.query.histogram`."""

    def chosen(self, statement: Select[Any], asked: Tally) -> Select[Any]:
        """Return the query of the records of a tally, with what the database is told about it."""
        del asked
        return statement

    def rows(self, statement: Select[Any]) -> FromClause:
        """Return a query as a table to be summed, each of whose expressions is computed once.

        Override it where the database puts the expressions into the outer query, which may compute
        each several times.
        """
        return statement.subquery()
