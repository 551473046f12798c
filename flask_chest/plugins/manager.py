"""Registers plugins and calls their hooks, each fault contained."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import pluggy
from pydantic import BaseModel

from flask_chest import hookspecs
from flask_chest.capture.request_ids import MAX_LENGTH, RequestIdHook, is_well_formed
from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Batch, Exporter
from flask_chest.plugins.discovery import GROUP, PluginInfo
from flask_chest.plugins.hook_call import HookCall

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.runtime.counters import Counters, HookTime
    from flask_chest.runtime.log import Throttle

_IN_REQUEST: Final = ("chest_request_id", "chest_filter_variables")
_IN_EXPORT: Final = ("chest_exported", "chest_export_failed")


class Plugins:
    """The plugins of one application.

    Implementations are not called through pluggy, where one that raises would keep the others
    from being called, but in pluggy's order: ``tryfirst``, then the newest registration, then
    ``trylast``.

    Args:
        registered: Name to plugin, as given to `FlaskChest.register_plugin`. They come before all
            installed ones, the newest first.
        installed: The installed plugins in the order in which they are called; None for the ones
            that are left out.

    Raises:
        ConfigurationError: A plugin implements an unknown hook, or one in a way that cannot be
            called, or two have one name.
    """

    def __init__(
        self,
        registered: Mapping[str, object],
        counters: Counters,
        throttle: Throttle,
        *,
        installed: Iterable[tuple[PluginInfo, object]] = (),
    ) -> None:
        self._counters = counters
        self._throttle = throttle
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        found = list(installed)
        self.left_out = [plugin for plugin, _ in found if plugin.left_out is not None]
        # pluggy calls the newest first.
        for plugin, loaded in reversed(found):
            if plugin.left_out is None:
                self._register(plugin, loaded)
        for name, given in registered.items():
            self._register(PluginInfo(name), given)
        self.found = [*reversed(self._infos.values()), *self.left_out]
        self._calls = {hook: self._calls_of(hook) for hook in (*_IN_REQUEST, *_IN_EXPORT)}

    def _register(self, plugin: PluginInfo, loaded: object) -> None:
        other = self._infos.get(plugin.name)
        if other is not None:
            raise ConfigurationError(
                f"Two plugins have one name: the {other} and the {plugin}. Uninstall one of them, "
                f"or leave one out by its distribution: "
                f"CHEST_BLOCK_PLUGINS={plugin.distribution or other.distribution}"
            )
        same = self._manager.get_name(loaded)
        if same is not None:
            raise ConfigurationError(
                f"The {plugin} is the same as the {self._infos[same]}: its hooks would be called "
                f"twice. {plugin.remedy}"
            )
        try:
            self._manager.register(loaded, plugin.name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ConfigurationError(
                f"The {plugin} does not fit this Flask-Chest: {error}. {plugin.remedy}"
            ) from error
        callers = self._manager.get_hookcallers(loaded) or []
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is loaded:
                    _check(plugin, caller.name, implementation)
        plugin = replace(plugin, hooks=tuple(sorted(caller.name for caller in callers)))
        self._infos[plugin.name] = plugin

    def _calls_of(self, hook: str) -> list[HookCall]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        parameters = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
        return [
            HookCall(
                hook,
                parameters,
                implementation,
                self._infos[implementation.plugin_name],
                in_request=hook in _IN_REQUEST,
                counters=self._counters,
                throttle=self._throttle,
            )
            for implementation in reversed(caller.get_hookimpls())
        ]

    def after_fork(self) -> None:
        """Begin anew, in a forked child, with the times."""
        for calls in self._calls.values():
            for call in calls:
                call.after_fork()

    def times(self) -> dict[str, HookTime]:
        """Return what the calls of each plugin's hooks took, by ``plugin: hook``."""
        return {
            call.key: taken
            for calls in self._calls.values()
            for call in calls
            if (taken := call.time()) is not None
        }

    # -- Exporters ---------------------------------------------------------------------------

    def exporters(self) -> dict[str, type[Exporter]]:
        """Return the exporter classes of all plugins by their `type`.

        Raises:
            ConfigurationError: A plugin fails, gives something else, or two claim one type.
        """
        found: dict[str, tuple[type[Exporter], PluginInfo]] = {}
        for implementation in reversed(self._manager.hook.chest_exporters.get_hookimpls()):
            plugin = self._infos[implementation.plugin_name]
            try:
                classes = list(cast("Iterable[type[Exporter]]", implementation.function()))
            except Exception as error:
                raise ConfigurationError(
                    f"The {plugin} fails in chest_exporters: {type(error).__name__}: {error}. "
                    f"{plugin.remedy}"
                ) from error
            for kind in classes:
                if fault := _fault(kind):
                    raise ConfigurationError(
                        f"The {plugin} announces {kind!r} in chest_exporters, which {fault}. "
                        f"{plugin.remedy}"
                    )
                other, owner = found.setdefault(kind.type, (kind, plugin))
                if other is not kind:
                    raise ConfigurationError(
                        f"Two plugins claim the exporter type {kind.type!r}: the {owner} with "
                        f"{other.__module__}.{other.__qualname__}, and the {plugin} with "
                        f"{kind.__module__}.{kind.__qualname__}. Uninstall one of them, or leave "
                        "one out with CHEST_BLOCK_PLUGINS"
                    )
        return {name: kind for name, (kind, _) in found.items()}

    # -- Hooks on a request: None when nobody implements them ----------------------------------

    def request_id(self) -> RequestIdHook | None:
        """Return what asks the plugins for a request ID. It never raises."""
        calls = self._calls["chest_request_id"]
        if not calls:
            return None

        def ask(request: Request) -> str | None:
            for call in calls:
                try:
                    given = call(request)
                except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                    self._counters.add("request_ids_replaced")
                    call.failed(error)
                    continue
                if is_well_formed(given):
                    return str(given)
                if given is not None:
                    self._refuse(call, given)
            return None

        return ask

    def _refuse(self, call: HookCall, given: object) -> None:
        self._counters.add("request_ids_replaced")
        length = f" of {len(given)} characters" if isinstance(given, str) else ""
        self._throttle.log(
            logging.WARNING,
            f"request_id {call.key}",
            f"The {call.plugin} returned a {type(given).__name__}{length} for a request ID, which "
            f"is a str of 1 to {MAX_LENGTH} visible ASCII characters without spaces",
        )

    def filter_variables(self) -> Callable[[dict[str, object], Request], None] | None:
        """Return what lets the plugins change the variables of a request in place.

        It never raises.
        """
        calls = self._calls["chest_filter_variables"]
        if not calls:
            return None

        def apply(variables: dict[str, object], request: Request) -> None:
            for call in calls:
                try:
                    call(variables, request)
                except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                    variables.clear()  # what it would have taken out must not slip through
                    call.failed(error)

        return apply

    # -- Notifications -------------------------------------------------------------------------

    def exported(self, exporter: str, batch: Batch) -> None:
        """Tell the plugins that a batch has been committed. Never raises."""
        self._notify("chest_exported", exporter, batch)

    def export_failed(self, exporter: str, error: Exception) -> None:
        """Tell the plugins that an attempt has failed. Never raises."""
        self._notify("chest_export_failed", exporter, error)

    def _notify(self, hook: str, *values: object) -> None:
        for call in self._calls[hook]:
            try:
                call(*values)
            except BaseException as error:  # noqa: BLE001 - SystemExit would repeat the delivery
                call.failed(error)


def _check(plugin: PluginInfo, hook: str, implementation: pluggy.HookImpl) -> None:
    """Refuse what could be registered, but not be called.

    Raises:
        ConfigurationError: It is a coroutine or a wrapper.
    """
    if implementation.wrapper or implementation.hookwrapper:
        what = "is a wrapper around other plugins, whose faults could not be told from its own"
    elif inspect.iscoroutinefunction(implementation.function):
        what = "is a coroutine, and nothing awaits it"
    else:
        return
    raise ConfigurationError(
        f"The {plugin} does not fit this Flask-Chest: its {hook} {what}. Make it a plain "
        "function; tryfirst and trylast give it a place among the others"
    )


def _fault(kind: object) -> str | None:
    """Return what keeps something that was announced from being an exporter class."""
    if not (isinstance(kind, type) and issubclass(kind, Exporter)):
        return "is not a class derived from flask_chest.exporter.Exporter"
    if inspect.isabstract(kind):
        return f"does not implement {', '.join(sorted(kind.__abstractmethods__))}"
    if not isinstance(getattr(kind, "type", None), str):
        return "has no `type`, such as 'webhook'"
    model = getattr(kind, "config_model", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return "has no `config_model`, a class derived from pydantic.BaseModel"
    return None
