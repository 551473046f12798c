"""What is found of the journal: folder, files, limit, disk, and who else uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.cli.application import is_standalone
from flask_chest.cli.findings.found import Found
from flask_chest.cli.findings.room import room_findings
from flask_chest.cli.journal_state import why_not_created
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.errors import ConfigurationError
from flask_chest.journal.folder import FolderRefused
from flask_chest.journal.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from flask_chest.exporter import Exporter
    from flask_chest.journal import Journal
    from flask_chest.runtime.counters import Stats

_WHERE: Final = "journal"
_REASON: Final = ".reason"
_MAX_FILES: Final = 3


def journal_findings(
    journal: Journal, stats: Stats, exporters: Mapping[str, Exporter]
) -> Iterator[Found]:
    """Yield what is found of a journal.

    Args:
        journal: As the settings name it.
        stats: The counters of the host.
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
                yield _missing(layout.path)
                return
        except OSError as error:
            yield _unusable(layout, error)
            return
        yield from _folder(layout)
        # Other processes know where it is delivered, and would seem to deliver elsewhere.
        if not any(isinstance(each, Unconfigured) for each in exporters.values()):
            yield from _others(journal)
        yield from room_findings(layout, stats)
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


def _missing(path: Path) -> Found:
    fault = why_not_created(path)
    if fault is None:
        return Found("ok", _WHERE, "", f"{path} is not there yet: nothing waits")
    return Found(
        "error",
        _WHERE,
        "permissions",
        f"{path} is not there, and {fault}",
        "Set CHEST_JOURNAL to a folder on a local disk, and give it to the user of the application",
    )


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
