"""Finds plugins through entry points and calls their hooks, each fault contained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, cast

import pluggy

from flask_chest import hookspecs
from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Batch, Exporter
from flask_chest.request_id import RequestIdHook

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.log import Throttle
    from flask_chest.stats import Counters

GROUP: Final = "flask_chest"
"""Entry-point group and name of the pluggy project."""


@dataclass(frozen=True)
class PluginInfo:
    """A plugin and where it comes from, for `flask chest plugins`.

    Attributes:
        name: Name of the entry point, or the one given to `FlaskChest.register`.
        distribution: Name of the installed distribution; None for a registered object.
        version: Its version; None for a registered object.
        hooks: Names of the hooks that it implements.
    """

    name: str
    distribution: str | None
    version: str | None
    hooks: tuple[str, ...]


class Plugins:
    """The plugins of one application.

    Args:
        registered: Name to plugin, as given to `FlaskChest.register`.

    Raises:
        ConfigurationError: A plugin cannot be imported, or implements an unknown hook.
    """

    def __init__(
        self, registered: dict[str, object], counters: Counters, throttle: Throttle
    ) -> None:
        self._counters = counters
        self._throttle = throttle
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self.found: list[PluginInfo] = []
        for entry in entry_points(group=GROUP):
            distribution = entry.dist.name if entry.dist else None
            version = entry.dist.version if entry.dist else None
            origin = f"plugin {entry.name!r} from {distribution} {version} ({entry.value})"
            try:
                plugin = entry.load()
            except Exception as error:
                raise ConfigurationError(
                    f"The {origin} cannot be imported: {type(error).__name__}: {error}. "
                    f"Upgrade it or uninstall it: pip uninstall {distribution}"
                ) from error
            self._register(entry.name, plugin, origin, distribution, version)
        for name, plugin in registered.items():
            self._register(name, plugin, f"registered plugin {name!r}", None, None)

    def _register(
        self,
        name: str,
        plugin: object,
        origin: str,
        distribution: str | None,
        version: str | None,
    ) -> None:
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ConfigurationError(
                f"The {origin} does not fit this Flask-Chest: {error}"
            ) from error
        callers = self._manager.get_hookcallers(plugin) or []
        hooks = tuple(sorted(caller.name for caller in callers))
        self.found.append(PluginInfo(name, distribution, version, hooks))

    # -- Exporters ---------------------------------------------------------------------------

    def exporters(self) -> dict[str, type[Exporter]]:
        """Return the exporter classes of all plugins by their `type`.

        Raises:
            ConfigurationError: A plugin fails, gives something else, or two claim one type.
        """
        found: dict[str, type[Exporter]] = {}
        for implementation in self._manager.hook.chest_exporters.get_hookimpls():
            name = implementation.plugin_name
            try:
                classes = list(cast("Iterable[type[Exporter]]", implementation.function()))
            except Exception as error:
                raise ConfigurationError(
                    f"The plugin {name!r} fails in chest_exporters: {type(error).__name__}: {error}"
                ) from error
            for kind in classes:
                if not (isinstance(kind, type) and issubclass(kind, Exporter)):
                    raise ConfigurationError(
                        f"The plugin {name!r} announces {kind!r} in chest_exporters, which is not "
                        "a class derived from flask_chest.exporter.Exporter"
                    )
                other = found.setdefault(kind.type, kind)
                if other is not kind:
                    raise ConfigurationError(
                        f"Two plugins claim the exporter type {kind.type!r}: "
                        f"{other.__module__}.{other.__qualname__} and "
                        f"{kind.__module__}.{kind.__qualname__}. Uninstall one of them"
                    )
        return found

    # -- Hooks on a request: None when nobody implements them ----------------------------------

    def request_id(self) -> RequestIdHook | None:
        """Return what asks the plugins for a request ID."""
        hook = self._manager.hook.chest_request_id
        if not hook.get_hookimpls():
            return None

        def ask(request: Request) -> str | None:
            try:
                return hook(request=request)  # type: ignore[no-any-return]
            except Exception as error:
                self._failed("chest_request_id", error)
                raise

        return ask

    def filter_variables(self) -> Callable[[dict[str, object], Request], None] | None:
        """Return what lets the plugins change the variables of a request in place."""
        hook = self._manager.hook.chest_filter_variables
        if not hook.get_hookimpls():
            return None

        def apply(variables: dict[str, object], request: Request) -> None:
            try:
                hook(variables=variables, request=request)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                variables.clear()  # what it would have taken out must not slip through
                self._failed("chest_filter_variables", error)

        return apply

    # -- Notifications -------------------------------------------------------------------------

    def exported(self, exporter: str, batch: Batch) -> None:
        """Tell the plugins that a batch has been committed. Never raises."""
        self._notify("chest_exported", exporter=exporter, batch=batch)

    def export_failed(self, exporter: str, error: Exception) -> None:
        """Tell the plugins that an attempt has failed. Never raises."""
        self._notify("chest_export_failed", exporter=exporter, error=error)

    def _notify(self, hook: str, **arguments: object) -> None:
        # One by one, so that a plugin that raises does not keep the others from hearing of it.
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._failed(hook, error)

    def _failed(self, hook: str, error: Exception) -> None:
        self._counters.add("plugin_errors", hook)
        self._throttle.log(
            logging.ERROR,
            f"plugin {hook}",
            f"A plugin failed in {hook}: {type(error).__name__}: {error}",
            error,
        )
