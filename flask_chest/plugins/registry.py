"""Register plugins, and refuse those whose hooks cannot be called."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

import pluggy

from flask_chest import hookspecs
from flask_chest.errors import ConfigurationError, ended
from flask_chest.plugins.discovery import GROUP, PluginInfo

_HOOKS: Final = {
    name: tuple(inspect.signature(hook).parameters)
    for name, hook in vars(hookspecs).items()
    if name.startswith("chest_")
}
"""The parameters of each hook."""


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
            self._refuse_unknown(plugin, loaded)
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
        if not hooks:
            raise ConfigurationError(
                f"The {plugin} has no function marked @hookimpl, so it would do nothing. "
                + (
                    "Its entry point may name another module than the one with the hooks. "
                    if plugin.distribution
                    else ""
                )
                + plugin.remedy
            )
        self._infos[plugin.name] = replace(plugin, hooks=hooks)

    def _refuse_unknown(self, plugin: PluginInfo, loaded: object) -> None:
        """Refuse hooks and parameters that there are not, with those that are near.

        Raises:
            ConfigurationError: There is one.
        """
        for name in dir(loaded):
            marks = self._manager.parse_hookimpl_opts(loaded, name)
            if marks is None or marks.get("optionalhook"):
                continue
            hook = marks.get("specname") or name
            parameters = _HOOKS.get(hook)
            if parameters is None:
                raise _unknown(plugin, hook, "hook", _HOOKS)
            taken = pluggy.HookImpl(loaded, plugin.name, getattr(loaded, name), marks).argnames
            for each in taken:
                if each not in parameters:
                    raise _unknown(plugin, each, f"parameter of {hook}", parameters)


def _unknown(
    plugin: PluginInfo, name: str, what: str, known: Collection[str]
) -> ConfigurationError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8 if known is _HOOKS else 0.6)
    hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(known) or 'none'}."
    return ConfigurationError(
        f"The {plugin} has {name!r}, which is no {what} in this version of Flask-Chest. "
        f"{hint} {plugin.remedy}"
    )


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
