"""Register plugins, and refuse those whose hooks cannot be called."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pluggy

from flask_chest import hookspecs
from flask_chest.errors import ConfigurationError, ended
from flask_chest.plugins.discovery import GROUP, PluginInfo


class Registry:
    """The plugins of one application, with their implementations of hooks.

    Args:
        registered: Name to plugin, as given to `FlaskChest.register_plugin`. They are called before
            all installed ones, the newest first. One that is installed too is not called twice: a
            frozen application registers what it finds installed where it is developed.
        installed: The installed plugins in the order of calls; None for each that was left out.

    Attributes:
        found: All plugins in the order of calls, then those that were left out.
        left_out: The installed plugins that were not loaded.

    Raises:
        ConfigurationError: A plugin implements an unknown hook, or implements one in a way that
            cannot be called. Or two plugins have the same name, or are the same object.
    """

    def __init__(
        self, registered: Mapping[str, object], installed: Iterable[tuple[PluginInfo, object]]
    ) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        pairs = list(installed)
        given_ids = {id(given) for given in registered.values()}
        origins: dict[int, PluginInfo] = {}
        for plugin, loaded in reversed(pairs):  # pluggy calls the newest first
            if plugin.left_out is None and id(loaded) in given_ids:
                origins[id(loaded)] = plugin
            elif plugin.left_out is None:
                self._register(plugin, loaded)
        for name, given in registered.items():
            origin = origins.get(id(given))
            info = PluginInfo(name) if origin is None else replace(origin, name=name)
            self._register(info, given)
        self.left_out = [plugin for plugin, _ in pairs if plugin.left_out is not None]
        self.found = [*reversed(self._infos.values()), *self.left_out]

    def implementations(self, hook: str) -> list[tuple[PluginInfo, pluggy.HookImpl]]:
        """Return who implements a hook, and how, in the order of calls."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return [
            (self._infos[implementation.plugin_name], implementation)
            for implementation in reversed(caller.get_hookimpls())
        ]

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
                f"The {plugin} does not fit this Flask-Chest: {ended(error)} {plugin.remedy}"
            ) from error
        callers = self._manager.get_hookcallers(loaded) or []
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is loaded:
                    _check_callable(plugin, caller.name, implementation)
        hooks = tuple(sorted(caller.name for caller in callers))
        self._infos[plugin.name] = replace(plugin, hooks=hooks)


def _check_callable(plugin: PluginInfo, hook: str, implementation: pluggy.HookImpl) -> None:
    """Refuse an implementation that pluggy registers and that cannot be called here.

    Raises:
        ConfigurationError: It is a coroutine or a wrapper.
    """
    if implementation.wrapper or implementation.hookwrapper:
        what = "is a wrapper around other plugins, whose errors would look like its own"
    elif inspect.iscoroutinefunction(implementation.function):
        what = "is a coroutine, and nothing awaits it"
    else:
        return
    raise ConfigurationError(
        f"The {plugin} does not fit this Flask-Chest: its {hook} {what}. Make it a plain "
        "function; tryfirst and trylast give it a place among the others"
    )
