"""The interface of journals and of their readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from flask_chest.journal.host import Host

WhenFull: TypeAlias = Literal["drop_oldest", "drop_newest"]
"""Which records make room when the journal has reached its limit."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of one segment, on their way to one exporter.

    Attributes:
        lines: One record a line, each with its line feed.
        count: Number of lines.
        segment: Name of the segment that they come from.
        end: The cursor once they are delivered: an offset in the segment, in bytes.
    """

    lines: bytes
    count: int
    segment: str
    end: int

    def halves(self) -> tuple[Chunk, Chunk]:
        """Split a chunk of several records in two, to be acknowledged one after the other."""
        # Not `splitlines`, for which a carriage return also ends a line.
        lines = self.lines.split(b"\n")
        middle = self.count // 2
        second = b"\n".join(lines[middle:])
        first = self.lines[: -len(second)]
        return (
            Chunk(first, middle, self.segment, self.end - len(second)),
            Chunk(second, self.count - middle, self.segment, self.end),
        )


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
    def chunks(self, max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first.

        A chunk holds at least one record, at most `max_records`, and no more than `max_bytes`
        unless a single record is larger. The caller acknowledges each before it asks for the next.

        Raises:
            OSError: Some records cannot be read; all others were yielded before. What no retry
                makes readable is quarantined, and does not come again.
        """

    @abstractmethod
    def acknowledge(self, chunk: Chunk) -> None:
        """Move the cursor past `chunk`, which the exporter has committed. Never raises.

        When it cannot be stored, as on a full disk, this process remembers it. Only the next
        process delivers the chunk again.
        """

    @abstractmethod
    def dead_letter(self, line: bytes, error: Exception) -> None:
        """Keep a record that the database refuses, with the error, among the dead letters.

        Raises:
            OSError: It could not be kept, so it must not be acknowledged.
        """

    @abstractmethod
    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest segment with any.

        May be called at any time, and never raises; both are 0 when nothing waits.
        """

    @abstractmethod
    def pending_records(self) -> int:
        """Return how many records wait. May be called at any time, and never raises."""

    @abstractmethod
    def rejections(self) -> Rejections:
        """Return what is dead-lettered now. May be called at any time, and never raises."""


class Journal(ABC):
    """Keeps records between the request and the exporters. Safe to use from any thread."""

    folder: Path | None = None
    """Where it is on the disk; None for one in memory."""

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
    def close(self) -> None:
        """Close all files. What was appended stays, and the next process delivers it."""

    @abstractmethod
    def after_fork(self) -> None:
        """Let go, in a forked child, of what belongs to the parent."""
