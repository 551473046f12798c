"""Which exporters the living processes of a host have, and where each of them delivers.

Each process holds a shared lock on a file for each of its exporters. The kernel releases it when
the process ends, however it ends: a file that nobody holds means nothing. Its name has the
exporter's, and a digest of where it delivers; its content says the same for people.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError
from flask_chest.journal.files import read
from flask_chest.journal.locks import SharedLock
from flask_chest.runtime.chance import chance
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder

IN_USE: Final = ".in-use"
_MARK: Final = "@"
_POLL_SECONDS: Final = 0.05
_ELSEWHERE: Final = "another destination"

_waited: Final[set[Path]] = set()
"""For which journals this process has waited in vain, as for each application of a test suite."""


class OtherExporters(ConfigurationError):
    """Living processes with other exporters use the journal. Each would deliver for the other."""


class InUse:
    """The exporters of this process, and its shared lock for each.

    Args:
        cursors: The folder of the locks.
        exporters: Where each exporter delivers, by its name; an empty text when that is not known.
    """

    def __init__(self, cursors: Folder, exporters: Mapping[str, str]) -> None:
        self._cursors = cursors
        self._exporters = exporters
        self._files = {name: _file(name, exporters[name]) for name in exporters}
        self._locks = {name: SharedLock(cursors, file) for name, file in self._files.items()}

    def take(self, wait_seconds: float) -> None:
        """Hold the locks, unless a living process delivers elsewhere.

        Args:
            wait_seconds: How long to wait for such processes to end, as in a restart.

        Raises:
            OtherExporters: One is still there.
            OSError: The files cannot be opened or locked.
        """
        if self._cursors.path in _waited:
            wait_seconds = 0.0
        deadline = time.monotonic() + wait_seconds
        for attempt in itertools.count():
            is_shared = any(self._is_held(file) for file in self._files.values())
            self.hold()
            others = self._others(is_shared=is_shared)
            if others is None:
                return
            self.release()
            if not attempt:
                gc.collect()  # a discarded application of this process may still hold some
            elif attempt == 1 and wait_seconds:
                logger.warning(
                    "Another process uses the journal in %s with other exporters: %s. Waiting up "
                    "to %g seconds for it to end",
                    self._cursors.path.parent,
                    others,
                    wait_seconds,
                )
            if time.monotonic() >= deadline and attempt:
                if wait_seconds:
                    _waited.add(self._cursors.path)
                raise OtherExporters(
                    f"CHEST_JOURNAL={str(self._cursors.path.parent)!r} is used by another process "
                    f"with other exporters: {others}. Each would deliver the records of the other. "
                    "Give each application a journal of its own. When this is a new release of the "
                    "same application, end the processes of the old one first; or keep the old "
                    "exporter for one release, and add the new one under a new name",
                    setting="CHEST_JOURNAL",
                )
            # At random, so that two processes that meet here do not meet again.
            time.sleep(chance.uniform(_POLL_SECONDS / 2, _POLL_SECONDS))

    def hold(self) -> None:
        """Hold the locks, or take them anew when their files were deleted.

        Raises:
            OSError: They cannot be opened or locked.
        """
        for name, lock in self._locks.items():
            if lock.hold():
                self._explain(name)

    def touch(self) -> None:
        """Note that they are in use now: what is written later is not written for them.

        Raises:
            OSError: It cannot be noted.
        """
        for lock in self._locks.values():
            lock.touch()

    def release(self) -> None:
        """Release the locks. In a forked child, the parent still holds them."""
        with contextlib.suppress(OSError):
            self.touch()
        for lock in self._locks.values():
            lock.release()

    def _others(self, *, is_shared: bool) -> str | None:
        """Say which exporters a living process has that must not be beside ours; None for none.

        It may have exporters that we have not, and we some that it has not, as while a deployment
        adds one: when both deliver to one destination, it is the same application.

        Args:
            is_shared: Whether one of our locks was held before we took it.
        """
        ends = {_split(file)[1] for file in self._files.values()}
        strangers = []
        for file in sorted(set(names_in_use(self._cursors)).difference(self._files.values())):
            name, end = _split(file)
            is_own_name = name in self._files
            if not end or not self._is_held(file, deletes=is_own_name):
                continue
            if is_own_name and "" not in ends:
                return f"there {name!r} is {self._note(file)}, and here {self._exporters[name]}"
            if end in ends:
                is_shared = True
            else:
                strangers.append(f"{name!r} ({self._note(file)})")
        if not strangers or is_shared or "" in ends:
            return None
        here = ", ".join(f"{name!r} ({self._exporters[name]})" for name in self._files)
        return f"there {', '.join(strangers)}, and here {here}"

    def _is_held(self, file: str, *, deletes: bool = False) -> bool:
        """Return whether a living process holds a lock.

        Args:
            file: Of the lock.
            deletes: Whether to delete a file that nobody holds, or each former destination would
                leave one behind. Those of other exporters say which of them had records to get.
        """
        try:
            if deletes:
                return not SharedLock.delete_unheld(self._cursors, file)
            return SharedLock.is_held(self._cursors, file)
        except FileNotFoundError:
            return False

    def _explain(self, name: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: only people read it
            self._locks[name].write_note(self._exporters[name].encode("utf-8", "surrogateescape"))

    def _note(self, file: str) -> str:
        with contextlib.suppress(OSError):
            return read(self._cursors, file).decode("utf-8", "surrogateescape") or _ELSEWHERE
        return _ELSEWHERE


def names_in_use(cursors: Folder) -> Iterator[str]:
    """Yield the names of the files of all exporters that a process has, or had.

    Raises:
        OSError: The folder cannot be read.
    """
    return (name for name in cursors.names() if name.endswith(IN_USE))


def exporter_of(file: str) -> str:
    """Return the name of the exporter that such a file is for."""
    return _split(file)[0]


def _file(name: str, destination: str) -> str:
    if not destination:
        return f"{name}{IN_USE}"
    digest = hashlib.sha256(destination.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{name}{_MARK}{digest}{IN_USE}"


def _split(file: str) -> tuple[str, str]:
    """Return the exporter's name, which has no `@`, and the digest of its destination."""
    name, _, end = file.removesuffix(IN_USE).partition(_MARK)
    return name, end
