"""The plugins that an application registers by hand, under names of their own."""

from __future__ import annotations

import itertools

from flask_chest.errors import ConfigurationError


def add_registered(registered: dict[str, object], plugin: object, name: str | None) -> None:
    """Add a plugin to those that are registered by name. Once more does nothing.

    Args:
        registered: Name to plugin, which gets one more.
        plugin: A module or object.
        name: None for that of the module or class, with a number from the second of a name on.

    Raises:
        ConfigurationError: Another plugin has the name.
    """
    if name is None:
        if any(each is plugin for each in registered.values()):
            return
        own = getattr(plugin, "__name__", None) or type(plugin).__name__
        names = itertools.chain([own], (f"{own} {number}" for number in itertools.count(2)))
        name = next(each for each in names if each not in registered)
    elif registered.get(name, plugin) is not plugin:
        raise ConfigurationError(
            f"Two plugins are registered as {name!r}. Give one of them another name in "
            "register_plugin()"
        )
    registered[name] = plugin
