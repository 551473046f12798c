"""What the older methods of a store take and return: `Where`, `RouteSummary`, `ValueCount`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import TypedDict

from flask_chest.record import JsonValue

if TYPE_CHECKING:
    from flask_chest.query import Scalar


class Where(TypedDict, total=False):
    """Restrictions on the records that a store reads. All of them must hold.

    `since` is inclusive and `until` exclusive. Both are aware datetimes.
    """

    since: datetime
    until: datetime
    request_id: str
    endpoint: str
    route: str
    method: str
    status_code: int
    variables: Mapping[str, JsonValue]


_TYPES: Final[dict[str, type]] = {"status_code": int, "variables": Mapping}
"""Types of the restrictions that are neither a text nor a time."""


def checked(where: Where) -> Mapping[str, Any]:
    """Return the restrictions if they are valid. For stores.

    Raises:
        TypeError: A restriction is unknown, or its value has the wrong type.
        ValueError: A datetime is naive.
    """
    for name, value in where.items():
        if name not in Where.__annotations__:
            known = ", ".join(sorted(Where.__annotations__))
            raise TypeError(f"records cannot be chosen by {name!r}, only by {known}")
        if name in ("since", "until"):
            aware(name, value)
        else:
            wanted = _TYPES.get(name, str)
            is_null = value is None and name != "variables"
            if not is_null and (isinstance(value, bool) or not isinstance(value, wanted)):
                raise TypeError(f"{name}={value!r} is no {wanted.__name__}")
    return where


def aware(name: str, moment: object) -> datetime:
    """Return `moment` if it is an aware datetime. For stores.

    Args:
        name: Name of the argument, for the error.
        moment: Its value.

    Raises:
        TypeError: It is not a datetime.
        ValueError: It is naive.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"{name}={moment!r} is not an aware datetime")
    if moment.utcoffset() is None:
        raise ValueError(
            f"{name}={moment!r} is naive. Say which time is meant: {name}.astimezone(), or "
            "datetime.now(timezone.utc)"
        )
    return moment


def positive(limit: int) -> int:
    """Return `limit` if it is positive. For stores.

    Raises:
        ValueError: It is not positive.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: a number of records from 1 on")
    return limit


@dataclass(frozen=True)
class RouteSummary:
    """The traffic of one route and method.

    Attributes:
        method: HTTP method.
        route: URL rule; None for requests that matched no rule.
        count: Number of requests: the sum of the records' weights, so that sampling does not
            change it.
        errors: Number of requests with an unhandled exception or a status code of at least 500.
        p50_ms: Median duration in milliseconds.
        p95_ms: 95th percentile of the duration in milliseconds (nearest rank).
    """

    method: str
    route: str | None
    count: float
    errors: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class ValueCount:
    """How often a variable had a value.

    Attributes:
        value: A text, a number or a bool; None for null; ``{…}`` and ``[…]`` for every dict and
            every list.
        count: Number of requests: the sum of the records' weights.
    """

    value: Scalar
    count: float
