"""Makes exporters and a journal out of the settings, with errors that name the remedy."""

from __future__ import annotations

import difflib
import re
import weakref
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from flask_chest.capture.generators import function, generator
from flask_chest.capture.sampling import Sampling
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Exporter
from flask_chest.journal import DiskJournal, Journal, MemoryJournal, disk, memory
from flask_chest.redaction import Redactor, SecretKeys
from flask_chest.runtime.log import logger
from flask_chest.settings.model import INSTANCE, mask

if TYPE_CHECKING:
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.plugins.discovery import PluginInfo
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle
    from flask_chest.settings.model import Settings

SETTING: Final = "CHEST_EXPORTERS"

_EXTRAS: Final = {
    "sqlite": "sqlite",
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongo": "mongo",
    "mongodb": "mongo",
}
"""Types and URL schemes that our own packages serve, to the extra that brings each."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9.+-]+)?://.*", re.DOTALL)


def create_instance_folder(options: Settings, instance_path: str) -> None:
    """Create the application's instance folder when a setting refers to it.

    Raises:
        ConfigurationError: It cannot be created.
    """
    if INSTANCE not in f"{options.journal} {options.exporters}":
        return
    try:
        Path(instance_path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The instance folder {instance_path!r} cannot be created: {error.strerror}. Set "
            "CHEST_JOURNAL and CHEST_EXPORTERS to places that this user may write"
        ) from error


def redactor(options: Settings, app_secret: str | bytes | None) -> Redactor:
    """Return what takes secrets out of records.

    Args:
        options: All settings.
        app_secret: The application's SECRET_KEY: the key of the hash without CHEST_REDACT_KEY.

    Raises:
        ConfigurationError: A pattern can match no key, or the hash has no key.
    """
    key = options.redact_key.get_secret_value() if options.redact_key else app_secret
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
        secret_key=key.encode() if isinstance(key, str) else key or b"",
    )


def request_id_generator(options: Settings) -> RequestIdGenerator | None:
    """Return what makes request IDs; None for the record's own ID, which is a UUIDv7.

    Raises:
        ConfigurationError: CHEST_REQUEST_ID_GENERATOR leads to no function.
    """
    if options.request_id_generator == "uuid7":
        return None
    return generator(options.request_id_generator, "CHEST_REQUEST_ID_GENERATOR")


def sampling(options: Settings, counters: Counters, throttle: Throttle) -> Sampling:
    """Return what decides which records are kept.

    Raises:
        ConfigurationError: CHEST_KEEP_IF leads to no function.
    """
    return Sampling(
        keep_errors=options.keep_errors,
        keep_slower_than_ms=options.keep_slower_than_ms,
        rule=None if options.keep_if is None else function(options.keep_if, "CHEST_KEEP_IF"),
        per_second=options.max_records_per_second,
        counters=counters,
        throttle=throttle,
    )


_journals: Final[weakref.WeakKeyDictionary[DiskJournal, object]] = weakref.WeakKeyDictionary()


def journal(
    options: Settings,
    instance_path: str,
    exporters: Iterable[str],
    counters: Counters,
    throttle: Throttle,
) -> Journal:
    """Return the journal that CHEST_JOURNAL asks for.

    Args:
        options: All settings.
        instance_path: Takes the place of ``<instance>``.
        exporters: Names of the exporters that read it.
        counters: Counts what is lost.
        throttle: Logs what is lost.

    Raises:
        ConfigurationError: The folder cannot be written, or is the journal of another application
            in this process that would deliver these records elsewhere.
    """
    if options.journal == "memory":
        return MemoryJournal(
            exporters,
            counters,
            throttle,
            max_bytes=options.journal_max_bytes or memory.MAX_BYTES,
            when_full=options.journal_when_full,
        )
    folder = Path(options.journal.replace(INSTANCE, instance_path)).absolute()
    for other, entries in list(_journals.items()):
        if other.folder == folder and entries != options.exporters:
            raise ConfigurationError(
                f"CHEST_JOURNAL={str(folder)!r} is the journal of another application in this "
                "process, which has other exporters. Give each application a journal of its own",
                setting="CHEST_JOURNAL",
            )
    made = DiskJournal(
        folder,
        exporters,
        counters,
        throttle,
        max_bytes=options.journal_max_bytes or disk.MAX_BYTES,
        when_full=options.journal_when_full,
        fsync=options.fsync,
    )
    _journals[made] = options.exporters
    return made


def exporters(
    entries: Mapping[str, str | Mapping[str, Any]],
    installed: Mapping[str, type[Exporter]],
    instance_path: str,
    *,
    left_out: Collection[PluginInfo] = (),
) -> dict[str, Exporter]:
    """Return a configured exporter, not opened yet, for each entry of CHEST_EXPORTERS.

    Args:
        entries: Name to URL, or name to a dict with `type` and that plugin's own fields.
        installed: Exporter classes by type.
        instance_path: Takes the place of ``<instance>`` in URLs and values.
        left_out: Installed plugins that were not loaded, for the error about a missing type.

    Raises:
        ConfigurationError: An entry is wrong, or its type is not installed.
    """
    return {
        name: _exporter(name, entry, installed, instance_path, left_out)
        for name, entry in entries.items()
    }


def validate(made: Mapping[str, Exporter]) -> None:
    """Let each exporter look for what is known to be wrong before the first record.

    Raises:
        ConfigurationError: An exporter cannot work with its configuration.
    """
    for name, exporter in made.items():
        try:
            exporter.validate()
        except ConfigurationError as error:
            raise ConfigurationError(f"{SETTING}[{name!r}]: {error}", setting=SETTING) from None
        except ExporterUnavailable as error:
            logger.warning(
                "%s[%r] takes no records now; they wait in the journal: %s",
                SETTING,
                name,
                error,
            )


def _exporter(
    name: str,
    entry: str | Mapping[str, Any],
    installed: Mapping[str, type[Exporter]],
    instance_path: str,
    left_out: Collection[PluginInfo],
) -> Exporter:
    where = f"{SETTING}[{name!r}]"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigurationError(
            f"{where}: an exporter's name names files too. Use 1 to 64 letters, digits, '_', '-'",
            setting=SETTING,
        )
    if isinstance(entry, str):
        kind = _kind_of_url(where, entry, installed, left_out)
        fields: dict[str, Any] = {"url": entry}
    else:
        fields = dict(entry)
        requested = fields.pop("type", None)
        if not isinstance(requested, str):
            raise ConfigurationError(
                f"{where}={mask(entry)}: `type` is missing. Installed: {sorted(installed)}",
                setting=SETTING,
            )
        if requested not in installed:
            raise _not_installed(where, requested, installed, left_out)
        kind = installed[requested]
    fields = {
        key: value.replace(INSTANCE, instance_path) if isinstance(value, str) else value
        for key, value in fields.items()
    }
    try:
        return kind(kind.config_model.model_validate(fields))
    except ValidationError as error:
        raise ConfigurationError(_explained(where, kind, error), setting=SETTING) from None


def _kind_of_url(
    where: str,
    url: str,
    installed: Mapping[str, type[Exporter]],
    left_out: Collection[PluginInfo],
) -> type[Exporter]:
    match = _SCHEME.fullmatch(url)
    if match is None:
        raise ConfigurationError(
            f"{where}={mask(url)} is not a URL. It begins with a type and '://', such as "
            "'sqlite:////var/lib/shop/chest.sqlite3'",
            setting=SETTING,
        )
    scheme = match[1].lower()
    if scheme in installed:
        return installed[scheme]
    kinds = [kind for kind in installed.values() if scheme in kind.schemes]
    if len(kinds) > 1:
        raise ConfigurationError(
            f"{where}: URLs with {scheme!r} belong to several types, "
            f"{sorted(kind.type for kind in kinds)}. Say which: {{'type': ..., 'url': ...}}",
            setting=SETTING,
        )
    if kinds:
        return kinds[0]
    raise _not_installed(where, scheme, installed, left_out)


def _not_installed(
    where: str,
    requested: str,
    installed: Mapping[str, type[Exporter]],
    left_out: Collection[PluginInfo],
) -> ConfigurationError:
    schemes = {scheme: kind.type for kind in installed.values() for scheme in kind.schemes}
    known = {**_EXTRAS, **schemes, **{name: name for name in installed}}
    near = difflib.get_close_matches(requested.lower(), known, n=1, cutoff=0.5)
    hint = f"Installed: {', '.join(sorted(installed)) or 'none'}"
    if near and near[0] != requested:
        hint = f"Did you mean {near[0]!r}? {hint}"
    present = {*installed, *(plugin.name for plugin in left_out)}
    if near and known[near[0]] not in present:
        hint = f"{hint}. To install it: pip install 'flask-chest[{known[near[0]]}]'"
    if left_out:
        others = ", ".join(f"the {plugin} by {plugin.left_out}" for plugin in left_out)
        hint = f"{hint}. Left out: {others}"
    return ConfigurationError(
        f"{where}: no installed plugin exports to {requested!r}. {hint}", setting=SETTING
    )


def _explained(where: str, kind: type[Exporter], error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in fault["loc"]) or "url"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            known = list(kind.config_model.model_fields)
            near = difflib.get_close_matches(field, known, n=1)
            message = (
                f"no such field. Did you mean {near[0]!r}?"
                if near
                else f"no such field. Known: {known}"
            )
        if fault["type"] == "missing":
            lines.append(f"{where} (type {kind.type!r}): the field {field!r} is missing")
            continue
        shown = {field: fault["input"]} if fault["loc"] else fault["input"]
        lines.append(f"{where} (type {kind.type!r}): {mask(shown)}: {message}")
    return "\n".join(lines)
