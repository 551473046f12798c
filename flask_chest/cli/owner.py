"""Become, as root, the user to whom the journal belongs.

Root's cron must not read or write what that user may have put in place of a file.
"""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING

import click

from flask_chest.errors import ConfigurationError
from flask_chest.runtime.owner import look, name_of, nearest_visible, run_as

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


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
        status, linkers = look(path)
    except OSError as error:
        raise ConfigurationError(
            f"CHEST_JOURNAL={str(path)!r} cannot be used by root: {error.strerror}. "
            f"{_remedy(path, error)}",
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
            f"user: {error.strerror}. {run_as(status.st_uid)}"
        ) from error


def _remedy(path: Path, error: OSError) -> str:
    """Return what to do when root cannot open the folder of a journal."""
    if not isinstance(error, PermissionError):
        return "It must be a folder, and no link to one"
    try:
        found, status = nearest_visible(path)
    except OSError:
        return "Run this as the user of the application"
    return (
        f"{found} belongs to {name_of(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}, "
        "and this process has not all rights of root (CAP_DAC_READ_SEARCH). "
        f"{run_as(status.st_uid)}"
    )


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
