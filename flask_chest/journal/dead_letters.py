"""The dead letters of one exporter: a file of records that its database refused, with the error."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final, cast

from flask_chest.journal.files import Syncer, short_write
from flask_chest.journal.interface import DeadLetter
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
    from flask_chest.record import RecordData

SUFFIX: Final = ".jsonl"
_READ_BYTES: Final = 1_048_576
_RECORD: Final = b'"record":'


class DeadLetters:
    """A file with one letter a line: when and why a record was refused, and the record.

    Only the holder of the exporter's delivery lease changes it. Anybody may read it: it is appended
    to, or replaced as a whole.

    Args:
        folder: ``<journal>/dead-letter``.
        exporter: Names the file.
        syncer: Waits for the disk; None when nobody needs that.
    """

    def __init__(self, folder: Folder, exporter: str, syncer: Syncer | None) -> None:
        self._folder = folder
        self._file = f"{exporter}{SUFFIX}"
        self._new_file = f"{exporter}.new"
        self._syncer = syncer
        self.path = folder.path / self._file

    def size(self) -> int:
        """Return the size of the file in bytes; 0 when there is none.

        Raises:
            OSError: It cannot be looked at.
        """
        with contextlib.suppress(FileNotFoundError):
            return self._folder.file(self._file).st_size
        return 0

    def add(self, line: bytes, error: Exception) -> None:
        """Append a record and the error with which it was refused.

        Raises:
            OSError: They could not be kept. The file is as it was.
        """
        letter = _letter(line, error) + b"\n"
        with fork.held_off():
            descriptor = self._folder.create(self._file, os.O_RDWR | os.O_APPEND)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    letter = b"\n" + letter  # a power cut left half a letter
                written = os.write(descriptor, letter)
                if written != len(letter):
                    os.ftruncate(descriptor, size)
                    raise short_write(written, letter)
            finally:
                os.close(descriptor)

    def sync(self) -> None:
        """Wait until the disk has them, where that is wanted.

        Raises:
            OSError: It may not have them.
        """
        if self._syncer is not None:
            self._syncer.sync(self._folder, self._file)

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield them, oldest first.

        Raises:
            OSError: They cannot be read.
        """
        return (_read(line) for line in self._lines())

    def newest(self, limit: int) -> list[DeadLetter]:
        """Return the newest, at most `limit`, the newest first. The file is read from its end.

        Raises:
            OSError: They cannot be read.
        """
        with fork.held_off(), contextlib.suppress(FileNotFoundError):
            descriptor = self._folder.open_file(self._file)
            try:
                return [_read(line) for line in islice(_lines_from_end(descriptor), limit)]
            finally:
                os.close(descriptor)
        return []

    def remove(self, is_meant: Callable[[DeadLetter], bool]) -> int:
        """Remove some, all at once, and return how many. Needs the delivery lease.

        Raises:
            OSError: That is not possible. The file is as it was.
        """
        # Asked once for each: the one who is asked may count.
        meant = [is_meant(_read(line)) for line in self._lines()]
        if any(meant):
            pairs = zip(self._lines(), chain(meant, repeat(False)), strict=False)
            self._replace(line for line, is_one in pairs if not is_one)
        return sum(meant)

    def renew(self, errors: Mapping[str, Exception]) -> int:
        """Replace the errors of some, by their IDs, and return how many. Needs the delivery lease.

        Raises:
            OSError: That is not possible. The file is as it was.
        """
        found = sum(_read(line).id in errors for line in self._lines())
        if found:
            self._replace(_renewed(line, errors) for line in self._lines())
        return found

    def clean(self) -> None:
        """Delete what a process left behind that was killed while it removed some."""
        with contextlib.suppress(OSError):
            self._folder.unlink(self._new_file)

    def _replace(self, lines: Iterator[bytes]) -> None:
        try:
            self._write_and_rename(lines)
        except OSError:
            self.clean()
            raise

    def _write_and_rename(self, lines: Iterator[bytes]) -> None:
        with fork.held_off():
            descriptor = self._folder.create(self._new_file, os.O_WRONLY | os.O_TRUNC)
            try:
                for line in lines:
                    written = os.write(descriptor, line + b"\n")
                    if written != len(line) + 1:
                        raise short_write(written, line)
                size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
        if not size:
            self._folder.unlink(self._new_file)
            self._folder.unlink(self._file)
        else:
            if self._syncer is not None:
                self._syncer.sync(self._folder, self._new_file)
            self._folder.rename(self._new_file, self._file)
        if self._syncer is not None:  # or they would be back after a power cut
            with contextlib.suppress(OSError):  # it has happened, and is seen by everybody
                self._syncer.sync(self._folder, None)

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines of the file without their line feeds, empty ones left out."""
        rest = b""
        offset = 0
        while piece := self._block(offset):
            offset += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, lines)
        if rest:
            yield rest

    def _block(self, offset: int) -> bytes:
        with fork.held_off(), contextlib.suppress(FileNotFoundError):
            descriptor = self._folder.open_file(self._file)
            try:
                return os.pread(descriptor, _READ_BYTES, offset)
            finally:
                os.close(descriptor)
        return b""

    def after_fork(self) -> None:
        """Close, in a forked child, the file that a thread of the parent waits for."""
        if self._syncer is not None:
            self._syncer.after_fork()


def _lines_from_end(descriptor: int) -> Iterator[bytes]:
    """Yield the lines of an open file without their line feeds, the last first."""
    at = os.fstat(descriptor).st_size
    begun: list[bytes] = []  # the pieces of a line of which the beginning is not read, last first
    while at:
        size = min(at, _READ_BYTES)
        at -= size
        first, *lines = os.pread(descriptor, size, at).split(b"\n")
        if lines:
            yield from filter(None, (b"".join((lines.pop(), *reversed(begun))), *reversed(lines)))
            begun = []
        begun.append(first)
    yield from filter(None, (b"".join(reversed(begun)),))


def _letter(line: bytes, error: Exception) -> bytes:
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    said = json.dumps({"at": at, "error": f"{type(error).__name__}: {error}"}).encode()
    return b"".join((said[:-1], b", ", _RECORD, b" ", _json_of(line), b"}"))


def _renewed(letter: bytes, errors: Mapping[str, Exception]) -> bytes:
    read = _read(letter)
    return _letter(read.line, errors[read.id]) if read.id in errors else letter


def _json_of(line: bytes) -> bytes:
    """Return a record as it is, byte by byte; as a JSON string when it is no JSON."""
    try:
        json.loads(line.decode())
    except (ValueError, RecursionError):
        return json.dumps(line.decode("utf-8", "replace")).encode()
    return line.strip()


def _read(letter: bytes) -> DeadLetter:
    try:
        said = json.loads(letter)
    except (ValueError, RecursionError) as error:
        said = {"error": f"this dead letter cannot be read: {error}"}
    if not isinstance(said, dict):
        said = {"error": "this dead letter is no JSON object"}
    line = _line(letter, said)
    record = said.get("record")
    if not isinstance(record, dict):
        record = None
    own_id = record.get("id") if record is not None else None
    if not (isinstance(own_id, str) and own_id):
        own_id = f"line-{hashlib.sha256(line).hexdigest()[:16]}"
    return DeadLetter(
        own_id, str(said.get("error")), cast("RecordData | None", record), line, _moment(said)
    )


def _line(letter: bytes, said: dict[str, object]) -> bytes:
    """Return the record of a letter as a line. It is not decoded: a number may lose digits."""
    if "record" not in said:
        return letter + b"\n"
    record = said["record"]
    if isinstance(record, str):
        return record.rstrip("\n").encode("utf-8", "replace") + b"\n"
    raw = letter.partition(_RECORD)[2].rstrip()[:-1].strip()
    with contextlib.suppress(ValueError, RecursionError):
        if raw and json.loads(raw) == record:
            return raw + b"\n"
    return json.dumps(record).encode() + b"\n"  # somebody has edited the file


def _moment(said: dict[str, object]) -> datetime | None:
    with contextlib.suppress(KeyError, TypeError, ValueError):
        moment = datetime.fromisoformat(str(said["at"]).replace("Z", "+00:00"))
        return moment if moment.tzinfo else None
    return None
