"""Call the hooks of `init_app`, whose faults stop it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel

from flask_chest.errors import ConfigurationError, ended
from flask_chest.plugins.hook_call import taking_all
from flask_chest.runtime.interrupts import is_interrupt

if TYPE_CHECKING:
    import pluggy

    from flask_chest.plugins.discovery import PluginInfo


def results(
    hook: str,
    parameters: tuple[str, ...],
    implementations: Iterable[tuple[PluginInfo, pluggy.HookImpl]],
    values: Mapping[str, tuple[object, ...]] | None = None,
) -> list[tuple[PluginInfo, object]]:
    """Return each plugin with what its implementation of a hook returns.

    Args:
        hook: Its name, for messages.
        parameters: Of the hook.
        implementations: In the order of calls.
        values: Of the parameters, by name of the plugin.

    Raises:
        ConfigurationError: One raises. Its own ConfigurationError passes as it is.
    """
    found = []
    for plugin, implementation in implementations:
        try:
            function = taking_all(parameters, implementation)
            found.append((plugin, function(*(values[plugin.name] if values else ()))))
        except ConfigurationError:
            raise
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise ConfigurationError(
                f"The {plugin} fails in {hook}: {type(error).__name__}: "
                f"{ended(error)} {plugin.remedy}"
            ) from error
    return found


def setting_models(
    found: Iterable[tuple[PluginInfo, object]], own: Iterable[str]
) -> dict[str, type[BaseModel]]:
    """Return the models of settings of all plugins, by name of the plugin.

    Args:
        found: What `chest_settings` of each plugin has returned.
        own: Names of the settings of Flask-Chest itself.

    Raises:
        ConfigurationError: A plugin returned something else, or has a name that is taken.
    """
    models: dict[str, type[BaseModel]] = {}
    owners = dict.fromkeys(own, "Flask-Chest")
    for plugin, model in found:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise ConfigurationError(
                f"The {plugin} returns {model!r} in chest_settings, which is not a class derived "
                f"from pydantic.BaseModel. {plugin.remedy}"
            )
        for name in model.model_fields:
            owner = owners.setdefault(name, str(plugin))
            if owner != str(plugin):
                raise ConfigurationError(
                    f"The {plugin} has the setting {name!r}, and so has {owner}. {plugin.remedy}"
                )
        models[plugin.name] = model
    return models
