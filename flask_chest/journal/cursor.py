"""`Cursor`: how far one exporter is in the journal, and which batches it must get as they are."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ended
from flask_chest.journal.chunk import Chunk, Part
from flask_chest.journal.files import Syncer, read, write_private
from flask_chest.journal.folder import NotOurFile

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
    from flask_chest.runtime.log import Throttle

_FIXED: Final = "fixed"  # no segment has this name
_is_token: Final = re.compile("[0-9a-f]{32}").fullmatch


@dataclass(frozen=True)
class FixedBatch:
    """A batch that was written down before its first attempt.

    Attributes:
        token: Of the batch, as it was then.
        parts: Where its records are.
    """

    token: str
    parts: tuple[Part, ...]


class Cursor:
    """For each segment, the offset up to which an exporter has it; and its fixed batches, in order.

    One file has both, and is replaced atomically: a reader finds the old one or the new one. So a
    batch is fixed, attempted and passed in this order, whenever the process is killed. A crash
    between the database's commit and the replacement repeats one batch.

    Only the holder of the delivery lease changes it.

    Args:
        folder: ``<journal>/cursors``.
        exporter: Names the file.
        segments: Where the records are.
        sync: Whether the disk must have a fixed batch before its first attempt.
    """

    def __init__(
        self, folder: Folder, exporter: str, segments: Folder, *, sync: bool, throttle: Throttle
    ) -> None:
        self._folder = folder
        self._exporter = exporter
        self._segments = segments
        self._file = f"{exporter}.json"
        self._new_file = f"{exporter}.new"
        self._syncer = Syncer() if sync else None
        self._throttle = throttle
        self._forget()

    def _forget(self) -> None:
        self.offsets: dict[str, int] = {}  # what this process has passed
        self.fixed: list[FixedBatch] = []
        self._content = b""  # of the file, when this process last read or wrote it
        self._is_behind = False  # the file, as it could not be written

    def after_fork(self) -> None:
        """Forget, in a forked child, what the parent has passed."""
        self._forget()
        if self._syncer is not None:
            self._syncer.after_fork()

    def load(self) -> dict[str, int]:
        """Return the offsets, from the file and from what this process has passed.

        Raises:
            OSError: The file is there, but cannot be read.
        """
        return self._merged(_offsets(self._stored(self._read())))

    def refresh(self, there: Collection[str]) -> None:
        """Read the file, which another process may have changed. Needs the delivery lease.

        Args:
            there: Names of the segments that are not deleted.

        Raises:
            OSError: The file is there, but cannot be read.
        """
        content = self._read()
        stored = self._stored(content)
        offsets = self._merged(_offsets(stored))
        if not self._is_behind or content != self._content:
            self.fixed = _fixed(stored)
            self._is_behind = False
        self.fixed = _that_follow(offsets, self.fixed, there)
        self.offsets = offsets
        self._content = content
        self.forget_deleted(there)

    def forget_deleted(self, there: Collection[str]) -> None:
        """Forget the offsets of segments that are deleted, or the file would grow for ever."""
        self.offsets = {name: at for name, at in self.offsets.items() if name in there}

    def fix(self, chunk: Chunk) -> None:
        """Write a batch down, before its first attempt. Never raises."""
        self.fixed.append(FixedBatch(chunk.token, chunk.parts))
        self._write_down(chunk.segments)

    def split(self, chunk: Chunk, halves: Collection[Chunk]) -> None:
        """Write down the halves of a batch in its place, if it is fixed. Never raises."""
        fixed = [FixedBatch(half.token, half.parts) for half in halves]
        places = [at for at, batch in enumerate(self.fixed) if batch.parts == chunk.parts]
        for at in places:
            self.fixed[at : at + 1] = fixed
        if places:
            self._write_down(())

    def replace(self, batch: FixedBatch, parts: tuple[Part, ...]) -> None:
        """Note what is left of a fixed batch, of which segments were deleted or cut."""
        at = self.fixed.index(batch)
        self.fixed[at : at + 1] = [FixedBatch(batch.token, parts)] if parts else []

    def passed(self, chunk: Chunk) -> None:
        """Store the new offsets. Never raises."""
        was_fixed = bool(self.fixed)
        for part in chunk.parts:
            self.offsets[part.segment] = part.end
        self.fixed = [batch for batch in self.fixed if batch.parts != chunk.parts]
        try:
            self._store(sync=was_fixed)
        except OSError as error:
            self._throttle.log(
                logging.ERROR,
                f"cursor {self._exporter}",
                f"The cursor of the exporter {self._exporter!r} cannot be stored: {ended(error)} "
                "Delivery goes on. The next process repeats what this one delivers meanwhile; "
                "the database stores no record twice",
                error,
            )

    def _write_down(self, segments: Collection[str]) -> None:
        try:
            if self._syncer is not None:  # or a power cut might take some of the records
                for name in segments:
                    with contextlib.suppress(FileNotFoundError):  # dropped to make room
                        self._syncer.sync(self._segments, name)
            self._store(sync=True)
            if self._syncer is not None:
                self._syncer.sync(self._folder, None)
        except OSError as error:
            self._throttle.log(
                logging.ERROR,
                f"fixed {self._exporter}",
                f"A batch for the exporter {self._exporter!r} cannot be written down: "
                f"{ended(error)} "
                "Delivery goes on. If this process is killed before the batch has arrived, the "
                "next one makes other batches of its records, which may then be stored twice",
                error,
            )

    def _store(self, *, sync: bool) -> None:
        stored: dict[str, object] = {**self.offsets}
        if self.fixed:
            stored[_FIXED] = [{"token": each.token, "parts": each.parts} for each in self.fixed]
        content = json.dumps(stored).encode()
        self._is_behind = True
        write_private(self._folder, self._new_file, os.O_TRUNC, content)
        if sync and self._syncer is not None:  # a file system may rename before it has written
            self._syncer.sync(self._folder, self._new_file)
        self._folder.rename(self._new_file, self._file)
        self._content, self._is_behind = content, False

    def _merged(self, offsets: dict[str, int]) -> dict[str, int]:
        # An offset only ever grows, so the greater of two is right.
        for name, at in dict(self.offsets).items():
            offsets[name] = max(at, offsets.get(name, 0))
        return offsets

    def _read(self) -> bytes:
        try:
            return read(self._folder, self._file)
        except FileNotFoundError:
            return b"{}"
        except NotOurFile:
            return b""

    def _stored(self, content: bytes) -> Mapping[str, object]:
        try:
            stored = json.loads(content)
        except (ValueError, RecursionError):
            stored = None
        if isinstance(stored, dict):
            return stored
        self._throttle.log(
            logging.WARNING,
            f"damaged {self._exporter}",
            f"The cursor {self._folder.path / self._file} is corrupt. All that is in the journal "
            "is delivered again; records that the database already has are not stored twice",
        )
        return {}


def _offsets(stored: Mapping[str, object]) -> dict[str, int]:
    # A bool is an int to `isinstance`.
    return {name: at for name, at in stored.items() if type(at) is int and at >= 0}


def _fixed(stored: Mapping[str, object]) -> list[FixedBatch]:
    """Return the fixed batches; none when one of them cannot be read."""
    found = []
    batches = stored.get(_FIXED)
    for each in batches if isinstance(batches, list) else ():
        try:
            token, parts = each["token"], tuple(Part(*part) for part in each["parts"])
        except (KeyError, TypeError):
            return []
        if not (
            isinstance(token, str) and _is_token(token) and parts and all(map(_is_part, parts))
        ):
            return []
        found.append(FixedBatch(token, parts))
    return found


def _is_part(part: Part) -> bool:
    return (
        isinstance(part.segment, str)
        and type(part.start) is int
        and type(part.end) is int
        and 0 <= part.start < part.end
    )


def _that_follow(
    offsets: Mapping[str, int], batches: list[FixedBatch], there: Collection[str]
) -> list[FixedBatch]:
    """Return the batches without what was deleted; none when they do not follow the offsets.

    A release that knows no fixed batches moves the offsets alone.
    """
    reached = dict(offsets)
    found = []
    for batch in batches:
        parts = tuple(part for part in batch.parts if part.segment in there)
        for part in parts:
            if part.start != reached.get(part.segment, 0):
                return []
            reached[part.segment] = part.end
        if parts:
            found.append(FixedBatch(batch.token, parts))
    return found
