"""The total of what ended processes have counted. Each of them is in it once, whoever dies when.

The total names the files that are in it. It is replaced as a whole, and only then are these files
deleted: one that is still there after a kill is not counted again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ChestError
from flask_chest.journal.counted import MAX_BYTES, Counted, Damaged, Newer
from flask_chest.journal.files import Syncer, read, write_private
from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.locks import LockFile
from flask_chest.journal.process_file import TOTAL, names_of_processes, read_process
from flask_chest.journal.segment import UNFINISHED_SECONDS, delete_unfinished

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
    from flask_chest.journal.quarantine import Quarantine

_NEW: Final = "total.new"
_LOCK: Final = "total.lock"
_KEEP_NAMES: Final = 500
"""A reader takes the files first and the total last, and must see which of them are in it."""


class Total:
    """The total of one journal.

    Args:
        folder: Where the files of all processes are.
        quarantine: Takes what nobody can read.
        sync: Whether the disk must have the total before files are deleted.
    """

    def __init__(self, folder: Folder, quarantine: Quarantine, *, sync: bool) -> None:
        self._folder = folder
        self._quarantine = quarantine
        self._syncer = Syncer() if sync else None
        self._lock = LockFile(folder, _LOCK)

    def after_fork(self) -> None:
        """Leave the lock to the parent."""
        self._lock.after_fork()
        if self._syncer is not None:
            self._syncer.after_fork()

    def fold(self) -> None:
        """Add what ended processes have left, and delete it. One process at a time does so.

        Raises:
            OSError: It could not be added, and is there still; or it could not be deleted.
        """
        if not names_of_processes(self._folder) or not self._lock.acquire():
            return
        try:
            self._fold()
        finally:
            self._lock.release()

    def _fold(self) -> None:
        try:
            total = read_total(self._folder)
        except Newer:
            return
        except (Damaged, NotOurFile) as error:
            self._quarantine.take(
                self._folder, TOTAL, error, "What ended processes had counted is lost"
            )
            total = Counted()
        ended = {}
        for name in names_of_processes(self._folder):
            with contextlib.suppress(FileNotFoundError, Newer):
                if name in total.contains:  # whoever added it was killed before it could delete it
                    self._folder.unlink(name)
                elif (found := self._ended(name)) is not None:
                    ended[name] = found
        delete_unfinished(self._folder, time.time() - UNFINISHED_SECONDS)
        if not ended:
            return
        total = total.plus(ended, keep_names=_KEEP_NAMES)
        write_private(self._folder, _NEW, os.O_TRUNC, total.encode())
        if self._syncer is not None:
            self._syncer.sync(self._folder, _NEW)
        self._folder.rename(_NEW, TOTAL)
        for name in ended:
            with contextlib.suppress(FileNotFoundError):
                self._folder.unlink(name)

    def _ended(self, name: str) -> Counted | None:
        """Return what a process that has ended counted; None for one that lives, or the damaged."""
        try:
            found, lives = read_process(self._folder, name)
        except (Damaged, NotOurFile, IsADirectoryError) as error:
            lost = "What one process counted is lost"
            self._quarantine.take(self._folder, name, error, lost)
            return None
        return None if lives else found


def read_total(folder: Folder) -> Counted:
    """Return what ended processes have counted; nothing when there is no such file.

    Raises:
        NotOurFile: There is no regular file of the folder's owner.
        Damaged: Its content makes no sense.
        Newer: A newer release wrote it.
        OSError: It cannot be read.
    """
    try:
        size = folder.file(TOTAL).st_size
        if size > MAX_BYTES:
            raise Damaged(f"it has {size} bytes")
        return Counted.decode(read(folder, TOTAL))
    except FileNotFoundError:
        return Counted()
    except IsADirectoryError as error:
        raise Damaged("it is a folder") from error


def read_all(
    folder: Folder, own: str | None, say: Callable[[str, Exception], None]
) -> tuple[list[Counted], list[Counted]]:
    """Return what processes have counted that live, and those that have ended.

    Args:
        folder: Where the files are.
        own: Name of the file of this process, which is left out.
        say: Called with the name of a file that cannot be read, and the error.

    Raises:
        OSError: The folder cannot be read.
    """
    found = {}
    for name in names_of_processes(folder):
        if name != own:
            try:
                found[name] = read_process(folder, name)
            except FileNotFoundError:
                pass  # it is in the total by now
            except (ChestError, OSError) as error:
                say(name, error)
    # Last, so that it has whatever was deleted meanwhile.
    total = Counted()
    try:
        total = read_total(folder)
    except (ChestError, OSError) as error:
        say(TOTAL, error)
    parts = [part for name, part in found.items() if name not in total.contains]
    return (
        [counted for counted, lives in parts if lives],
        [total, *(counted for counted, lives in parts if not lives)],
    )
