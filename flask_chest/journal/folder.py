"""Folders of the journal: opened once, without following links. All files are reached through them.

Who may write into a folder may put anything there: a link to a file of root's, a hard link, a FIFO
that never answers. So a file counts only when it is a regular file of the folder's owner, which is
looked at once the file is open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

from flask_chest.runtime import fork
from flask_chest.runtime.command import is_command
from flask_chest.runtime.owner import give, make_parents, name_of, offer, run_as

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_LINK: Final = {errno.ELOOP, errno.EMLINK}  # the latter on FreeBSD
_SPECIAL: Final = {errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP}


class FolderRefused(OSError):
    """A folder is a link, belongs to somebody else, or can be written by others."""

    def __init__(self, code: int, fault: str, remedy: str) -> None:
        super().__init__(code, f"{fault}. {remedy}")
        self.fault = fault
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the message, without a number that says no more."""
        return f"{self.fault}. {self.remedy}"


class NotOurFile(OSError):
    """At this name is no regular file of the folder's owner."""


class _Opened:
    """An open folder. It is closed at the latest when nobody refers to it any more."""

    __slots__ = ("descriptor", "gid", "uid")

    def __init__(self, descriptor: int, uid: int, gid: int) -> None:
        self.descriptor = descriptor
        self.uid = uid
        self.gid = gid

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


