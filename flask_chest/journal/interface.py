"""What a journal does, whichever way it keeps the records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeAlias

WhenFull: TypeAlias = Literal["drop_oldest", "drop_newest"]
"""Which records make room when the journal has reached its limit."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of one segment, on their way to one exporter.

    Attributes:
        lines: One record a line, each with its line feed.
        count: Number of lines.
        segment: Name of the segment that they come from.
        end: Where in the segment the reader stands once they are delivered, in bytes.
    """

    lines: bytes
    count: int
    segment: str
    end: int

    def halves(self) -> tuple[Chunk, Chunk]:
        """Return the two halves of a chunk of several records, to be acknowledged one by one."""
        # Not `splitlines`: it takes a carriage return, too, for the end of a line.
        lines = self.lines.split(b"\n")
        middle = self.count // 2
        second = b"\n".join(lines[middle:])
        first = self.lines[: -len(second)]
        return (
            Chunk(first, middle, self.segment, self.end - len(second)),
            Chunk(second, self.count - middle, self.segment, self.end),
        )


class Reader(ABC):
    """One exporter's way through the journal."""

    @abstractmethod
    def turn(self) -> AbstractContextManager[bool]:
        """Hold, in the `with` block, the right to deliver for this exporter.

        Yields:
            False when another process or thread has it. All else may be called only by who has
            it, but for `pending` and `break_turn`.

        Raises:
            OSError: The journal cannot be used.
        """

    @abstractmethod
    def break_turn(self) -> None:
        """Take the right away from the thread of this process that has it, and seems to hang."""

    @abstractmethod
    def chunks(self, max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first.

        A chunk holds at least one record, at most `max_records`, and no more than `max_bytes`
        unless a single record is larger. The caller acknowledges each before it asks for the next.

        Raises:
            OSError: Some records cannot be read; all others have been yielded before. What will
                never be readable has been set aside, and is not met again.
        """

    @abstractmethod
    def acknowledge(self, chunk: Chunk) -> None:
        """Move the cursor behind `chunk`, which the exporter has committed. Never raises.

        Where it cannot be stored, as on a full disk, this process remembers it, and the chunk is
        delivered again only by the next one.
        """

    @abstractmethod
    def set_aside(self, line: bytes, error: Exception) -> None:
        """Keep a record that the database refuses, with the error, away from the others.

        Raises:
            OSError: It could not be kept, so it must not be acknowledged.
        """

    @abstractmethod
    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest segment with any.

        May be called at any time, and never raises; both are 0 when nothing waits.
        """


class Journal(ABC):
    """Keeps records between the request and the exporters. Safe to use from any thread."""

    @abstractmethod
    def append(self, line: bytes) -> bool:
        """Keep one record, a line of JSON with its line feed. Never raises.

        Returns:
            False when it could not be kept; the reason has been counted and logged.
        """

    @abstractmethod
    def start(self) -> None:
        """Begin what is done beside the requests, in a thread of its own. Once in a process.

        Raises:
            RuntimeError: No thread can be started now.
        """

    @property
    @abstractmethod
    def appended(self) -> int:
        """Records kept by this process."""

    @abstractmethod
    def reader(self, exporter: str) -> Reader:
        """Return the reader of the exporter with this name, at its stored position."""

    @abstractmethod
    def claim(self) -> bool:
        """Try to become the process that delivers for the host; True when this one is it.

        Never raises: what keeps it from finding out is logged.
        """

    @abstractmethod
    def release(self) -> None:
        """Stop being the process that delivers, so that another can take over at once."""

    @abstractmethod
    def prune(self) -> None:
        """Delete what every reader has passed and no process writes to any more. Never raises."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files. What was appended stays and is delivered by whoever comes next."""

    @abstractmethod
    def after_fork(self) -> None:
        """Let go, in a forked child, of what the parent writes to."""
