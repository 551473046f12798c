"""Make the exporters of CHEST_EXPORTERS, with errors that name the remedy."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, get_origin
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from flask_chest.errors import ConfigurationError, ExporterUnavailable, ended, mask_secrets
from flask_chest.exporter import Batching, Exporter
from flask_chest.runtime.log import logger
from flask_chest.server_config import refuse_split_password
from flask_chest.settings.durations import retention as as_retention
from flask_chest.settings.exporter_faults import RETENTION, Place, wrong, wrong_fields
from flask_chest.settings.exporter_kinds import URL, Kinds
from flask_chest.settings.home import in_home
from flask_chest.settings.masking import hidden, mask, may_hold_secret
from flask_chest.settings.model import INSTANCE
from flask_chest.settings.secret_files import SUFFIX, shown, with_files
from flask_chest.settings.spelling import Spelled, refuse_unread
from flask_chest.store import Store

if TYPE_CHECKING:
    from datetime import timedelta

    from flask_chest.plugins.discovery import PluginInfo

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def make_exporters(
    entries: Mapping[str, str | Mapping[str, Any]],
    installed: Mapping[str, type[Exporter]],
    instance_path: str,
    *,
    left_out: Collection[PluginInfo] = (),
    retention: timedelta | None = None,
    indexed_variables: tuple[str, ...] = (),
) -> dict[str, Exporter]:
    """Return an exporter, configured and not open, for each entry of CHEST_EXPORTERS.

    Args:
        entries: Name to URL, or name to a dict with `type` and the fields of that plugin.
        installed: Exporter classes by type.
        instance_path: Replaces ``<instance>`` in texts, and in URLs percent-encoded.
        left_out: Installed plugins that were not loaded. The error about a missing type names them.
        retention: How long a store keeps records whose entry does not say it; None for ever.
        indexed_variables: Variables that get an index of their own in every store.

    Raises:
        ConfigurationError: An entry is wrong, or its type is not installed.
    """
    types = Kinds(installed, left_out)
    made = {
        name: _make_exporter(name, entry, types, instance_path, retention)
        for name, entry in entries.items()
    }
    for exporter in made.values():
        if isinstance(exporter, Store):
            exporter.indexed_variables = indexed_variables
    return made


def make_exporter(
    where: str,
    entry: str | Mapping[str, Any],
    installed: Mapping[str, type[Exporter]],
    instance_path: str,
    *,
    left_out: Collection[PluginInfo] = (),
) -> Exporter:
    """Return one exporter, configured and not open.

    Args:
        where: Where the entry is written, for errors.
        entry: As in CHEST_EXPORTERS.
        installed: Exporter classes by type.
        instance_path: Replaces ``<instance>``.
        left_out: Installed plugins that were not loaded.

    Raises:
        ConfigurationError: The entry is wrong, or its type is not installed.
    """
    return _make(Place(where), entry, Kinds(installed, left_out), instance_path, None)


def validate_exporters(exporters: Mapping[str, Exporter]) -> None:
    """Call `Exporter.validate` of each exporter.

    One that is unavailable is logged: its records wait in the journal.

    Raises:
        ConfigurationError: An exporter cannot work with its configuration.
    """
    for name, exporter in exporters.items():
        if not isinstance(exporter.batching, Batching):
            raise wrong(
                f"{Place.of(name)}: `batching` of the type {exporter.type!r} must be a Batching, "
                f"not {exporter.batching!r}. Correct the plugin"
            )
        try:
            exporter.validate()
        except ConfigurationError as error:
            raise wrong(f"{Place.of(name)}: {mask_secrets(str(error))}") from None
        except ExporterUnavailable as error:
            logger.warning(
                "%s takes no records now; they wait in the journal: %s",
                Place.of(name),
                mask_secrets(str(error)),
            )
        except Exception as error:  # noqa: BLE001 - a fault of the plugin
            raise wrong(
                f"{Place.of(name)}: `validate` of the type {exporter.type!r} has failed: "
                f"{type(error).__name__}: {ended(mask_secrets(str(error)))} Correct the plugin"
            ) from None


def _make_exporter(
    name: str,
    entry: str | Mapping[str, Any],
    types: Kinds,
    instance_path: str,
    retention: timedelta | None,
) -> Exporter:
    place = Place.of(name)
    if not _NAME.fullmatch(name):
        raise wrong(
            f"{place}: the name of an exporter is also part of file names. Use 1 to 64 letters, "
            "digits, '_', '-'"
        )
    return _make(place, entry, types, instance_path, retention)


def _make(
    place: Place,
    entry: str | Mapping[str, Any],
    types: Kinds,
    instance_path: str,
    retention: timedelta | None,
) -> Exporter:
    fields: dict[str, Any] = hidden({"url": entry} if isinstance(entry, str) else entry)
    kind, fields, files = _read_files(place, fields, types, instance_path)
    if isinstance(url := fields.get("url"), str) and "://" in url:
        try:
            refuse_split_password(url)
        except ValueError as error:
            raise wrong(f"{place.url(url)}={mask(url)} {error}") from None
    retention = _take_retention(place, kind, fields, retention)

    def prepared(values: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = hidden(
            in_home(_in_instance(values, instance_path), kind.config_model)
        )
        return found

    _hide_in_repr(kind.config_model)
    spelled = Spelled(kind.config_model, fields, prepared)
    try:
        config = spelled.validated()
        refuse_unread(kind.config_model, spelled.given)
        exporter = kind(config)
    except ValidationError as error:
        raise wrong(wrong_fields(place, kind, error, (fields, spelled.given), files)) from None
    if not hasattr(exporter, "config"):
        raise wrong(
            f"{place}: {kind.__module__}.{kind.__qualname__}.__init__ must call "
            "super().__init__(config), which keeps the configuration. Correct the plugin"
        )
    if isinstance(exporter, Store):
        exporter.retention = retention
    elif retention is not None:
        logger.info(
            "CHEST_RETENTION does not hold for %s: the type %r deletes no records",
            place,
            kind.type,
        )
    return exporter


def _read_files(
    place: Place, given: dict[str, Any], types: Kinds, instance_path: str
) -> tuple[type[Exporter], dict[str, Any], dict[str, object]]:
    """Return the class that an entry means, its fields with what is in files, and the files.

    Raises:
        ConfigurationError: It means no class, or a file cannot be read.
    """

    def expand(path: str) -> str:
        return path.replace(INSTANCE, instance_path)

    fields = given
    requested = fields.pop("type", None)
    if requested is None:
        fields = with_files(fields, ("url",), place.field, expand=expand)
        if not isinstance(url := fields.get("url"), str):
            raise wrong(
                f"{place}={mask(given)}: `type` is missing{place.to_set('type')}. Installed: "
                f"{types.installed()}"
            )
        if "://" not in url and "url" not in given:  # which would be shown
            source = f"{place.field('url_file', given['url_file'])}={shown(given['url_file'])}"
            raise wrong(f"{source}: the content of the file is no URL")
        kind = types.of_url(place, url)
    elif isinstance(requested, str):
        kind = types.named(place.field("type", requested), str(requested))
    else:
        raise wrong(f"{place}: `type` must be a text. Installed: {types.installed()}")
    model = kind.config_model.model_fields
    names = [*model, *({"url", RETENTION} - model.keys())]
    fields = with_files(fields, names, place.field, expand=expand)
    types.refuse_foreign(place, kind, fields.get("url"))
    files = {name.removesuffix(SUFFIX): path for name, path in given.items() if name not in fields}
    for name, path in files.items():
        if name in model and get_origin(model[name].annotation) is dict:
            try:
                fields[name] = json.loads(fields[name])
            except (ValueError, RecursionError):
                source = f"{place.field(name + SUFFIX, path)}={shown(path)}"
                raise wrong(f"{source}: the content of the file is not JSON") from None
    return kind, hidden(fields), files


def _take_retention(
    place: Place, kind: type[Exporter], fields: dict[str, Any], default: timedelta | None
) -> timedelta | None:
    """Take the retention out of the fields of an entry, and return it; None for ever.

    Raises:
        ConfigurationError: It is no duration, or the type cannot delete records.
    """
    if RETENTION not in fields:
        return default
    if RETENTION in kind.config_model.model_fields:
        return None  # it means what the plugin says
    value = fields.pop(RETENTION)
    told = mask({RETENTION: value}, [RETENTION])
    if variable := place.variable((RETENTION,), value):
        told = f"{variable}={mask(value)}"
    try:
        own = as_retention(value)
    except ValueError as error:
        raise wrong(f"{place}: {told}: {error}") from None
    if own is not None and not issubclass(kind, Store):
        raise wrong(
            f"{place}: {told}: the type {kind.type!r} deletes no records. "
            f"Remove {RETENTION!r} here, and set it where its records go"
        )
    return own


def _hide_in_repr(model: type[BaseModel]) -> None:
    """Leave the fields that may hold a secret out of the `repr` of a configuration.

    A plugin may have declared its password as `str`, and a traceback may show variables.
    """
    for name, field in model.model_fields.items():
        if may_hold_secret(name):
            field.repr = False


def _in_instance(value: Any, instance_path: str) -> Any:  # noqa: ANN401 - any field
    """Put the instance folder where it is named, percent-encoded in a URL."""
    if isinstance(value, Mapping):
        return {key: _in_instance(inner, instance_path) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_instance(inner, instance_path) for inner in value]
    if not isinstance(value, str):
        return value
    is_url = URL.fullmatch(value) is not None
    return value.replace(INSTANCE, quote(os.fsencode(instance_path)) if is_url else instance_path)
