"""`Exporter`, which plugins implement, and `Batch` and `Batching`: what it gets, and how."""

from __future__ import annotations

import builtins
import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from pydantic import BaseModel
from pydantic_core import from_json

from flask_chest.errors import BatchRejected
from flask_chest.record import RecordData
from flask_chest.record_rows import Row, decode_rows

__path__: list[str] = []
"""It has no modules. In 0.0.10 it had: who imports one is told what replaced it."""

__all__ = [
    "Batch",
    "Batching",
    "Exporter",
    "Finding",
]


class Batch:
    """Encoded records, on their way to one exporter.

    Args:
        lines: One record a line, each with its line feed.
        count: Number of lines.
        token: From an earlier attempt at this batch, of which records may have been erased since;
            empty for one that follows from `lines`.
    """

    __slots__ = ("_count", "_token", "lines")

    def __init__(self, lines: bytes, count: int, token: str = "") -> None:
        self.lines = lines
        self._count = count
        self._token = token

    def __len__(self) -> int:
        return self._count

    @property
    def token(self) -> str:
        """Name of this content. 32 hexadecimal digits, the same for the same bytes.

        With `Batching.fixed`, a batch has the same token in each attempt. Then a destination
        that has seen a token has the batch.
        """
        if not self._token:
            self._token = hashlib.sha256(self.lines).hexdigest()[:32]
        return self._token

    def to_json(self) -> bytes:
        """Return the records as one JSON array, for databases that unpack JSON themselves."""
        # A record holds no line feed, as JSON escapes it. A memoryview avoids a copy of the bytes.
        joined = memoryview(self.lines.replace(b"\n", b","))
        return b"".join((b"[", joined[:-1], b"]"))

    def records(self) -> list[RecordData]:
        """Return the decoded records.

        Raises:
            BatchRejected: A record is not JSON, because of a corrupt file.
        """
        try:
            # Field names repeat in every record, values rarely.
            return cast("list[RecordData]", from_json(self.to_json(), cache_strings="keys"))
        except ValueError as error:
            raise BatchRejected(f"a record is not JSON: {error}") from error

    def rows(self) -> list[Row]:
        """Return the values of each record, decoded and checked, in the order of `RecordData`.

        The variables, which are the last of them, are JSON. For stores that would keep anything,
        where one malformed value could end a later query.

        Raises:
            BatchRejected: A record is malformed.
        """
        try:
            rows = decode_rows(self.to_json())
        except ValueError as error:
            raise BatchRejected(f"a record is malformed: {error}") from error
        if len(rows) != len(self):
            raise BatchRejected(f"there are {len(rows)} records in {len(self)} lines")
        return rows


