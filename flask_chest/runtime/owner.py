"""Whose files and folders are, and to whom root gives those that it creates."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from pathlib import Path
from typing import Final

_MAX_LINKS: Final = 40
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def name_of(uid: int) -> str:
    """Return the name of a user for a message, with the number."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (user {uid})"
    except KeyError:
        return f"user {uid}"


def run_as(uid: int) -> str:
    """Return how a command is run as a user, for a message: its remedy."""
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"'#{uid}'"
    return f"Run this as {name_of(uid)}: sudo -u {user} ..."


def nearest_visible(path: Path) -> tuple[Path, os.stat_result]:
    """Return the path itself if this process may look at it, else the nearest folder above it.

    Raises:
        OSError: It may look at none of them.
    """
    for each in (path, *path.parents):
        with contextlib.suppress(OSError):
            return each, each.lstat()
    raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def nearest_folder(path: Path) -> Path:
    """Return the path itself if there is something, else the nearest folder above it that exists.

    Raises:
        OSError: It cannot be looked at.
    """
    for each in (path, *path.parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            each.lstat()
            return each
    return path  # not even the root is there


def make_parents(path: Path) -> tuple[int, int]:
    """Create the missing folders above a path.

    Those that root creates belong to the owner of the nearest folder that existed: root's cron must
    leave no folder behind that the application's user cannot use.

    Returns:
        The user and the group to whom something new belongs there.

    Raises:
        OSError: They cannot be created.
    """
    return make_folders(path.parent)


def make_folders(path: Path) -> tuple[int, int]:
    """Create a folder and those above it, where they are missing, with the mode of the umask.

    Returns:
        The user and the group who own it, if root has made it: those of the nearest that existed.

    Raises:
        OSError: They cannot be created.
    """
    nearest = nearest_folder(path)
    status = nearest.stat()
    owner = status.st_uid, status.st_gid
    missing = path.relative_to(nearest).parts
    for number in range(len(missing)):
        made = nearest.joinpath(*missing[: number + 1])
        try:
            made.mkdir()
        except FileExistsError:  # another process was faster
            continue
        if _gives_away(owner[0]):
            descriptor = os.open(made, _FOLDER)
            try:
                offer(descriptor, owner)
            finally:
                os.close(descriptor)
    return owner


def is_for_anybody(folder: Path) -> bool:
    """Return whether root sees a folder of root's in which others may create something, too.

    Root cannot know to whom a file there is to belong.

    Raises:
        OSError: It cannot be looked at.
    """
    if os.geteuid() != 0:
        return False
    status = folder.stat()
    return status.st_uid == 0 and bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def give(descriptor: int, owner: tuple[int, int]) -> None:
    """Give what root has just created to its owner. For anybody else nothing happens.

    Raises:
        OSError: That is not possible.
    """
    if _gives_away(owner[0]) and os.fstat(descriptor).st_uid == 0:
        os.fchown(descriptor, *owner)


def offer(descriptor: int, owner: tuple[int, int]) -> None:
    """Give as `give` does, or keep it.

    Root of a container may not give anything away (CAP_CHOWN), or not to a user that its namespace
    has not. It can go on with what it has made.

    Raises:
        OSError: It is not possible for another reason.
    """
    try:
        give(descriptor, owner)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EINVAL}:
            raise


def _gives_away(uid: int) -> bool:
    return os.geteuid() == 0 and uid != 0


def look(path: Path) -> tuple[os.stat_result, set[int]]:
    """Look at a folder, or at the nearest one above it that exists.

    Returns:
        What is known about it, and the owners of all links that lead there.

    Raises:
        OSError: It is a link, or cannot be opened.
    """
    found = nearest_folder(path)
    linkers: set[int] = set()
    at = _walk(found.parent if found == path else found, linkers)
    try:
        if found == path:
            into = os.open(path.name, _FOLDER, dir_fd=at)
            os.close(at)
            at = into
        return os.fstat(at), linkers
    finally:
        os.close(at)


def _walk(path: Path, linkers: set[int]) -> int:
    """Open each folder on a path in the one before it, and return the last one.

    Args:
        path: An absolute path.
        linkers: Takes the owners of the links on the way.

    Raises:
        OSError: One cannot be opened, or there are too many links.
    """
    rest = list(path.parts)
    at = os.open(rest.pop(0), _FOLDER)
    links = 0
    try:
        while rest and links <= _MAX_LINKS:
            name = rest.pop(0)
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                linkers.add(status.st_uid)
                links += 1
                target = Path(os.readlink(name, dir_fd=at))
                rest[:0] = target.parts
                continue
            into = os.open(name, _FOLDER, dir_fd=at)  # an absolute one leaves `at` aside
            os.close(at)
            at = into
    except OSError:
        os.close(at)
        raise
    if rest:
        os.close(at)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return at
