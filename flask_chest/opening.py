"""Open a store without an application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.plugins import discovery
from flask_chest.plugins.manager import Plugins
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle
from flask_chest.settings.exporters import make_exporter
from flask_chest.settings.load import Given
from flask_chest.settings.model import INSTANCE
from flask_chest.settings.stages import names_instance
from flask_chest.store import Store

_PLACE: Final = "open_store"


def open_store(url_or_config: str | Mapping[str, Any], *, create: bool = False) -> Store:
    """Return an open store, for a script or a notebook without an application.

    Close it in the end::

        with contextlib.closing(open_store("postgresql://reader@db/shop")) as store:
            print(store.count())

    Each call opens connections of its own. Do not share a store with a forked process. Of the
    environment, FLASK_CHEST_PLUGINS, FLASK_CHEST_BLOCK_PLUGINS and FLASK_CHEST_EXTERNAL_PLUGINS
    hold.

    Args:
        url_or_config: An entry of CHEST_EXPORTERS: a URL, or a dict with `type` and the fields of
            that type.
        create: Whether a SQLite file that is not there is created, as for the target of a copy.

    Raises:
        ConfigurationError: The URL or a field is wrong, no installed plugin has the type, its
            records cannot be read, or the file is not there.
        ExporterUnavailable: The database cannot be reached now.
    """
    if not isinstance(url_or_config, (str, Mapping)):
        raise ConfigurationError(
            f"open_store() takes a URL or a dict, and no {type(url_or_config).__name__}"
        )
    if names_instance(url_or_config):
        raise ConfigurationError(
            f"open_store(): there is no {INSTANCE} folder without an application. Give the path"
        )
    store = _make(url_or_config)
    try:
        if not create:
            store.refuse_missing()  # before `validate`, which creates what is not there
        store.validate()
        store.open()
    except BaseException:
        store.close()
        raise
    return store


def _make(url_or_config: str | Mapping[str, Any]) -> Store:
    options = Given({}, {}, only=("plugins", "block_plugins", "external_plugins")).settings()
    choice = discovery.Choice(
        options.plugins, options.block_plugins, external=options.external_plugins
    )
    plugins = Plugins({}, Counters(), Throttle(), installed=discovery.load(choice))
    exporters = plugins.exporters()
    meant = _meant(url_or_config, exporters)
    if meant and not any(issubclass(kind, Store) for kind in meant):  # before its fields are read
        _refuse_unreadable(meant[0].type)
    try:
        made = make_exporter(_PLACE, url_or_config, exporters, "", left_out=plugins.left_out)
    except ConfigurationError as error:
        raise ConfigurationError(str(error)) from None  # it is in no setting
    if not isinstance(made, Store):  # what a file has named
        _refuse_unreadable(made.type)
    made.knows_retention = made.retention is not None  # else it is the application that says it
    return made


def _meant(
    url_or_config: str | Mapping[str, Any], exporters: Mapping[str, type[Exporter]]
) -> list[type[Exporter]]:
    """Return the classes that an entry may mean; none where that is not clear at once."""
    if isinstance(url_or_config, str):
        scheme = url_or_config.partition("://")[0].partition("+")[0].lower()
        return [kind for kind in exporters.values() if scheme in (kind.type, *kind.schemes)]
    return [kind for kind in exporters.values() if kind.type == url_or_config.get("type")]


def _refuse_unreadable(kind: str) -> NoReturn:
    raise ConfigurationError(
        f"open_store(): exporters of the type {kind!r} cannot be read: they are no stores"
    )
