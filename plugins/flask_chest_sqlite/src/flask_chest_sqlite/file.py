"""The database file on the disk: whose it is, and who may read and write it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError
from flask_chest.runtime.command import is_command
from flask_chest.runtime.log import logger
from flask_chest.runtime.owner import is_for_anybody, name_of, offer

if TYPE_CHECKING:
    from flask_chest_sqlite.config import SqliteConfig

_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def secure_file(config: SqliteConfig) -> bool:
    """Create the file if it is missing, with its mode, whatever the umask.

    SQLite gives the files that it puts beside it the same mode and, as root, the same owner. A file
    that exists is not opened: closing it would release all locks that SQLite has on it in this
    process, see https://sqlite.org/howtocorrupt.html, section 2.2.

    Returns:
        Whether a file has another mode. Call `set_mode` once SQLite has said that it is a database:
        a path that was mistyped may lead to any file.

    Raises:
        ConfigurationError: Root may not trust what is there, or cannot know for whom to create it.
    """
    path = config.path
    with suppress(OSError):  # SQLite meets the same, and says it in its own words
        if os.geteuid() == 0 != path.parent.stat().st_uid:
            for each in _with_companions(path):
                _check(each)
        path = Path(os.path.realpath(path))
        if not path.exists():
            _create(path, config.mode)
            return False
        return any(_has_other_mode(each, config.mode) for each in _with_companions(path))
    return False


def set_mode(config: SqliteConfig) -> None:
    """Give the database and the files beside it their mode."""
    for each in _with_companions(Path(os.path.realpath(config.path))):
        with suppress(OSError):
            if _has_other_mode(each, config.mode):
                _set_mode(each, config.mode)


def _with_companions(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}{end}") for end in _COMPANIONS)]


def _create(path: Path, mode: int) -> None:
    if is_command() and is_for_anybody(path.parent):
        raise ConfigurationError(
            f"there is no database {path} yet, and root cannot know to which user it is to belong. "
            "Start the application first, or run this command as its user"
        )
    owner = path.parent.stat()
    try:
        descriptor = os.open(path, _CREATE, 0o600)
    except FileExistsError:
        return  # another process was faster
    try:
        os.fchmod(descriptor, mode)
        offer(descriptor, (owner.st_uid, owner.st_gid))
    finally:
        os.close(descriptor)


def _check(path: Path) -> None:
    """Refuse, as root, what the owner of the folder has put in place of the file."""
    owner = path.parent.stat().st_uid
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode) and (
        status.st_uid == owner
        # Root has made it, in a container that may not give it away, and it has no other name.
        or (status.st_uid == 0 and status.st_nlink == 1)
    ):
        return
    kind = "a regular file" if stat.S_ISREG(status.st_mode) else "a link or no file"
    raise ConfigurationError(
        f"{path} is {kind} of {name_of(status.st_uid)}, in a folder of {name_of(owner)}, whom root "
        "does not follow elsewhere. Run this as the owner of the folder, or give the file to them"
    )


def _has_other_mode(path: Path, mode: int) -> bool:
    """Return whether a file of this user's has another mode. Others' are theirs to care for."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    is_ours = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode)
    return is_ours and stat.S_IMODE(status.st_mode) != mode


def _set_mode(path: Path, mode: int) -> None:
    had = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    if had & ~mode:
        logger.warning(
            "%s had the mode %04o, so that others could read or write the records. It has %04o "
            "now. For those who share it, set `mode` of the exporter, such as '0640'",
            path,
            had,
            mode,
        )
