"""What exporter plugins implement: `Exporter`, and the `Batch` that it is given."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from typing import ClassVar, cast

from pydantic import BaseModel
from pydantic_core import from_json

from flask_chest.errors import BatchRejected
from flask_chest.record import RecordData


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

    def to_json(self) -> bytes:
        """Return the records as one JSON array, for databases that unpack JSON themselves."""
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
            return cast("list[RecordData]", from_json(self.to_json(), cache_strings="keys"))
        except ValueError as error:
            raise BatchRejected(f"a record is not JSON: {error}") from error


class Exporter(ABC):
    """Delivers batches to one destination.

    The core makes an instance for each entry of CHEST_EXPORTERS and calls it from one thread, in
    the order `open`, `export` any number of times, with an `idle` when nothing more waits, `close`;
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

    def validate(self) -> None:  # noqa: B027 - most exporters need none
        """Look, in `init_app`, for what can be known to be wrong before the first record.

        Called before any fork: it must leave no connection or thread behind. Does nothing unless
        overridden.

        Raises:
            ConfigurationError: It cannot work like this; the application does not start.
            ExporterUnavailable: Not reachable now; the application starts and records wait.
        """

    def check(self) -> None:
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

    def idle(self) -> None:  # noqa: B027 - most exporters keep their connection
        """Let go of what is only worth keeping from one batch to the next.

        Called when all that waited has been delivered; `export` may follow at any time. Does
        nothing unless overridden.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and threads. Called also when `open` failed; never raises."""
