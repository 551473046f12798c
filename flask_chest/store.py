"""`Store`: an exporter whose records can be read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from typing_extensions import TypedDict, Unpack

from flask_chest import query
from flask_chest.exporter import Exporter
from flask_chest.record import JsonValue, Record

if TYPE_CHECKING:
    from flask_chest.query import Filter

Position: TypeAlias = tuple[datetime, str]
"""Place of a record in the order of a store: its `started_at` and its `id`."""


_PAGE: Final = 1_000
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc) - _MICROSECOND


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
        value: The value as text; None for null.
        count: Number of requests: the sum of the records' weights.
    """

    value: str | None
    count: float


class Store(Exporter):
    """An exporter whose records can be read, from any thread."""

    retention: timedelta | None = None
    """How long records are kept, by `retention` of the entry or CHEST_RETENTION; None for ever.

    The core sets it before `open`, for databases that delete by themselves. It is no part of
    `config`.
    """

    @abstractmethod
    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records, in the order of `started_at`.

        Raises:
            ValueError: `limit` is not positive, or a datetime is naive.
            TypeError: A restriction is unknown, or its value has the wrong type.
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def page(
        self,
        *,
        after: Position | None = None,
        until: datetime | None = None,
        limit: int = 1_000,
    ) -> list[Record]:
        """Return the records that follow a position, in the order of `started_at` and `id`.

        What cannot be read as a record, as after a change by hand, is passed over and counted.

        Args:
            after: Position of the last record of the page before; None for the first page.
            until: Records that started at this moment or later are left out.
            limit: Most records of the page. An empty page is the last.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @property
    def unreadable(self) -> int:
        """Number of records that this instance has passed over, as they cannot be read."""
        return 0

    @abstractmethod
    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records, as many as a page has; return how many were there.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    @abstractmethod
    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that started before `before`, an aware datetime; return the number.

        It is done in short steps, so that no writer waits for long.

        Args:
            before: The moment.
            progress: Called after each step with the number that it deleted. What it raises ends
                the purge; the steps before stay done.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    def retain(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete what has exceeded `retention`; return the number of records.

        The leader calls it once an hour, on an instance of its own. Calls `purge` unless
        overridden, as for a database that drops partitions, or deletes by itself.

        Args:
            before: Records that started at this moment or later are kept.
            progress: As for `purge`.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """
        return self.purge(before=before, progress=progress)

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that satisfy a filter; return the number.

        All records are looked at, a page at a time, until a whole pass finds none that started
        before the call. Those that cannot be read are passed over: see `unreadable`. A store that
        can choose records itself overrides this.

        Args:
            where: The filter, such as ``user_id == 'u-17'``: docs/filters.md.
            progress: Called after each page with the number of records that were looked at. What
                it raises ends the deletion; the pages before stay done.

        Raises:
            FilterError: The filter cannot be read, or cannot match.
            ExporterUnavailable: The database cannot be read or written now.
        """
        chosen = query.parse(where) if isinstance(where, str) else where
        began = datetime.now(timezone.utc)
        total = 0
        while True:
            old = 0
            for page in self._pages():
                found = [record for record in page if chosen.matches(record.as_data())]
                if found and (deleted := self.delete(found)):
                    total += deleted
                    old += sum(record.started_at < began for record in found)
                if progress is not None:
                    progress(len(page))
            if not old:  # else what was behind this pass may have arrived meanwhile
                return total

    def _pages(self) -> Iterator[list[Record]]:
        """Yield all that is there, a page at a time: not what arrives at the end meanwhile."""
        newest = self.query(limit=1)
        if not newest:
            return
        after: Position | None = None
        until = min(newest[0].started_at, _LAST) + _MICROSECOND
        while page := self.page(after=after, until=until, limit=_PAGE):
            yield page
            after = page[-1].started_at, page[-1].id

    @abstractmethod
    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method, the one with the most requests first.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """

    @abstractmethod
    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`, the most frequent first.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """


AnyExporter = TypeVar("AnyExporter", bound=Exporter)


def another(exporter: AnyExporter) -> AnyExporter:
    """Return a new instance of an exporter, which is not open, with the same configuration."""
    made = type(exporter)(exporter.config)
    if isinstance(exporter, Store) and isinstance(made, Store):
        made.retention = exporter.retention
    return made
