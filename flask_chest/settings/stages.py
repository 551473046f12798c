"""Build the stages of an application from its settings: generator, redactor, sampling, journal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flask_chest.capture.generators import function, generator
from flask_chest.capture.sampling import Sampling
from flask_chest.errors import ConfigurationError, ended
from flask_chest.journal import DiskJournal, Journal, MemoryJournal, NoJournal, disk, memory
from flask_chest.redaction import Redactor, SecretKeys, SecretKinds
from flask_chest.runtime import command
from flask_chest.runtime.frozen import is_deleted_at_end
from flask_chest.runtime.owner import is_for_anybody, look, make_folders, nearest_folder
from flask_chest.settings.destination import destination
from flask_chest.settings.journal_use import JournalUse
from flask_chest.settings.model import INSTANCE

if TYPE_CHECKING:
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.exporter import Exporter
    from flask_chest.journal.access import Opens
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle
    from flask_chest.settings.model import Settings


def create_instance_folder(options: Settings, instance_path: str) -> None:
    """Create the application's instance folder when a setting refers to it.

    One that root creates belongs to the owner of the folder around it.

    Raises:
        ConfigurationError: It cannot be created, or is deleted when the program ends; or a command
            of root's cannot know for whom.
    """
    path = Path(instance_path)
    referring = {
        "CHEST_JOURNAL": INSTANCE in options.journal,
        "CHEST_EXPORTERS": names_instance(options.exporters),
    }
    settings = " and ".join(name for name, refers in referring.items() if refers)
    if not settings:
        return
    if is_deleted_at_end(path):
        raise ConfigurationError(
            f"The instance folder {instance_path!r} is in the folder into which this program in "
            "one file unpacks, and which it deletes when it ends, with all records there. Give "
            f"Flask an instance_path elsewhere, or set {settings}"
        )
    if path.is_dir():
        return
    try:
        if command.is_command() and not _knows_owner(path):
            raise ConfigurationError(
                f"The instance folder {instance_path!r} is not there yet, and root cannot know to "
                "which user it is to belong. Start the application first, or run this command as "
                "its user"
            )
        make_folders(path)
    except OSError as error:
        raise ConfigurationError(
            f"The instance folder {instance_path!r} cannot be created: {error.strerror}. Set "
            f"{settings} to a place that this user may write"
        ) from error


def _knows_owner(path: Path) -> bool:
    """Return whether it is plain to root to whom a new folder is to belong.

    It is not where anybody may make one, or where somebody has led root by a link.

    Raises:
        OSError: The folders above cannot be looked at.
    """
    if os.geteuid() != 0:
        return True
    status, linkers = look(path)
    return linkers <= {0, status.st_uid} and not is_for_anybody(nearest_folder(path))


def names_instance(value: object) -> bool:
    """Return whether a text in a value, at any depth, refers to the instance folder."""
    if isinstance(value, Mapping):
        return any(map(names_instance, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(names_instance, value))
    return isinstance(value, str) and INSTANCE in value


def make_request_id_generator(options: Settings) -> RequestIdGenerator | None:
    """Return the generator of request IDs; None for the record's own ID, a UUIDv7.

    Raises:
        ConfigurationError: CHEST_REQUEST_ID_GENERATOR does not lead to a function.
    """
    if options.request_id_generator == "uuid7":
        return None
    return generator(options.request_id_generator, "CHEST_REQUEST_ID_GENERATOR")


def make_redactor(options: Settings, app_secret: str | bytes | None) -> Redactor:
    """Return the redactor of this application's records.

    Args:
        options: All settings.
        app_secret: The application's SECRET_KEY. Key of the hash when CHEST_REDACT_KEY is unset.

    Raises:
        ConfigurationError: A pattern cannot match any key, or the hash has no key.
    """
    key = _secret(options, app_secret)
    if options.redact_with == "hash" and not key:
        raise ConfigurationError(
            "CHEST_REDACT_WITH='hash' needs a key: set CHEST_REDACT_KEY, or the application's "
            "SECRET_KEY before init_app",
            setting="CHEST_REDACT_KEY",
        )
    return Redactor(
        SecretKeys(options.redact_keys),
        SecretKinds(options.redact_values),
        how=options.redact_with,
        secret_key=key,
    )


def _secret(options: Settings, app_secret: str | bytes | None) -> bytes:
    """Return the secret of this deployment; empty when it has none."""
    key = options.redact_key.get_secret_value() if options.redact_key else app_secret
    return key if isinstance(key, bytes) else str(key or "").encode()


def make_sampling(
    options: Settings, app_secret: str | bytes | None, counters: Counters, throttle: Throttle
) -> Sampling:
    """Return the rules that decide which records are kept.

    Args:
        options: All settings.
        app_secret: The application's SECRET_KEY. Key of the sampling when CHEST_REDACT_KEY is
            unset.
        counters: Counts faults of the application's own rule.
        throttle: Logs them.

    Raises:
        ConfigurationError: CHEST_KEEP_IF does not lead to a function.
    """
    return Sampling(
        secret=_secret(options, app_secret) or None,
        keep_errors=options.keep_errors,
        keep_slower_than_ms=options.keep_slower_than_ms,
        rule=None if options.keep_if is None else function(options.keep_if, "CHEST_KEEP_IF"),
        per_second=options.max_records_per_second,
        counters=counters,
        throttle=throttle,
    )


def make_journal_use(options: Settings, instance_path: str, *, is_now: bool) -> JournalUse:
    """Return the use of the journal that CHEST_JOURNAL asks for. It has not begun.

    Args:
        options: All settings.
        instance_path: Replaces ``<instance>``.
        is_now: Whether it is used from the start.

    Raises:
        ConfigurationError: Another application in this process, which delivers elsewhere, uses it.
    """
    folder = _journal_folder(options, instance_path) if options.enabled else None
    use = JournalUse(folder, options.exporters)
    if is_now:
        use.check()
    return use


def make_journal(
    options: Settings,
    instance_path: str,
    exporters: Mapping[str, Exporter],
    counters: Counters,
    throttle: Throttle,
    *,
    is_now: bool,
) -> Journal:
    """Return the journal that CHEST_JOURNAL asks for; when CHEST_ENABLED is off, none.

    Args:
        options: All settings.
        instance_path: Replaces ``<instance>``.
        exporters: The exporters that read the journal, by name.
        counters: Counts lost records.
        throttle: Logs lost records.
        is_now: Whether it is used from the start. Otherwise nothing is opened before it is.

    Raises:
        ConfigurationError: The folder cannot be written or trusted, or a process with other
            exporters uses it.
    """
    if not options.enabled:
        return NoJournal()
    folder = _journal_folder(options, instance_path)
    if folder is None:
        return MemoryJournal(
            exporters,
            counters,
            throttle,
            max_bytes=options.journal_max_bytes or memory.MAX_BYTES,
            when_full=options.journal_when_full,
        )
    return DiskJournal(
        folder,
        exporters,
        counters,
        throttle,
        max_bytes=options.journal_max_bytes or disk.MAX_BYTES,
        when_full=options.journal_when_full,
        fsync=options.fsync,
        destinations={name: destination(exporter) for name, exporter in exporters.items()},
        opens=_opens() if is_now else "nothing",
    )


def _opens() -> Opens:
    """Return what the journal does at once. A command that serves nobody disturbs no other process.

    As root, one of our own commands becomes the owner of the journal before it touches it.
    """
    if command.is_ours():
        return "nothing"
    return "folders" if command.is_command() else "in_use"


def _journal_folder(options: Settings, instance_path: str) -> Path | None:
    """Return the folder of the journal; None for one in memory.

    Raises:
        ConfigurationError: It is in the home folder of somebody who has none, or in a folder that
            is deleted when the program ends.
    """
    if options.journal == "memory":
        return None
    try:
        path = Path(options.journal.replace(INSTANCE, instance_path)).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"CHEST_JOURNAL={options.journal!r}: {ended(error)} Give the whole path",
            setting="CHEST_JOURNAL",
        ) from error
    path = path.absolute()
    if is_deleted_at_end(path):
        raise ConfigurationError(
            f"CHEST_JOURNAL={options.journal!r} is in the folder into which this program in one "
            "file unpacks, and which it deletes when it ends, with all records there. Name a place "
            "that outlives the program",
            setting="CHEST_JOURNAL",
        )
    return path