class Folder:
    """A folder of the journal. It is opened when it is first used, and stays open.

    Args:
        path: Of the folder.
        within: The journal's own folder, if it is one of those in it. They have one owner.
    """

    def __init__(self, path: Path, within: Folder | None = None) -> None:
        self.path = path
        self._within = within
        self._opened: _Opened | None = None
        self._before: _Opened | None = None  # another thread may still use it

    # -- The folder itself -----------------------------------------------------------------------

    def make(self) -> None:
        """Create the folder for its owner alone, whatever the umask, if it is missing. Open it.

        Raises:
            FolderRefused: It is there, and cannot be trusted.
            OSError: It cannot be created or opened.
        """
        self.refresh()
        if self._opened is not None:
            return
        parent = None if self._within is None else self._within.open()
        owner = make_parents(self.path) if parent is None else (parent.uid, parent.gid)
        name = self.path if parent is None else self.path.name
        at = None if parent is None else parent.descriptor
        try:
            os.mkdir(name, 0o700, dir_fd=at)
        except FileExistsError:
            self.open()
            return
        if os.geteuid() != 0:
            os.chmod(name, 0o700, dir_fd=at)  # the umask may have made it unreadable to ourselves
        descriptor = os.open(name, _FOLDER, dir_fd=at)
        try:
            os.fchmod(descriptor, 0o700)
            if parent is None:
                offer(descriptor, owner)
            else:
                give(descriptor, owner)
        finally:
            os.close(descriptor)
        self.open()

    def open(self) -> _Opened:
        """Return the open folder.

        Raises:
            FolderRefused: It cannot be trusted.
            OSError: It cannot be opened.
        """
        opened = self._opened
        if opened is None:
            with fork.held_off():
                opened = self._opened = self._open()
        return opened

    def _open(self) -> _Opened:
        within = None if self._within is None else self._within.open()
        name, at = (self.path, None) if within is None else (self.path.name, within.descriptor)
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=at)
        except PermissionError:
            self._check(os.stat(name, dir_fd=at, follow_symlinks=False), within)
            raise
        except OSError as error:
            if error.errno in _LINK or error.errno == errno.ENOTDIR:
                self._refuse_if_link(name, at, error)
            raise
        status = os.fstat(descriptor)
        opened = _Opened(descriptor, status.st_uid, status.st_gid)
        try:
            self._check(status, within)
        except OSError:
            opened.close()  # also where the traceback of the error refers to it
            raise
        return opened

    def _refuse_if_link(self, name: Path | str, at: int | None, error: OSError) -> None:
        status = os.stat(name, dir_fd=at, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise FolderRefused(
                errno.ELOOP,
                f"{self.path} is a link, made by {name_of(status.st_uid)}, and links are not "
                "followed",
                "Name the folder that it leads to, or replace it by a folder",
            ) from error

    def _check(self, status: os.stat_result, within: _Opened | None) -> None:
        """Refuse a folder that somebody else made, or that others may write."""
        here = os.geteuid()
        uid = here if within is None else within.uid
        told = f"{self.path} belongs to {name_of(status.st_uid)}, mode {_mode(status):04o}"
        if status.st_uid != uid and (within is not None or here != 0):
            if within is None and is_command():
                # Not the chown: the application could no longer use its folder.
                raise FolderRefused(
                    errno.EPERM, f"{told}, and not to {name_of(uid)}", run_as(status.st_uid)
                )
            other = "ame another folder"
            if _mode(status) & _OTHERS_WRITE:
                other += ", such as one in it"
            remedy = f"N{other}"
            if not self._has_others(status):
                by = "" if status.st_uid == 0 else f"as {name_of(status.st_uid)}, "
                remedy = (
                    f"If the folder has nothing but the journal, {by}give it and all in it to "
                    f"{name_of(uid)} (chown -R). Else n{other}"
                )
            raise FolderRefused(errno.EPERM, f"{told}, and not to {name_of(uid)}", remedy)
        if _mode(status) & _OTHERS_WRITE:
            raise FolderRefused(
                errno.EPERM,
                f"{told}: its group or others may write there, and could add records or take them "
                "away",
                f"Take the right from them (chmod go-w {self.path}), or name another folder, such "
                "as one in it",
            )

    def _has_others(self, status: os.stat_result) -> bool:
        """Return whether something else than a journal is in this folder, or soon may be."""
        if self._within is not None:
            return False  # a folder of the journal itself
        if _mode(status) & stat.S_ISVTX:
            return True  # as in /tmp
        try:
            found = {each.name for each in self.path.iterdir()}
        except OSError:
            return False  # nobody knows
        return bool(found) and "segments" not in found

    def refresh(self) -> None:
        """Let go of a folder that was deleted or moved, so that the one in its place is opened."""
        if self._within is not None:
            self._within.refresh()
        opened = self._opened
        if opened is None:
            return
        try:
            within, name = self._within, self.path.name
            there = self.path.lstat() if within is None else within.stat(name)
            if os.path.samestat(there, os.fstat(opened.descriptor)):
                return
        except OSError:
            pass
        self._before, before = opened, self._before
        self._opened = None
        if before is not None:
            before.close()

    def close(self) -> None:
        """Close the folder, which no other thread uses now. It is opened again when it is used."""
        for opened in (self._opened, self._before):
            if opened is not None:
                opened.close()  # also where the traceback of an error refers to it
        self._opened = self._before = None

    # -- What is in it ---------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of all that is in it; none when the folder is missing.

        Raises:
            OSError: It cannot be read.
        """
        try:
            with fork.held_off():
                descriptor = self.open_again()
                try:
                    with os.scandir(descriptor) as entries:
                        return [entry.name for entry in entries]
                finally:
                    os.close(descriptor)
        except FileNotFoundError:
            return []

    def open_again(self) -> int:
        """Return another descriptor of the folder, to be closed by the caller.

        One that is listed has a position, which forked processes and threads must not share.

        Raises:
            OSError: It cannot be opened.
        """
        return os.open(".", _FOLDER, dir_fd=self.open().descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Return what is known about a name, without following a link.

        Raises:
            OSError: There is no such name, or it cannot be looked at.
        """
        return os.stat(name, dir_fd=self.open().descriptor, follow_symlinks=False)

    def file(self, name: str) -> os.stat_result:
        """Return what is known about a regular file of the owner.

        Raises:
            NotOurFile: There is something else.
            OSError: There is nothing or a folder, or it cannot be looked at.
        """
        opened = self.open()
        status = os.stat(name, dir_fd=opened.descriptor, follow_symlinks=False)
        self._check_file(name, status, opened)
        return status

    def open_file(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a regular file of the owner that is there, and return its descriptor.

        Raises:
            NotOurFile: There is something else.
            OSError: There is nothing or a folder, or it cannot be opened.
        """
        opened = self.open()
        try:
            # Not cut before it is known to be ours.
            descriptor = os.open(name, (flags & ~os.O_TRUNC) | _FILE, dir_fd=opened.descriptor)
        except OSError as error:
            if error.errno in _LINK:
                raise NotOurFile(errno.ELOOP, f"{self.path / name} is a symbolic link") from error
            if error.errno in _SPECIAL:
                raise NotOurFile(error.errno, f"{self.path / name} is no regular file") from error
            raise
        try:
            self._check_file(name, os.fstat(descriptor), opened)
            if flags & os.O_TRUNC:
                os.ftruncate(descriptor, 0)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _check_file(self, name: str, status: os.stat_result, opened: _Opened) -> None:
        kind = status.st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path / name))
        if not stat.S_ISREG(kind):
            what = "a symbolic link" if stat.S_ISLNK(kind) else "no regular file"
            raise NotOurFile(errno.EINVAL, f"{self.path / name} is {what}")
        if status.st_uid != opened.uid:
            raise NotOurFile(
                errno.EPERM,
                f"{self.path / name} belongs to {name_of(status.st_uid)}, and not to the folder's "
                f"owner, {name_of(opened.uid)}",
            )

    def create(self, name: str, flags: int) -> int:
        """Open a file that only the owner may read, whatever the umask; return its descriptor.

        It is created if it is missing. One that root creates belongs to the folder's owner, who
        must be able to go on with it.

        Args:
            name: Of the file.
            flags: As of `os.open`. With `os.O_EXCL`, the file must not exist.

        Raises:
            NotOurFile: There is something else.
            OSError: It cannot be opened.
        """
        opened = self.open()
        new = flags | os.O_CREAT | os.O_EXCL | _FILE
        while True:
            try:
                descriptor = os.open(name, new, 0o600, dir_fd=opened.descriptor)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
            else:
                break
            try:
                return self.open_file(name, flags & ~os.O_CREAT)
            except FileNotFoundError:
                continue  # it was deleted at this moment
        try:
            os.fchmod(descriptor, 0o600)
            give(descriptor, (opened.uid, opened.gid))
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                self.unlink(name)  # or it would be in the owner's way
            raise
        return descriptor

    def rename(self, name: str, new: str, to: Folder | None = None) -> None:
        """Rename a file, whatever it is, and replace one that has the new name.

        Raises:
            OSError: That is not possible.
        """
        into = self if to is None else to
        os.rename(name, new, src_dir_fd=self.open().descriptor, dst_dir_fd=into.open().descriptor)

    def unlink(self, name: str) -> None:
        """Delete a file, or a link itself.

        Raises:
            OSError: That is not possible.
        """
        os.unlink(name, dir_fd=self.open().descriptor)


def _mode(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode)
