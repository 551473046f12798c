"""Become, as root, the user to whom the journal belongs.

Root's cron must not read or write what that user may have put in place of a file.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from flask_chest.errors import ConfigurationError
from flask_chest.runtime.owner import name_of, nearest_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_MAX_LINKS: Final = 40
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def become_owner(path: Path, *, trusted: Collection[int], prepare: Callable[[], object]) -> None:
    """Become the owner of a journal, when this process is root's. It is for good.

    Of a folder that does not exist, it is the owner of the nearest one above that does.

    Args:
        path: Of the journal.
        trusted: Users whose links may lead to the journal, besides root and its owner.
        prepare: Called before, to import what only root may be able to read.

    Raises:
        ConfigurationError: It is a link, or somebody else has led the path there by one.
        click.ClickException: This process may not become another user.
    """
    if os.geteuid() != 0:
        return
    try:
        status, linkers = _look(path)
    except OSError as error:
        raise ConfigurationError(
            f"CHEST_JOURNAL={str(path)!r} cannot be used by root: {error.strerror}. It must be a "
            "folder, and no link to one",
            setting="CHEST_JOURNAL",
        ) from error
    strangers = linkers - {0, status.st_uid, *trusted}
    if strangers:
        raise ConfigurationError(
            f"CHEST_JOURNAL={str(path)!r} cannot be used by root: a link on the way there belongs "
            f"to {name_of(min(strangers))}, and the folder to {name_of(status.st_uid)}. Name the "
            "folder without the link, or run this as the user of the application",
            setting="CHEST_JOURNAL",
        )
    if status.st_uid == 0:
        return
    prepare()
    try:
        _become(status.st_uid, status.st_gid)
    except OSError as error:
        raise click.ClickException(
            f"{path} belongs to {name_of(status.st_uid)}, and this process may not become that "
            f"user: {error.strerror}. Run it as that user"
        ) from error


def _become(uid: int, gid: int) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([gid])
        home = "/"
    else:
        gid, home = user.pw_gid, user.pw_dir
        os.initgroups(user.pw_name, gid)
        os.environ["USER"] = os.environ["LOGNAME"] = user.pw_name
    os.setgid(gid)
    os.setuid(uid)  # of root, all three: the real, the effective and the saved one
    # Drivers look there for their files, and do not expect that they may not read root's.
    os.environ["HOME"] = home


def _look(path: Path) -> tuple[os.stat_result, set[int]]:
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
