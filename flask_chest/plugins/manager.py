"""Call the hooks of all plugins of an application, so that a fault in one harms no other."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest import hookspecs
from flask_chest.capture.request_ids import MAX_LENGTH, RequestIdHook, is_well_formed
from flask_chest.plugins.commands import plugin_commands
from flask_chest.plugins.exporter_types import exporter_types
from flask_chest.plugins.hook_call import HookCall
from flask_chest.plugins.init_calls import results, setting_models
from flask_chest.plugins.registry import Registry
from flask_chest.runtime.interrupts import is_interrupt

if TYPE_CHECKING:
    import click
    from flask import Flask, Request
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Exporter
    from flask_chest.extension import FlaskChest
    from flask_chest.plugins.discovery import PluginInfo
    from flask_chest.record import RecordData
    from flask_chest.runtime.counters import Counters, HookTime
    from flask_chest.runtime.log import Throttle

_IN_REQUEST: Final = ("chest_request_id", "chest_filter_variables", "chest_drop_record")
_IN_EXPORT: Final = ("chest_exported", "chest_export_failed")


class Plugins:
    """The plugins of one application, and the calls of their hooks.

    Implementations are called in pluggy's order, but not through pluggy: there, one that raises
    prevents the calls of the others.

    Args:
        registered: Name to plugin, as given to `FlaskChest.register_plugin`.
        counters: Counts faults.
        throttle: Logs faults.
        installed: The installed plugins in the order of calls; None for each that was left out.

    Attributes:
        found: All plugins in the order of calls, then those that were left out.
        left_out: The installed plugins that were not loaded.

    Raises:
        ConfigurationError: A plugin cannot be registered; see `Registry`.
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
        self._registry = Registry(registered, installed)
        self.found = self._registry.found
        self.left_out = self._registry.left_out
        self.settings: Mapping[str, BaseModel] = {}
        self._calls = {hook: self._calls_of(hook) for hook in (*_IN_REQUEST, *_IN_EXPORT)}

    def _calls_of(self, hook: str) -> list[HookCall]:
        parameters = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
        return [
            HookCall(
                hook,
                parameters,
                implementation,
                plugin,
                functools.partial(self._settings_of, plugin.name),
                in_request=hook in _IN_REQUEST,
                counters=self._counters,
                throttle=self._throttle,
            )
            for plugin, implementation in self._registry.implementations(hook)
        ]

    def _settings_of(self, plugin: str) -> BaseModel | None:
        return self.settings.get(plugin)

    def after_fork(self) -> None:
        """Reset the measured times in a forked child."""
        for calls in self._calls.values():
            for call in calls:
                call.after_fork()

    def times(self) -> dict[str, HookTime]:
        """Return the measured times of calls in this process, by ``plugin: hook``."""
        return {
            call.key: taken
            for calls in self._calls.values()
            for call in calls
            if (taken := call.time()) is not None
        }

    def exporters(self) -> dict[str, type[Exporter]]:
        """Return the exporter classes of all plugins by their `type`.

        Raises:
            ConfigurationError: A plugin fails, announces something else, or two plugins claim one
                type.
        """
        return exporter_types(self._registry.implementations("chest_exporters"))

    def setting_models(self, own: Iterable[str]) -> dict[str, type[BaseModel]]:
        """Return the models of the plugins' own settings, by name of the plugin.

        Args:
            own: Names of the settings of Flask-Chest itself.

        Raises:
            ConfigurationError: A plugin fails, returns no model, or has a name that is taken.
        """
        return setting_models(self._results("chest_settings"), own)

    def init_app(
        self, app: Flask, chest: FlaskChest, settings: Mapping[str, BaseModel | None]
    ) -> None:
        """Let the plugins add to an application.

        Raises:
            ConfigurationError: A plugin fails.
        """
        values = {plugin.name: (app, chest, settings.get(plugin.name)) for plugin in self.found}
        self._results("chest_init_app", values)

    def commands(self, own: Collection[str]) -> dict[str, click.Command]:
        """Return the commands that the plugins add to `flask chest`, by their names.

        Args:
            own: Names of the commands of Flask-Chest itself.

        Raises:
            ConfigurationError: A plugin fails, returns something else, or has a name that is taken.
        """
        return plugin_commands(self._results("chest_commands"), own)

    def _results(
        self, hook: str, values: Mapping[str, tuple[object, ...]] | None = None
    ) -> list[tuple[PluginInfo, object]]:
        parameters = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
        return results(hook, parameters, self._registry.implementations(hook), values)

    # -- Hooks in a request: None when nobody implements them ----------------------------------

    def request_id(self) -> RequestIdHook | None:
        """Return a function that asks the plugins for a request ID. It never raises."""
        calls = self._calls["chest_request_id"]
        if not calls:
            return None

        def ask(request: Request) -> str | None:
            for call in calls:
                try:
                    given = call(request)
                except BaseException as error:  # a plugin may raise anything
                    if is_interrupt(error):
                        raise
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

    def filter_variables(self) -> Callable[[dict[str, object], Request | None], None] | None:
        """Return a function that lets the plugins change variables in place. It never raises."""
        calls = self._calls["chest_filter_variables"]
        if not calls:
            return None

        def apply(variables: dict[str, object], request: Request | None) -> None:
            for call in calls:
                try:
                    answer = call(variables, request)
                except BaseException as error:  # a plugin may raise anything
                    if is_interrupt(error):
                        raise
                    variables.clear()  # they may hold what this plugin was to remove
                    call.failed(error)
                else:
                    if type(answer) is dict and answer is not variables:
                        variables.clear()
                        call.misused("returned a dict, which nothing uses: change `variables`")

        return apply

    def drop_record(self) -> Callable[[RecordData, Request | None], bool] | None:
        """Return a function that asks the plugins whether to drop a record. It never raises."""
        calls = self._calls["chest_drop_record"]
        if not calls:
            return None

        def ask(record: RecordData, request: Request | None) -> bool:
            for call in calls:
                try:
                    if call(record, request):
                        return True
                except BaseException as error:  # a plugin may raise anything
                    if is_interrupt(error):
                        raise
                    call.failed(error)
            return False

        return ask

    # -- Notifications -------------------------------------------------------------------------

    def exported(self, exporter: str, batch: Batch) -> None:
        """Call `chest_exported` of every plugin. Never raises."""
        self._notify("chest_exported", exporter, batch)

    def export_failed(self, exporter: str, error: Exception) -> None:
        """Call `chest_export_failed` of every plugin. Never raises."""
        self._notify("chest_export_failed", exporter, error)

    def _notify(self, hook: str, *values: object) -> None:
        for call in self._calls[hook]:
            try:
                call(*values)
            except BaseException as error:  # noqa: BLE001 - SystemExit would repeat the delivery
                call.failed(error)
