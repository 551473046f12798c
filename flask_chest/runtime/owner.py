"""To whom root gives the files and folders that it creates: those who are to go on with them."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from pathlib import Path


def name_of(uid: int) -> str:
    """Return the name of a user for a message, with the number."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (user {uid})"
    except KeyError:
        return f"user {uid}"


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
            descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                give(descriptor, owner)
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


def _gives_away(uid: int) -> bool:
    return os.geteuid() == 0 and uid != 0
