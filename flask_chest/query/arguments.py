"""The arguments of a question: a filter, a range of time, names. Errors say what to write."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import datetime, timezone

from flask_chest.errors import FilterError, QueryError
from flask_chest.query.filter import Filter
from flask_chest.query.nodes import NULLABLE, And, Field, Node, Operand, kind
from flask_chest.query.operands import operand
from flask_chest.query.parser import parse
from flask_chest.query.questions import LIST, OBJECT, Order, Scalar
from flask_chest.query.source import Source
from flask_chest.query.times import moment, utc


@dataclass(frozen=True)
class Chosen:
    """Which records a question is about.

    Attributes:
        where: Condition on each; None for all.
        since: Aware datetime in UTC: they started then or later.
        until: Aware datetime in UTC: they started before.
    """

    where: Node | None
    since: datetime | None
    until: datetime | None


def chosen(
    where: str | Filter | None,
    since: str | datetime | None,
    until: str | datetime | None,
) -> Chosen:
    """Return which records a question is about.

    Args:
        where: A filter.
        since: An aware datetime, ISO 8601, or a distance back.
        until: The same.

    Raises:
        FilterError: The filter cannot be read, or cannot match.
        QueryError: A time cannot be read, or `until` is before `since`.
    """
    now = datetime.now(timezone.utc)
    condition = read_filter(where, now)
    begin, end = _time("since", since, now), _time("until", until, now)
    if begin is not None and end is not None and begin > end:
        raise QueryError(
            f"until={_written(until)} is before since={_written(since)}, so no record is between "
            "them: exchange the two"
        )
    return Chosen(condition, begin, end)


def read_filter(where: str | Filter | None, now: datetime | None = None) -> Node | None:
    """Return the condition of a filter; None without one.

    Raises:
        FilterError: It cannot be read, or cannot match.
        QueryError: It is no text.
    """
    if where is None or isinstance(where, Filter):
        return None if where is None else where.root
    if not isinstance(where, str):
        raise QueryError(f"a filter is a text, such as 'status_code >= 500', and not {where!r}")
    return parse(where, now=now).root


def two_sets(
    where: str | Filter,
    against: str | Filter | None,
    since: str | datetime | None,
    until: str | datetime | None,
) -> tuple[Node, Node | None, Chosen]:
    """Return the conditions of two sets of records, and the range of time of both.

    Raises:
        FilterError: A filter cannot be read, or cannot match.
        QueryError: A time cannot be read.
    """
    now = datetime.now(timezone.utc)
    first = read_filter(where, now)
    if first is None:
        raise QueryError("where=None: write the filter of the records that differ")
    return first, read_filter(against, now), chosen(None, since, until)


def both(one: Node | None, other: Node | None) -> Node | None:
    """Return the condition that two conditions hold; None is one that always does."""
    if one is None or other is None:
        return other if one is None else one
    return And((one, other))


def _written(given: object) -> str:
    return repr(given.isoformat() if isinstance(given, datetime) else given)


def _time(name: str, given: str | datetime | None, now: datetime) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            return moment(given, now)
        except ValueError as error:
            raise QueryError(f"{name}: {error}") from None
    if not isinstance(given, datetime):
        raise QueryError(
            f"{name}={given!r} is no time. Write an aware datetime, ISO 8601 such as "
            "'2026-01-31', or a distance back such as '24h'"
        )
    if given.utcoffset() is None:
        raise QueryError(
            f"{name}={given!r} is naive. Say which time is meant: {name}.astimezone(), or "
            "datetime.now(timezone.utc)"
        )
    return utc(given)


def positive(name: str, limit: int | None) -> int | None:
    """Return a limit that is positive, or None.

    Args:
        name: Of the argument, for the error.
        limit: Its value.

    Raises:
        QueryError: It is neither.
    """
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit > 0):
        return limit
    raise QueryError(f"{name}={limit!r}: write a number from 1 on, or None for all")


def name(text: str, what: str = "name") -> Operand:
    """Return the field or the variable that a text names, as a filter reads it.

    Args:
        text: Such as ``route``, ``user.plan`` or ``variables['odd name']``.
        what: What it is, for the error.

    Raises:
        QueryError: It names neither.
    """
    if not isinstance(text, str):
        raise QueryError(f"a {what} is a text, such as 'route', and not {text!r}")
    try:
        source = Source(text, what)
        return operand(source, source.tree())
    except FilterError as error:
        raise QueryError(str(error)) from None


def condition_of(name: str, value: Scalar) -> str | None:
    """Return the filter that chooses the records of a group, such as ``tenant == 'acme'``.

    Args:
        name: As in ``by``: a field or a variable.
        value: As a row of `Store.measure` has it.

    Returns:
        The filter; None where there is none, as of a dict or a list.
    """
    if value is None:
        return f"{name} is None"
    if value in (OBJECT, LIST) and kind(value) == "text":
        return None
    return f"{name} == {value!r}"


def others_of(text: str, value: Scalar) -> str | None:
    """Return the filter that chooses all other records of a type, and those without the value.

    It is such as ``tenant != 'acme' or tenant is None``: more than ``not (tenant == 'acme')``,
    which leaves out what has no tenant.

    Args:
        text: As in ``by``: a field or a variable.
        value: As a row of `Store.measure` has it.

    Returns:
        The filter; None where there is none, as of a dict or a list.

    Raises:
        QueryError: The text names neither a field nor a variable.
    """
    if value is None:
        return f"{text} is not None"
    if condition_of(text, value) is None:
        return None
    found = name(text)
    is_always_there = isinstance(found, Field) and found.name not in NULLABLE
    return f"{text} != {value!r}" + ("" if is_always_there else f" or {text} is None")


def order(text: str) -> Order:
    """Return the order that a text stands for.

    Args:
        text: A name, with a minus sign in front for the largest first.

    Raises:
        QueryError: It cannot be read.
    """
    if not isinstance(text, str):
        raise QueryError(f"order_by is a text, such as '-duration_ms', and not {text!r}")
    try:
        source = Source(text, "name")
        tree = source.tree()
        is_descending = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
        if isinstance(tree, ast.UnaryOp) and is_descending:
            tree = tree.operand
        return Order(operand(source, tree), is_descending)
    except FilterError as error:
        raise QueryError(f"order_by: {error}") from None
