"""What exporter plugins implement: `Exporter` to take records, `Store` to give them back too."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, cast

from pydantic import BaseModel
from pydantic_core import from_json
from typing_extensions import TypedDict, Unpack

from flask_chest.errors import BatchRejected
from flask_chest.record import JsonValue, Record, RecordData


class Batch:
    """Some records on their way to one exporter, as bytes.

    Args:
        lines: One record a line, each with its line feed.
        count: Number of lines.
    """

    __slots__ = ("_count", "lines")

    def __init__(self, lines: bytes, count: int) -> None:
        self.lines = lines
        self._count = count

    def __len__(self) -> int:
        return self._count

    @property
    def json(self) -> bytes:
        """The records as one JSON array, for databases that unpack JSON themselves."""
        # No record has a line feed inside: JSON escapes it. A view, as each slice would be a copy.
        joined = memoryview(self.lines.replace(b"\n", b","))
        return b"".join((b"[", joined[:-1], b"]"))

    def records(self) -> list[RecordData]:
        """Return the records decoded.

        Raises:
            BatchRejected: A record is not JSON: a damaged disk wrote it.
        """
        try:
            # Names repeat from record to record; values seldom do.
            return cast("list[RecordData]", from_json(self.json, cache_strings="keys"))
        except ValueError as error:
            raise BatchRejected(f"a record is not JSON: {error}") from error


class Exporter(ABC):
    """Delivers batches to one destination.

    The core makes an instance for each entry of CHEST_EXPORTERS and calls it from one thread, in
    the order `open`, `export` any number of times, with a `rest` when nothing more waits, `close`;
    `open` may follow again. A call that does not return in CHEST_EXPORT_TIMEOUT_SECONDS is given
    up, and another instance is made.
    """

    type: ClassVar[str]
    """Name of the kind, as in ``{"type": "sqlite"}``; unique among all installed plugins."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes that mean this type, such as ``("postgresql", "postgres")``."""

    config_model: ClassVar[builtins.type[BaseModel]]
    """Validates the entry. A URL given as the whole entry arrives in the field `url`."""

    def __init__(self, config: BaseModel) -> None:
        self.config = config

    def check(self) -> None:  # noqa: B027 - most exporters need none
        """Look, in `init_app`, for what can be known to be wrong before the first record.

        Called before any fork: it must leave no connection or thread behind. Does nothing unless
        overridden.

        Raises:
            ConfigurationError: It cannot work like this; the application does not start.
            ExporterUnavailable: Not reachable now; the application starts and records wait.
        """

    def probe(self) -> None:
        """Find out, for `flask chest check`, whether it can deliver now.

        Called on an instance that is used for nothing else. Opens and closes unless overridden.

        Raises:
            ChestError: It cannot.
        """
        try:
            self.open()
        finally:
            self.close()

    def preload(self) -> None:  # noqa: B027 - most exporters are imported with their plugin
        """Import what is not imported yet.

        Called at the end of a process, whose last delivery has its time without that. Does nothing
        unless overridden.
        """

    @abstractmethod
    def open(self) -> None:
        """Connect, and create what has to be there.

        Raises:
            ExporterUnavailable: Try again later.
            ConfigurationError: The same, with a remedy that only a person can apply.
        """

    @abstractmethod
    def export(self, batch: Batch) -> None:
        """Store a batch: all of it or nothing, and each record ID once, however often it comes.

        Returning means that the destination has committed: the journal may forget the batch.

        Raises:
            ExporterUnavailable: Try again later; `open` is called first.
            BatchRejected: The data is at fault.
        """

    def rest(self) -> None:  # noqa: B027 - most exporters keep their connection
        """Let go of what is only worth keeping from one batch to the next.

        Called when all that waited has been delivered; `export` may follow at any time. Does
        nothing unless overridden.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and threads. Called also when `open` failed; never raises."""


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
