"""`Disk`: the objects of a lake as files in a folder."""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, Final
from uuid import uuid4

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest_parquet.layout import STATE
from flask_chest_parquet.objects import PATIENCE_SECONDS, Gone, Listed, Objects

_TEMPORARY: Final = f"{STATE}tmp/"
_LOCKS: Final = f"{STATE}locks/"
_ABANDONED_SECONDS: Final = 3_600.0
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
_FOR_A_PERSON: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})


class Disk(Objects):
    """Files below a folder.

    A file is written under another name, synced, and gets its name by a hard link, which fails when
    the name is taken. So a reader sees all of a file or nothing, and there is one winner.

    Args:
        root: The folder.
        mode: Who may read and write the files.
    """

    # A record by its ID takes two thirds of the time. In S3, each would be a request of its own.
    row_group: ClassVar[int] = 32_768

    def __init__(self, root: Path, mode: int = 0o600) -> None:
        self._root = root
        self._mode = mode
        self._folder_mode = mode | (mode & 0o444) >> 2  # whoever may read may enter
        self.location = f"the lake {root}"

    def open(self) -> None:
        """Create the folder, and delete what killed processes have left behind."""
        with self._explained():
            for name in (_TEMPORARY, _LOCKS):
                self._make_folder(self._root / name)
            for left in (self._root / _TEMPORARY).iterdir():
                with suppress(OSError):  # deleted meanwhile; or by who may only read
                    if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                        left.unlink()

    def create(self, key: str, content: bytes) -> bool:
        """Create a file durably, unless it is there; return whether this call created it."""
        path = self._root / key
        temporary = self._root / _TEMPORARY / uuid4().hex
        with self._explained():
            if path.exists():
                return False
            self._make_folder(temporary.parent)
            try:
                with temporary.open("xb") as file:
                    os.fchmod(file.fileno(), self._mode)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                return self._link(temporary, path)
            finally:
                with suppress(OSError):
                    temporary.unlink()

    def _link(self, temporary: Path, path: Path) -> bool:
        self._make_folder(path.parent)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except FileNotFoundError:  # another process has just deleted the empty folder
            return self._link(temporary, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise ConfigurationError(
                f"{self.location}: the file system refuses hard links ({error.strerror}), which "
                "write a file once. Choose a folder on another file system"
            ) from error
        _sync_folder(path.parent)
        return True

    def read(self, key: str) -> bytes:
        """Return the content of a file."""
        with self._explained(), _found(key):
            return (self._root / key).read_bytes()

    @contextmanager
    def reader(self, key: str) -> Iterator[BinaryIO]:
        """Open a file during the block."""
        with self._explained(), _found(key):
            file = (self._root / key).open("rb")
        with file:
            yield file

    def list(self, prefix: str, after: str = "", before: str | None = None) -> Iterator[Listed]:
        """Yield all files whose keys begin with `prefix`, sorted."""
        folder, _, _ = prefix.rpartition("/")
        with self._explained():
            found = [*self._below(folder, prefix, after, before)]
        return iter(sorted(found, key=lambda each: each.key))

    def _below(self, folder: str, prefix: str, after: str, before: str | None) -> Iterator[Listed]:
        try:
            entries = os.scandir(self._root / folder)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                key = f"{folder}/{entry.name}" if folder else entry.name
                if not key.startswith(prefix) or (before is not None and key >= before):
                    continue
                if entry.is_dir():
                    if f"{key}0" > after:  # "0" comes after the slash
                        yield from self._below(key, prefix, after, before)
                elif key > after:
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        yield Listed(key, entry.stat().st_size)

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return the names of the folders that begin with `prefix`."""
        with self._explained():
            try:
                with os.scandir(self._root) as entries:
                    return [e.name for e in entries if e.name.startswith(prefix) and e.is_dir()]
            except FileNotFoundError:
                return []

    def delete(self, key: str) -> None:
        """Delete a file, if it is there, and its folder when it was the last."""
        path = self._root / key
        with self._explained():
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                path.parent.rmdir()

    @contextmanager
    def lock(
        self, name: str, owner: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> Iterator[None]:
        """Hold a lock of the operating system during the block; `owner` is not needed."""
        del owner
        deadline = time.monotonic() + patience_seconds
        with self._explained():
            path = self._root / _LOCKS / name
            self._make_folder(path.parent)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ExporterUnavailable(
                            f"{self.location}: another process has held {path} for "
                            f"{patience_seconds:g} s"
                        ) from None
                    time.sleep(0.005)
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may have it open yet
            os.close(file)

    def address(self, key: str) -> str:
        """Return the path of a file."""
        return str(self._root / key)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _make_folder(self, path: Path) -> None:
        """Create a folder and its parents, durably."""
        if path.is_dir():
            return
        self._make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir()
            path.chmod(self._folder_mode)
        _sync_folder(path.parent)

    def _explained(self) -> AbstractContextManager[None]:
        return _explained(self.location)


@contextmanager
def _explained(location: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{location}: {error.strerror or error}"
        if error.filename is not None:
            text += f" ({error.filename})"
        if error.errno in _FOR_A_PERSON:
            raise ConfigurationError(f"{text}. Let this user write there") from error
        raise ExporterUnavailable(text) from error


@contextmanager
def _found(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Gone(key) from error


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
