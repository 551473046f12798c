"""Why a database file cannot be opened or written, as the disk has it."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from flask_chest.runtime.command import is_command
from flask_chest.runtime.owner import name_of, nearest_visible, run_as

_COMPANIONS: Final = ("-wal", "-shm", "-journal")


def reason(path: Path) -> str:
    """Return what is wrong, and the remedy; an empty text when nothing is found.

    SQLite says "unable to open database file" and "attempt to write a readonly database" of all of
    this alike. The file is not opened: closing it would release the locks that SQLite has on it.
    """
    try:
        return _reason(Path(os.path.realpath(path)))
    except OSError as error:
        return f"{path} cannot be examined: {error.strerror}"


def closed(path: Path) -> str:
    """Return which folder on the way to a file this process may not enter, and the remedy."""
    folder, status = nearest_visible(path)
    remedy = "Give this user the right to enter it"
    if is_command() and status.st_uid != os.geteuid():
        remedy = run_as(status.st_uid)
    return (
        f"{name_of(os.geteuid())} may not enter {folder}, which belongs to "
        f"{name_of(status.st_uid)} with the mode {stat.S_IMODE(status.st_mode):04o}. {remedy}"
    )


def _reason(path: Path) -> str:
    return _of_folder(path.parent) or _of_files(path) or _of_rights(path)


def _of_folder(folder: Path) -> str:
    if not folder.exists():
        return f"The folder {folder} does not exist. Create it, or mount its disk"
    if not folder.is_dir():
        return f"{folder} is no folder. Put one in its place, or name another file"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return (
            f"The disk of {folder} is mounted read-only ({_mount_point(folder)}). Mount it "
            "writable again. The kernel makes a faulty disk read-only, too: look at its messages "
            "(dmesg)"
        )
    return ""


def _of_files(path: Path) -> str:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        return f"{path} is no regular file. Remove it, or name another file"
    for each in (path, *(path.with_name(f"{path.name}{end}") for end in _COMPANIONS)):
        if each.exists() and not os.access(each, os.R_OK | os.W_OK):
            status = each.stat()
            return (
                f"{name_of(os.geteuid())} may not write {each}, which belongs to "
                f"{name_of(status.st_uid)} with the mode {stat.S_IMODE(status.st_mode):04o}. "
                f"{_remedy(path, status.st_uid, 'it')}"
            )
    return ""


def _of_rights(path: Path) -> str:
    folder = path.parent
    if os.access(folder, os.W_OK | os.X_OK):
        return _of_creation(folder)
    return (
        f"{name_of(os.geteuid())} may create no file in {folder}, and SQLite needs some beside the "
        f"database. {_remedy(path, folder.stat().st_uid, 'the folder')}"
    )


def _of_creation(folder: Path) -> str:
    """Return why no file can be created in a folder whose mode allows it, such as /proc."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".chest-", dir=folder)
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}:
            return ""  # other messages say it
        return (
            f"{name_of(os.geteuid())} can create no file in {folder}, which its kind of disk does "
            f"not allow: {error.strerror}. Name a file in another folder"
        )
    os.close(descriptor)
    Path(name).unlink()
    return ""


def _remedy(path: Path, owner: int, what: str) -> str:
    """Return who is to do what; in a command also why, which may only read.

    A reader takes its locks in a file, too: https://sqlite.org/wal.html, "Read-Only Databases".
    """
    if not is_command() or owner == os.geteuid():
        return f"Give this user the right to write {what}"
    return (
        f"Reading needs it, too: in WAL mode each reader takes its locks in {path.name}-shm. "
        f"{run_as(owner)}, or give this user the right to write the folder and all of its files "
        "(`mode` of the exporter)"
    )


def _mount_point(folder: Path) -> Path:
    device = folder.stat().st_dev
    while folder.parent != folder and folder.parent.stat().st_dev == device:
        folder = folder.parent
    return folder


def space(path: Path) -> str:
    """Return how much room the disk of a file has, for a message."""
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return "Make room on its disk"
    free = found.f_bavail * found.f_frsize / 2**20
    remedy = "Make room on it" if free < 10 else "So it is a quota or a limit of the process"
    return f"The disk of {path.parent} has {free:,.0f} MiB free. {remedy}"