@dataclass(frozen=True)
class Batching:
    """What batches an exporter wants.

    A flush, the end of a process and a new leader deliver at once what waits. So does a journal of
    which a quarter is full.

    Attributes:
        min_records: Delivery waits until so many records wait, or `max_bytes`.
        max_records: Most records in one batch; None for CHEST_BATCH_RECORDS, or for `min_records`
            if that is more.
        max_bytes: Most bytes in one batch, unless one record is larger; None for
            CHEST_BATCH_BYTES.
        max_seconds: Longest wait for `min_records`. Delivery looks once in
            CHEST_EXPORT_INTERVAL_SECONDS, so that much may be added.
        fixed: Whether a batch has the same records and the same `Batch.token` in each attempt,
            also by another process after a kill. The journal writes down where a batch begins and
            ends before the first attempt.

    Raises:
        ValueError: The numbers contradict each other.
    """

    min_records: int = 1
    max_records: int | None = None
    max_bytes: int | None = None
    max_seconds: float = 0.0
    fixed: bool = False

    def __post_init__(self) -> None:
        for name in ("min_records", "max_records", "max_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"Batching.{name} must be 1 or more, not {value}")
        if self.max_records is not None and self.max_records < self.min_records:
            raise ValueError(
                f"Batching.max_records={self.max_records} must not be less than "
                f"min_records={self.min_records}"
            )
        if not 0 <= self.max_seconds < float("inf"):
            raise ValueError(f"Batching.max_seconds must be 0 or more, not {self.max_seconds}")


@dataclass(frozen=True)
class Finding:
    """One thing that `flask chest check` says of a destination.

    Attributes:
        level: ``ok``, ``warning`` (it works, and something should be done) or ``error`` (it cannot
            deliver).
        subject: What was looked at, in one word or two: ``privileges``, ``schema``, ``version``.
        text: What was found.
        remedy: What to do; empty when nothing is to be done.
    """

    level: Literal["ok", "warning", "error"]
    subject: str
    text: str
    remedy: str = ""


class Exporter(ABC):
    """Delivers batches to one destination, at least once.

    The core makes an instance for each entry of CHEST_EXPORTERS, and one thread calls it: `open`,
    then `export` any number of times, and `idle` when all records are delivered, then `close`.
    `open` may follow again. When a call takes longer than CHEST_EXPORT_TIMEOUT_SECONDS, the core
    abandons the instance and makes another.

    Args:
        config: The entry, validated by `config_model`. An `__init__` of your own calls this one.
    """

    type: ClassVar[str]
    """Name of the type, as in ``{"type": "sqlite"}``. Unique among all plugins."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes of this type, such as ``("postgresql", "postgres")``."""

    config_model: ClassVar[builtins.type[BaseModel]]
    """Validates the entry. When the entry is a URL, it is in the field `url`."""

    for_tests: ClassVar[bool] = False
    """Whether it keeps records in this process alone, for tests. Such an exporter gets records
    while the TESTING of the application is on, too."""

    batching: Batching = Batching()
    """What batches it wants. Of the class, or set by `__init__` from its configuration. The core
    reads it before `open`. The default delivers what waits once in CHEST_EXPORT_INTERVAL_SECONDS.
    """

    def __init__(self, config: BaseModel) -> None:
        self.config = config

    def validate(self) -> None:  # noqa: B027 - most exporters have nothing to validate
        """Find mistakes in the configuration before the first record.

        Called in `init_app`, before the server forks: leave no connection and no thread behind.
        Does nothing unless overridden.

        Raises:
            ConfigurationError: The exporter cannot work. The application does not start.
            ExporterUnavailable: The destination is unavailable now. The application starts, and
                records wait.
        """

    def check(self) -> None:
        """Find out whether this exporter can deliver now.

        Called by `flask chest check`, on an instance of its own. Opens and closes the exporter
        unless overridden.

        Raises:
            ChestError: It cannot deliver.
        """
        try:
            self.open()
        finally:
            self.close()

    def findings(self) -> list[Finding]:
        """Return what is worth knowing of the destination: version, privileges, schema, retention.

        Called by `flask chest check`, on an instance of its own, after `check` has passed. Opens
        and closes what it needs. Returns nothing unless overridden.

        Raises:
            ExporterUnavailable: The destination is unavailable now.
        """
        return []

    def ddl(self) -> list[str]:
        """Return the statements that `open` would run on an empty database, for its administrator.

        Connects to nothing. Returns nothing unless overridden.
        """
        return []

    def repair(self) -> list[str]:
        """Create again what is missing, and put right what `open` tolerates; lose no record.

        Called by `flask chest schema repair`, on an instance of its own. Opens and closes the
        exporter unless overridden.

        Returns:
            What was done, one sentence each.

        Raises:
            ChestError: It cannot be repaired, and why.
        """
        self.check()
        return []

    def preload(self) -> None:  # noqa: B027 - most exporters are imported together with their plugin
        """Import modules that `open` would import.

        Called before the last delivery of a process, so that CHEST_SHUTDOWN_SECONDS does not
        include import time. Does nothing unless overridden.
        """

    @abstractmethod
    def open(self) -> None:
        """Connect, and create tables or whatever else is needed.

        Raises:
            ExporterUnavailable: The destination is unavailable; the core retries.
            ConfigurationError: Only a person can fix this; the core retries too.
        """

    @abstractmethod
    def export(self, batch: Batch) -> None:
        """Store a batch: all of it or nothing. Must be idempotent by record ID.

        With `Batching.fixed`, the token of the batch will do as well: what has been seen is stored.

        Return only after the destination has committed: the journal then deletes the batch.

        Raises:
            ExporterUnavailable: The destination is unavailable; the core calls `open` and retries.
            BatchRejected: The data is at fault; the core halves the batch.
        """

    def idle(self) -> None:  # noqa: B027 - most exporters keep their connection
        """Release resources that are not worth keeping while no records arrive.

        Called when all waiting records are delivered. `export` may follow at any time. Does nothing
        unless overridden. What it raises is logged and closes the exporter; the records have
        arrived.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections and threads. Also called after `open` failed. Must not raise."""
