"""The read side of a backend: `Store`, an exporter that gives its records back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from typing_extensions import TypedDict, Unpack

from flask_chest.exporter import Exporter
from flask_chest.record import JsonValue, Record


class Where(TypedDict, total=False):
    """Which records, for the read side of a store; what is left out does not restrict.

    `since` is inclusive and `until` exclusive; both must be aware datetimes.
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
"""Types of the restrictions that are neither text nor time."""


def checked(where: Where) -> Mapping[str, Any]:
    """Return restrictions when each is known and of its type; for stores.

    Raises:
        TypeError: There is no such restriction, or its value is of another type.
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
    """Return `moment` when it is an aware datetime; for stores.

    Raises:
        TypeError: It is no datetime.
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
    """Return `limit` when it is a number of rows; for stores.

    Raises:
        ValueError: It is not positive.
    """
    if limit < 1:
        raise ValueError(f"limit={limit}: a number of records from 1 on")
    return limit


@dataclass(frozen=True)
class RouteSummary:
    """One route's traffic.

    Attributes:
        method: HTTP method.
        route: URL rule; None for requests that matched none.
        count: Requests, the records' weights summed, so that it holds under sampling.
        errors: Those that had an unhandled exception or a status code of 500 and more.
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
    """How often a variable had a value: as text, with the requests' weights summed."""

    value: str | None
    count: float


class Store(Exporter):
    """An exporter that can also be read. These methods may be called from any thread."""

    @abstractmethod
    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records by `started_at`, at most `limit`.

        Raises:
            ValueError: `limit` is not positive, or a datetime is naive.
            TypeError: There is no such restriction.
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`, an aware datetime; return how many.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    @abstractmethod
    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method, the busiest first.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
