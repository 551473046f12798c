"""`Stores`: the open read sides of one application's exporters."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.runtime import fork
from flask_chest.store import Store, another

if TYPE_CHECKING:
    from flask_chest.settings.model import Settings
    from flask_chest.under_test import UnderTest

_SETTING: Final = "CHEST_STORE"


class Stores:
    """Opens the read side of an exporter when it is first asked for; from any thread.

    Args:
        options: The settings.
        exporters: By name; none while Flask-Chest is switched off.
        under_test: Has the records of a test.

    Raises:
        ConfigurationError: CHEST_STORE names no exporter that can be read.
    """

    def __init__(
        self, options: Settings, exporters: Mapping[str, Exporter], under_test: UnderTest
    ) -> None:
        self._options = options
        self._exporters = exporters
        self._under_test = under_test
        self._open: dict[str, Store] = {}
        self._locks: dict[str, threading.Lock] = {}
        if options.store is not None and options.enabled:
            self._readable(options.store, _SETTING)

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent, in a forked child."""
        fork.keep(self._open)
        self._open, self._locks = {}, {}

    @property
    def default(self) -> str:
        """Name of the exporter that is read where no other is named."""
        if self._options.store is not None:
            return self._options.store
        readable = [name for name, each in self._exporters.items() if isinstance(each, Store)]
        return readable[0] if len(readable) == 1 and "main" not in self._exporters else "main"

    def get(self, name: str | None = None) -> Store:
        """Return the open read side of an exporter; under test, of the records in memory.

        Args:
            name: Name of the exporter; None for `default`.

        Raises:
            ConfigurationError: There is no such exporter, or it cannot be read.
            ExporterUnavailable: The database cannot be reached now.
        """
        is_default = name is None
        name = self.default if name is None else name
        if not self._options.enabled:
            raise ConfigurationError(
                f"store({name!r}): Flask-Chest is switched off by CHEST_ENABLED, and opens no "
                "database",
                setting="CHEST_ENABLED",
            )
        if is_default and not any(isinstance(each, Store) for each in self._exporters.values()):
            raise ConfigurationError(
                "No exporter of the application can be read. Add a store to CHEST_EXPORTERS, such "
                "as sqlite"
            )
        exporter = self._readable(name, f"store({name!r})")
        if self._under_test.is_on:
            return self._under_test.store
        if (found := self._open.get(name)) is not None:
            return found
        # One for each: a database that is away holds up no question to another.
        with self._locks.setdefault(name, threading.Lock()):
            if name not in self._open:
                self._open[name] = _opened(exporter)
            return self._open[name]

    @contextmanager
    def anew(self, name: str) -> Iterator[Store]:
        """Open what `get` returns once more, and close it in the end: it has counted nothing yet.

        Raises:
            ConfigurationError: There is no such exporter, or it cannot be read.
            ExporterUnavailable: The database cannot be reached now.
        """
        if self._under_test.is_on:
            yield self._under_test.store
            return
        with closing(_opened(self._readable(name, f"store({name!r})"))) as store:
            yield store

    def close(self) -> None:
        """Close all of them. They are opened again when they are asked for."""
        for name, lock in list(self._locks.items()):
            with lock:
                store = self._open.pop(name, None)
                if store is not None:
                    store.close()

    def _readable(self, name: str, where: str) -> Store:
        exporter = self._exporters.get(name)
        setting = _SETTING if where == _SETTING else None
        if exporter is None:
            raise ConfigurationError(
                f"{where}: no such exporter{f' as {name!r}' if setting else ''}. CHEST_EXPORTERS "
                f"has {sorted(self._exporters)}",
                setting=setting,
            )
        if not isinstance(exporter, Store):
            raise ConfigurationError(
                f"{where}: exporters of the type {exporter.type!r} cannot be read"
                f"{f', such as {name!r}' if setting else ''}",
                setting=setting,
            )
        return exporter


def _opened(exporter: Store) -> Store:
    """Return an instance of its own: that of the exporter belongs to another thread."""
    store = another(exporter)
    store.rollups = bool(exporter.rollups)  # the leader creates them
    try:
        store.open()
    except BaseException:
        store.close()
        raise
    return store
