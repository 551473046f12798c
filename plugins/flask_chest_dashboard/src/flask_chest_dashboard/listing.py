"""`Listing`: what the viewer has chosen for a list of requests, as the URL has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.finding import has_failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from werkzeug.datastructures import MultiDict

    from flask_chest import Record
    from flask_chest.query import Operand, Order, Place
    from flask_chest.store import Declaration
    from flask_chest_dashboard.choices import Choices

NEWEST_FIRST: Final = "-started_at"
PAGE_SIZE: Final = 50

MISSING: Final = object()
"""The value of a variable that a record does not have."""

_MOST_COLUMNS: Final = 20
_BY_DEFAULT: Final = 3
"""Variables that have a column where none was chosen."""

_MOST_OFFERED: Final = 60
_LONGEST: Final = 8_000
_LONGEST_NAME: Final = 200


@dataclass(frozen=True)
class Listing:
    """What holds for the list alone.

    Attributes:
        columns: Names of variables and fields, each with what it names; None for those that most
            records have.
        order_by: As `Store.records` takes it.
        order: The same, read.
        after: Place behind which the page begins; empty for the first page.
        before: Place before which it ends; empty for none.
        at: Local time from which on it begins; empty for none.
        find: ID of a request or of a trace that is looked up; empty for none.
    """

    columns: dict[str, Operand] | None
    order_by: str
    order: Order
    after: str
    before: str
    at: str
    find: str

    @classmethod
    def read(cls, arguments: MultiDict[str, str]) -> Listing:
        """Read the arguments of a URL.

        Raises:
            QueryError: One of them cannot be read.
        """
        order_by = _text(arguments, "order") or NEWEST_FIRST
        columns = None
        if "columns" in arguments:
            given = (each.strip() for each in arguments.getlist("columns"))
            columns = {each: query.name(each, "column") for each in given if each}
            if len(columns) > _MOST_COLUMNS:
                raise QueryError(f"there are {len(columns)} columns. Choose {_MOST_COLUMNS}")
        return cls(
            columns,
            order_by,
            query.order(order_by),
            after=_text(arguments, "after"),
            before=_text(arguments, "before"),
            at=_text(arguments, "at"),
            find=_text(arguments, "find"),
        )

    @property
    def is_by_time(self) -> bool:
        """Whether the order is that of the times."""
        return self.order.operand == query.Field("started_at")

    @property
    def is_first_page(self) -> bool:
        """Whether the list begins with its first record."""
        return not (self.after or self.before or self.at)

    @property
    def own(self) -> dict[str, str | list[str]]:
        """The arguments of a URL with these choices, without the place in the list."""
        found: dict[str, str | list[str]] = {}
        if self.columns is not None:
            found["columns"] = list(self.columns) or [""]
        if self.order_by != NEWEST_FIRST:
            found["order"] = self.order_by
        return found

    @property
    def everything(self) -> dict[str, str | list[str]]:
        """The arguments of a URL with all of these choices."""
        place = {"after": self.after, "before": self.before, "at": self.at, "find": self.find}
        return {**self.own, **{name: text for name, text in place.items() if text}}

    def ordered_by(self, name: str) -> dict[str, str | list[str]]:
        """Return the arguments of the list in the order of a column: at first, the largest first.

        Args:
            name: Of the field or the variable.
        """
        is_turned = self.order_by == f"-{name}"
        order = name if is_turned else f"-{name}"
        own = {key: value for key, value in self.own.items() if key != "order"}
        return own if order == NEWEST_FIRST else {**own, "order": order}

    def direction(self, name: str) -> str:
        """Return how a column is ordered, as ``aria-sort`` has it; empty where it is not."""
        if self.order_by.lstrip("-").strip() != name:
            return ""
        return "descending" if self.order.descending else "ascending"

    def jump(self, choices: Choices) -> Place | None:
        """Return the place of the time that was jumped to; None without one.

        Raises:
            QueryError: The time cannot be read.
        """
        if not self.at:
            return None
        try:
            local = datetime.fromisoformat(self.at)
            moment = (local if local.tzinfo else local.replace(tzinfo=choices.zone)).astimezone(
                timezone.utc
            )
            if self.order.descending:
                moment += timedelta(seconds=1)  # a time is as exact as it is written
        except (ValueError, OverflowError):
            raise QueryError(f"{self.at[:60]!r} is no time, such as 2026-01-31T12:00") from None
        return query.Place(0, moment, "")


def _text(arguments: MultiDict[str, str], name: str) -> str:
    text = arguments.get(name, "").strip()
    if len(text) > _LONGEST:
        raise QueryError(f"{name} has {len(text)} characters. Write at most {_LONGEST}")
    return text


# -- Columns ---------------------------------------------------------------------------------------


def offered(records: Iterable[Record]) -> dict[str, int]:
    """Return the names of variables and how many records have each, the most frequent first.

    Facts about the request come last.
    """
    counts: dict[str, int] = {}
    for record in records:
        for name in record.variables:
            if len(name) <= _LONGEST_NAME:
                counts[name] = counts.get(name, 0) + 1
    often = sorted(counts, key=lambda name: ("." in name, -counts[name], name))[:_MOST_OFFERED]
    return {query.written(query.Variable((name,))): counts[name] for name in often}


def columns_of(
    listing: Listing,
    records: Sequence[Record],
    names: Iterable[str],
    declaration: Declaration | None = None,
) -> dict[str, Operand]:
    """Return the columns of a list: those that were chosen, else the most telling of some names.

    First are variables that failed requests have and others do not, then those whose values differ,
    and last those that are the same in all records. Of these, first are those that CHEST_ROLLUPS
    declares. Else the order stays.
    """
    if listing.columns is not None:
        return listing.columns
    declared: set[str] = set()
    if declaration is not None:
        declared.update(*declaration.dimensions, declaration.measures, declaration.distinct)
    operands = {name: query.name(name) for name in names}
    failed = [has_failed(record) for record in records]

    def key(name: str) -> tuple[bool, int, bool]:
        return *_dullness(records, operands[name], failed), name not in declared

    return {name: operands[name] for name in sorted(operands, key=key)[:_BY_DEFAULT]}


def _dullness(
    records: Sequence[Record], operand: Operand, failed: Sequence[bool]
) -> tuple[bool, int]:
    """Return what is larger for a variable that tells less; facts about the request come last."""
    values = [value_in(record, operand) for record in records]
    is_fact = isinstance(operand, query.Variable) and "." in operand.path[0]
    with_it = [each for each, value in zip(failed, values, strict=True) if value is not MISSING]
    if all(with_it) and not all(failed):
        return is_fact, 0
    different = {MISSING if value is MISSING else _identity(value) for value in values}
    return is_fact, 1 if len(different) > 1 else 2


def _identity(value: Any) -> Any:  # noqa: ANN401 - any value of a record
    """Return what equal values have in common; dicts are not told apart, nor are lists."""
    is_inner = isinstance(value, (dict, list))
    return type(value) if is_inner else query.identity(value)


def value_in(record: Record, operand: Operand) -> Any:  # noqa: ANN401 - any value of a record
    """Return the value of a field or a variable; `MISSING` where the record has none."""
    if isinstance(operand, query.Field):
        return getattr(record, operand.name)
    found: Any = record.variables
    for key in operand.path:
        if not isinstance(found, dict) or key not in found:
            return MISSING
        found = found[key]
    return found
