"""What is found of the journal: folder, files, limit, disk, and who else uses it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.cli import amounts
from flask_chest.cli.application import is_standalone
from flask_chest.cli.findings.found import Found
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.errors import ConfigurationError
from flask_chest.journal import disk
from flask_chest.journal.folder import FolderRefused
from flask_chest.journal.layout import Layout

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal
    from flask_chest.journal.folder import Folder

_NEARLY_FULL: Final = 0.8
_WHERE: Final = "journal"
_REASON: Final = ".reason"
_MAX_FILES: Final = 3


def journal_findings(
    journal: Journal, max_bytes: int, exporters: Mapping[str, Exporter]
) -> Iterator[Found]:
    """Yield what is found of a journal.

    Args:
        journal: As the settings name it.
        max_bytes: CHEST_JOURNAL_MAX_BYTES; 0 for the default.
        exporters: To which it is delivered.
    """
    if journal.folder is None:
        text = "in memory: what is not delivered ends with its process"
        yield Found("ok", _WHERE, "", "not given: --journal FOLDER" if is_standalone() else text)
        return
    layout = Layout(journal.folder)
    try:
        try:
            if not layout.is_there():
                yield from _missing(layout)
                return
        except OSError as error:
            yield _unusable(layout, error)
            return
        yield from _folder(layout)
        # Other processes know where it is delivered, and would seem to deliver elsewhere.
        if not any(isinstance(each, Unconfigured) for each in exporters.values()):
            yield from _others(journal)
        yield from _room(layout, max_bytes or disk.MAX_BYTES)
        yield from _unreadable(layout)
        yield from _quarantined(layout)
    finally:
        layout.close()


def newest_segment(journal: Journal) -> float | None:
    """Return when the newest file of a journal was made, by its name: Unix time in seconds."""
    if journal.folder is None:
        return None
    layout = Layout(journal.folder)
    try:
        names = sorted(layout.segments.names(), reverse=True)
        return next((int(n[:8] + n[9:13], 16) / 1000 for n in names), None)
    except (OSError, ValueError):
        return None
    finally:
        layout.close()


def _missing(layout: Layout) -> Iterator[Found]:
    above = layout.path
    while not above.exists() and above != above.parent:
        above = above.parent
    try:
        # Root has every right to /proc and to a disk that is full, and can create nothing there.
        Path(tempfile.mkdtemp(prefix=".chest-check-", dir=above)).rmdir()
    except OSError as error:
        yield Found(
            "error",
            _WHERE,
            "permissions",
            f"{layout.path} is not there, and this user cannot create it in {above}: "
            f"{error.strerror}",
            "Set CHEST_JOURNAL to a folder on a local disk, and give it to the user of the "
            "application",
        )
    else:
        yield Found("ok", _WHERE, "", f"{layout.path} is not there yet: nothing waits")


def _unusable(layout: Layout, error: OSError) -> Found:
    fault = str(error.strerror or error)
    remedy = "Run this as the user of the application, or give the folder back to it"
    if isinstance(error, FolderRefused):
        fault, remedy = error.fault, error.remedy
    return Found(
        "error",
        _WHERE,
        "permissions",
        f"{layout.path} cannot be used: {fault}",
        remedy,
    )


def _folder(layout: Layout) -> Iterator[Found]:
    for folder in (layout.root, layout.segments, layout.cursors, layout.dead_letters):
        try:
            descriptor = folder.open_again()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield _unusable(layout, error)
            continue
        try:
            if not os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=descriptor):
                yield _unusable(layout, PermissionError(0, f"no right to write to {folder.path}"))
        finally:
            os.close(descriptor)


def _others(journal: Journal) -> Iterator[Found]:
    try:
        journal.claim()
    except ConfigurationError as error:
        yield Found("error", _WHERE, "in use", str(error))


def _room(layout: Layout, max_bytes: int) -> Iterator[Found]:
    used = sum(_size(each) for each in (layout.segments, layout.dead_letters, layout.damaged))
    told = f"{layout.path} has {amounts.size(used)} of {amounts.size(max_bytes)}"
    if used >= _NEARLY_FULL * max_bytes:
        yield Found(
            "warning",
            _WHERE,
            "limit",
            f"{told}: above it, records are dropped",
            "Repair the database that does not take them, or raise CHEST_JOURNAL_MAX_BYTES",
        )
    else:
        yield Found("ok", _WHERE, "", told)
    status = os.statvfs(layout.path)
    free = status.f_bavail * status.f_frsize
    needed = max_bytes - used
    if status.f_files and not status.f_favail:
        yield Found(
            "error", _WHERE, "disk", "the disk can hold no further file", "Delete files there"
        )
    elif free < min(needed, disk.MAX_SEGMENT_BYTES):
        yield Found(
            "error",
            _WHERE,
            "disk",
            f"{amounts.size(free)} are free: records are dropped soon",
            "Make room on the disk",
        )
    elif free < needed:
        yield Found(
            "warning",
            _WHERE,
            "disk",
            f"{amounts.size(free)} are free, and the journal may still take {amounts.size(needed)}",
            "Make room on the disk, or lower CHEST_JOURNAL_MAX_BYTES",
        )
    else:
        yield Found("ok", _WHERE, "disk", f"{amounts.size(free)} are free")


def _size(folder: Folder) -> int:
    total = 0
    for name in folder.names():
        try:
            total += folder.stat(name).st_size
        except FileNotFoundError:  # delivered meanwhile
            continue
    return total


def _unreadable(layout: Layout) -> Iterator[Found]:
    faults = []
    for folder in (layout.segments, layout.cursors, layout.dead_letters):
        for name in folder.names():
            try:
                os.close(folder.open_file(name))
            except FileNotFoundError:  # delivered meanwhile
                continue
            except OSError as error:
                faults.append(f"{folder.path / name}: {error.strerror}")
    if faults:
        more = f", and {len(faults) - _MAX_FILES} more" if len(faults) > _MAX_FILES else ""
        yield Found(
            "error",
            _WHERE,
            "files",
            f"cannot be read: {'; '.join(faults[:_MAX_FILES])}{more}",
            f"Give them to the owner of {layout.path}, or move them away",
        )


def _quarantined(layout: Layout) -> Iterator[Found]:
    names = [name for name in layout.damaged.names() if not name.endswith(_REASON)]
    if names:
        yield Found(
            "warning",
            _WHERE,
            "quarantine",
            f"{len(names)} damaged parts in {layout.damaged.path}",
            "Read the .reason files there; after a kill half a line is normal. Then delete them",
        )
