"""Build the stages of an application from its settings: generator, redactor, sampling, journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flask_chest.capture.generators import function, generator
from flask_chest.capture.sampling import Sampling
from flask_chest.errors import ConfigurationError
from flask_chest.journal import DiskJournal, Journal, MemoryJournal, disk, memory
from flask_chest.redaction import Redactor, SecretKeys
from flask_chest.settings.journal_use import JournalUse
from flask_chest.settings.model import INSTANCE

if TYPE_CHECKING:
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle
    from flask_chest.settings.model import Settings


def create_instance_folder(options: Settings, instance_path: str) -> None:
    """Create the application's instance folder when a setting refers to it.

    Raises:
        ConfigurationError: It cannot be created.
    """
    if not (INSTANCE in options.journal or _names_instance(options.exporters)):
        return
    try:
        Path(instance_path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The instance folder {instance_path!r} cannot be created: {error.strerror}. Set "
            "CHEST_JOURNAL and CHEST_EXPORTERS to places that this user may write"
        ) from error


def _names_instance(value: object) -> bool:
    """Return whether a text in a value, at any depth, refers to the instance folder."""
    if isinstance(value, Mapping):
        return any(map(_names_instance, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_names_instance, value))
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
        options.redact_values,
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


def make_journal_use(options: Settings, instance_path: str) -> JournalUse:
    """Return the use of the journal that CHEST_JOURNAL asks for. It has not begun.

    Raises:
        ConfigurationError: Another application in this process, which delivers elsewhere, uses it.
    """
    use = JournalUse(_journal_folder(options, instance_path), options.exporters)
    use.check()
    return use


def make_journal(
    options: Settings,
    instance_path: str,
    exporters: Iterable[str],
    counters: Counters,
    throttle: Throttle,
) -> Journal:
    """Return the journal that CHEST_JOURNAL asks for.

    Args:
        options: All settings.
        instance_path: Replaces ``<instance>``.
        exporters: Names of the exporters that read the journal.
        counters: Counts lost records.
        throttle: Logs lost records.

    Raises:
        ConfigurationError: The folder cannot be written.
    """
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
    )


def _journal_folder(options: Settings, instance_path: str) -> Path | None:
    """Return the folder of the journal; None for one in memory.

    Raises:
        ConfigurationError: It is in the home folder of somebody who has none.
    """
    if options.journal == "memory":
        return None
    try:
        path = Path(options.journal.replace(INSTANCE, instance_path)).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"CHEST_JOURNAL={options.journal!r}: {error}. Give the whole path",
            setting="CHEST_JOURNAL",
        ) from error
    return path.absolute()
