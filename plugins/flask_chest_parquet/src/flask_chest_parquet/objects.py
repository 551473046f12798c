"""`Objects`: named bytes that are written once, in a folder or in a bucket."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, Final

PATIENCE_SECONDS: Final = 20.0
"""Longest wait for a lock, unless another one is given."""


@dataclass(frozen=True)
class Listed:
    """An object that is there.

    Attributes:
        key: Its name below the root, with slashes.
        size: Its bytes.
    """

    key: str
    size: int


class Gone(Exception):
    """An object is not there, or no longer."""


class Objects(ABC):
    """Named bytes below one root. An object is created whole, by one writer, and never changed.

    Any thread and any process may call it. All methods but `close` may raise `ExporterUnavailable`,
    and `ConfigurationError` where only a person can help.
    """

    location: str
    """Where the root is, for messages."""

    row_group: ClassVar[int] = 131_072
    """Rows of a row group: what an engine reads, or leaves out by its statistics, as a whole."""

    @abstractmethod
    def open(self) -> None:
        """Connect, or create the folder."""

    @abstractmethod
    def create(self, key: str, content: bytes) -> bool:
        """Create an object durably, unless it is there; return whether this call created it."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return the content of an object.

        Raises:
            Gone: It is not there.
        """

    @abstractmethod
    def reader(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Return a file of an object, for those who need a part of it.

        Raises:
            Gone: It is not there.
        """

    @abstractmethod
    def list(self, prefix: str, after: str = "", before: str | None = None) -> Iterator[Listed]:
        """Yield all objects whose keys begin with `prefix`, sorted.

        Args:
            prefix: Beginning of the keys.
            after: Keys up to this one are left out.
            before: Keys from this one on are left out.
        """

    @abstractmethod
    def folders(self, prefix: str) -> builtins.list[str]:
        """Return what stands before the first slash of the keys that begin with `prefix`."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""

    def delete_unfinished(self, prefix: str, is_ours: Callable[[str], bool]) -> int:
        """Delete what killed writers of objects have left below a prefix; return how many.

        Nothing, where an object is there whole or not at all.

        Args:
            prefix: Beginning of the keys.
            is_ours: Returns whether a key is of an object that may be deleted.
        """
        del prefix, is_ours
        return 0

    @abstractmethod
    def lock(
        self, name: str, owner: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> AbstractContextManager[None]:
        """Hold a lock during the block, after waiting for it.

        What needs it to be right holds it for a moment only: a killed process loses it.

        Args:
            name: Of the lock.
            owner: Whoever has the same text shares the lock, where the lock outlives its process.
            patience_seconds: Longest wait.

        Raises:
            ExporterUnavailable: Another owner does not give it back.
        """

    @abstractmethod
    def address(self, key: str) -> str:
        """Return what an engine opens: a path, or a URL such as ``s3://bucket/lake/…``."""

    @abstractmethod
    def close(self) -> None:
        """Release connections. Must not raise."""
