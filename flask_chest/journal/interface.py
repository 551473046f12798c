"""The interface of journals and of their readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flask_chest.record import RecordData

if TYPE_CHECKING:
    from flask_chest.journal.chunk import Chunk
    from flask_chest.journal.host import Host

WhenFull: TypeAlias = Literal["drop_oldest", "drop_newest"]
"""Which records make room when the journal has reached its limit."""

Matches: TypeAlias = Callable[[RecordData], bool]
"""Says whether a record is meant. It may raise for a damaged one, which then is none of them."""

LEASE_SECONDS: Final = 60.0
"""How long an erasure waits for a delivery that is under way."""


@dataclass(frozen=True)
class DeadLetter:
    """A record that one exporter's database refused.

    Attributes:
        id: The record's own ID; for one without, an ID made of its content.
        error: Class and text of the error with which it was refused.
        record: The record; None when it is none, as it is no JSON object.
        line: The record as a line for a `Batch`, with its line feed.
        since: When it was refused; None for one from a release that did not say so.
    """

    id: str
    error: str
    record: RecordData | None
    line: bytes
    since: datetime | None

    @property
    def route(self) -> str | None:
        """The route of the record; None when it has none."""
        return None if self.record is None else self.record.get("route")


@dataclass(frozen=True)
class Erased:
    """How many records were erased from a journal, by where they were.

    Attributes:
        waiting: At least one exporter did not have them yet.
        delivered: Every exporter had them; they would have been deleted soon.
        dead_letters: Among the dead letters, of any exporter, also of former ones.
        quarantined: In damaged parts.
        unreadable: Lines and files that were left as they are, since nobody can tell whether they
            are meant: they are no records.
    """

    waiting: int = 0
    delivered: int = 0
    dead_letters: int = 0
    quarantined: int = 0
    unreadable: int = 0

    @property
    def total(self) -> int:
        """Number of records, each place by itself."""
        return self.waiting + self.delivered + self.dead_letters + self.quarantined


@dataclass(frozen=True)
class Rejections:
    """What is dead-lettered for one exporter now.

    Attributes:
        number: How many records.
        size_bytes: Their size, with the errors.
        last_error: Error of the newest, without passwords; None when it is not known.
    """

    number: int = 0
    size_bytes: int = 0
    last_error: str | None = None


class SegmentsUnreadable(OSError):
    """Records of some segments cannot be read or quarantined now. All others were yielded."""


class Reader(ABC):
    """Reads the journal for one exporter, from its cursor on."""

    @abstractmethod
    def lease(self) -> AbstractContextManager[bool]:
        """Hold, in the `with` block, the delivery lease: the right to deliver to this exporter.

        Yields:
            False when another process or thread has it. Only `break_lease` and what says so may
            be called without it.

        Raises:
            OSError: The journal cannot be used.
        """

    @abstractmethod
    def break_lease(self) -> None:
        """Take the lease away from the thread of this process that has it, and seems to hang."""

    @abstractmethod
    def chunks(
        self, max_records: int, max_bytes: int, *, min_records: int = 1, fixed: bool = False
    ) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first, several segments in one chunk.

        The caller acknowledges each chunk, or its halves in their order, or calls `block`, before
        it asks for the next. A chunk may have no record, when all of it was erased.

        Args:
            max_records: Most records in a chunk.
            max_bytes: Most bytes in a chunk, unless a single record is larger.
            min_records: What is left in the end waits, when it has fewer records.
            fixed: Whether the borders of each chunk are written down before it is yielded. Then it
                comes again as it is, with the same token, until it is acknowledged.

        Raises:
            SegmentsUnreadable: Some records cannot be read; all others were yielded before. What no
                retry makes readable is quarantined, and does not come again.
            OSError: Nobody can tell what waits.
        """

    @abstractmethod
    def halve(self, chunk: Chunk) -> tuple[Chunk, Chunk]:
        """Split a chunk of several records in two. With fixed borders, so are those of the halves.

        Never raises: without room on the disk, this process remembers them.
        """

    @abstractmethod
    def acknowledge(self, chunk: Chunk) -> None:
        """Move the cursor past `chunk`, which the exporter has committed. Never raises.

        When it cannot be stored, as on a full disk, this process remembers it. Only the next
        process delivers the chunk again.
        """

    @abstractmethod
    def block(self, chunk: Chunk) -> None:
        """Leave a chunk, and what follows it in its segments, to the next call of `chunks`.

        A cursor passes nothing over.
        """

    @abstractmethod
    def is_blocked(self, chunk: Chunk) -> bool:
        """Return whether a segment of the chunk is blocked."""

    @abstractmethod
    def dead_letter(self, line: bytes, error: Exception) -> None:
        """Keep a record that the database refuses, with the error, among the dead letters.

        Raises:
            OSError: It could not be kept, so it must not be acknowledged.
        """

    @abstractmethod
    def quarantine(self, chunk: Chunk, reason: str) -> None:
        """Keep a line that was refused because it is no record, with the reason. It is counted.

        Args:
            chunk: With this line alone.
            reason: What is wrong with it.

        Raises:
            OSError: It could not be kept, so it must not be acknowledged.
        """

    @abstractmethod
    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters of this exporter, oldest first; none from a journal in memory.

        May be called at any time, also while more arrive. To send them again, hold the lease, hand
        their lines to an instance of the exporter, then call `drop_dead_letters`: when the process
        is killed in between, they are stored once all the same.

        Raises:
            OSError: They cannot be read.
        """

    @abstractmethod
    def newest_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the newest dead letters of this exporter, the newest first.

        It reads no more than these, however many there are. May be called at any time.

        Raises:
            OSError: They cannot be read.
        """

    @abstractmethod
    def drop_dead_letters(self, ids: Collection[str]) -> int:
        """Remove dead letters by their IDs, all of them at once. Needs the lease.

        Returns:
            How many there were.

        Raises:
            OSError: They cannot be removed. All of them are still there.
        """

    @abstractmethod
    def renew_dead_letters(self, errors: Mapping[str, Exception]) -> int:
        """Replace the errors of dead letters that were refused again. Needs the lease.

        Args:
            errors: The new error of each, by its ID.

        Returns:
            How many there were.

        Raises:
            OSError: They cannot be changed. All of them are as they were.
        """

    @abstractmethod
    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and for how many seconds the oldest record has waited.

        May be called at any time, and never raises; both are 0 when nothing waits. While the
        journal cannot be read, what this process found last is said to wait still.
        """

    @abstractmethod
    def pending_records(self) -> int:
        """Return how many records wait, as `pending` does."""

    def has_all(self) -> bool:
        """Return whether the exporter has all records for certain. Never raises.

        False as well while the journal cannot be read: nobody knows what waits in it.
        """
        return not self.pending()[0]

    @abstractmethod
    def rejections(self) -> Rejections:
        """Return what is dead-lettered now, or what was found last, as `pending` does."""


class Journal(ABC):
    """Keeps records between the request and the exporters. Safe to use from any thread."""

    folder: Path | None = None
    """Where it is on the disk; None for one in memory."""

    max_bytes: int
    """Bytes that it has room for. Above, records are dropped."""

    @abstractmethod
    def append(self, line: bytes) -> bool:
        """Keep one record, a line of JSON with its line feed. Never raises.

        Returns:
            False when it could not be kept; the reason has been counted and logged.
        """

    @abstractmethod
    def start(self) -> None:
        """Start the maintenance thread, once in a process.

        Raises:
            RuntimeError: No thread can be started now.
        """

    def claim(self) -> None:  # noqa: B027 - one in memory belongs to its process
        """Find out, in a command, whether the journal may be read and delivered.

        Raises:
            ConfigurationError: It may not.
        """

    def fault(self) -> str | None:
        """Return why no record can be kept now; None when one can. Never raises.

        It writes to the disk, so no request waits for it.
        """
        return None

    @property
    @abstractmethod
    def appended(self) -> int:
        """Records kept by this process."""

    @abstractmethod
    def reader(self, exporter: str) -> Reader:
        """Return the reader of the exporter with this name, at its stored cursor."""

    @abstractmethod
    def try_lead(self) -> bool:
        """Become or stay the leader, the process that delivers for the host.

        Never raises: an error is logged.

        Returns:
            False when another process is the leader.
        """

    def host(self) -> Host | None:
        """Return what all processes have counted that share the journal.

        Never raises.

        Returns:
            None when this process is the only one.
        """
        return None

    @abstractmethod
    def resign(self) -> None:
        """Stop being the leader, so that another process can take over at once."""

    @abstractmethod
    def prune(self) -> None:
        """Delete what every reader has passed and no process writes to. Never raises."""

    @abstractmethod
    def erase(
        self, matches: Matches, timeout_seconds: float = LEASE_SECONDS
    ) -> AbstractContextManager[Erased]:
        """Erase records wherever the journal has them, for all exporters.

        Delivery to every exporter, by any process of this host, rests from the beginning to the
        end of the `with` block: what the caller erases in the databases then, no delivery brings
        back. New records are written meanwhile, and are not looked at.

        Args:
            matches: Called for each record.
            timeout_seconds: How long to wait for deliveries that are under way.

        Yields:
            What was erased, when all of it is.

        Raises:
            DeliveryBusy: A delivery has not ended in time. Nothing was erased.
            OSError: Something could not be read or written. All else was erased; try again.
        """

    @abstractmethod
    def close(self) -> None:
        """Close all files. What was appended stays, and the next process delivers it."""

    @abstractmethod
    def after_fork(self) -> None:
        """Let go, in a forked child, of what belongs to the parent."""
