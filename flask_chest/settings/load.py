"""Load the settings of an application from all their sources.

A value from an earlier source takes precedence: arguments of `FlaskChest`, `app.config`, the
environment, the defaults.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flask_chest._old_names import argument
from flask_chest.errors import ConfigurationError
from flask_chest.settings.environment import as_in_environment, settings_in_environment
from flask_chest.settings.masking import is_secret_name, mask
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, Settings

AnyModel = TypeVar("AnyModel", bound=BaseModel)


class Given:
    """What is set for one application, from all sources.

    Args:
        arguments: Keyword arguments of `FlaskChest`, without prefix.
        config: `app.config`.
        only: Fields that are looked for in the environment, as all else does not matter; None for
            all.

    Raises:
        ConfigurationError: An argument has a prefix, or the environment contradicts itself.
    """

    def __init__(
        self,
        arguments: Mapping[str, object],
        config: Mapping[str, object],
        *,
        only: Collection[str] | None = None,
    ) -> None:
        self._values: dict[str, Any] = {}
        self._names: dict[str, str] = {}  # field to the name under which it was set, for messages
        for name, value in settings_in_environment(ENVIRONMENT_PREFIX).items():
            if only is None or name.lower() in only:
                self._set(name.lower(), value, f"{ENVIRONMENT_PREFIX}{name}")
        for name, value in as_in_environment(config, CONFIG_PREFIX).items():
            self._set(name.removeprefix(CONFIG_PREFIX).lower(), value, name)
        for field, value in arguments.items():
            if field.startswith(CONFIG_PREFIX):
                bare = field.removeprefix(CONFIG_PREFIX).lower()
                raise ConfigurationError(
                    f"FlaskChest({field}=...): arguments have no prefix. Write {bare}=...",
                    setting=field,
                )
            self._set(field, value, f"{CONFIG_PREFIX}{field.upper()}")

    def _set(self, field: str, value: object, name: str) -> None:
        self._values[field], self._names[field] = value, name  # dicts are replaced, not merged

    def settings(self) -> Settings:
        """Return the validated settings of Flask-Chest itself.

        Raises:
            ConfigurationError: The value of one is wrong.
        """
        return self._validated(Settings)

    def of_plugins(self, models: Mapping[str, type[BaseModel]]) -> dict[str, BaseModel]:
        """Return the validated settings of the plugins, by name of the plugin.

        Args:
            models: Describe them, by name of the plugin.

        Raises:
            ConfigurationError: The value of one is wrong; or one is set that nobody knows.
        """
        known = [*Settings.model_fields]
        for model in models.values():
            known += model.model_fields
        for field, name in self._names.items():
            if field not in known:
                raise _unknown(field, name, known)
        return {plugin: self._validated(model) for plugin, model in models.items()}

    def _validated(self, model: type[AnyModel]) -> AnyModel:
        values = {name: self._values[name] for name in model.model_fields if name in self._values}
        try:
            return model(**values)
        except ValidationError as error:
            raise _wrong_values(error, self._names, model) from None


def _unknown(field: str, name: str, fields: Collection[str]) -> ConfigurationError:
    near = difflib.get_close_matches(field, fields, n=1)
    prefix = name[: len(name) - len(field)] if name.lower().endswith(field) else CONFIG_PREFIX
    known = ", ".join(f"{CONFIG_PREFIX}{known.upper()}" for known in fields)
    hint = argument(field) or (
        f"Did you mean {prefix}{near[0].upper()}?"
        if near
        else f"It may be one of a plugin that is not loaded. The settings are: {known}"
    )
    return ConfigurationError(f"{name} is not a setting of Flask-Chest. {hint}", setting=name)


def _shown(field: str, value: object) -> Collection[str]:
    """Return the keys of a wrong value that may be shown with theirs: not those of an exporter."""
    return () if field == "exporters" or not isinstance(value, Mapping) else list(value)


def _wrong_values(
    error: ValidationError, names: Mapping[str, str], model: type[BaseModel]
) -> ConfigurationError:
    """Return one error that names every wrong setting, its masked value, and its meaning.

    Of several settings that do not fit together, their model says what is wrong, and no value is
    shown.
    """
    messages: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False):
        said = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:
            messages.setdefault("", said)
            continue
        field = str(fault["loc"][0])
        name = names.get(field, f"{CONFIG_PREFIX}{field.upper()}")
        where = "".join(f"[{part!r}]" for part in fault["loc"][1:] if isinstance(part, int))
        value = (
            "***" if is_secret_name(field) else mask(fault["input"], _shown(field, fault["input"]))
        )
        messages.setdefault(
            name,
            f"{name}{where}={value}: {said}. Its meaning: {model.model_fields[field].description}",
        )
    return ConfigurationError("\n".join(messages.values()), setting=next(iter(messages)) or None)
