"""Load the settings of an application from all their sources.

A value from an earlier source takes precedence: arguments of `FlaskChest`, `app.config`, the
environment, the defaults.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from flask_chest.errors import ConfigurationError
from flask_chest.settings.environment import as_in_environment, settings_in_environment
from flask_chest.settings.masking import is_secret_name, mask
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, Settings


def load_settings(
    arguments: Mapping[str, object],
    config: Mapping[str, object],
    *,
    only: Collection[str] | None = None,
) -> Settings:
    """Return the validated settings of an application.

    Args:
        arguments: Keyword arguments of `FlaskChest`, without prefix.
        config: `app.config`.
        only: Fields that are looked for in the environment, as all else does not matter; None for
            all.

    Raises:
        ConfigurationError: A setting is unknown, or its value is wrong.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}  # field to the name under which it was set, for messages
    for name, value in settings_in_environment(ENVIRONMENT_PREFIX).items():
        field = name.lower()
        if only is None or field in only:
            values[field], names[field] = value, f"{ENVIRONMENT_PREFIX}{name}"
    for name, value in as_in_environment(config, CONFIG_PREFIX).items():
        field = name.removeprefix(CONFIG_PREFIX).lower()
        values[field], names[field] = value, name  # dicts are replaced, not merged
    for field, value in arguments.items():
        if field.startswith(CONFIG_PREFIX):
            bare = field.removeprefix(CONFIG_PREFIX).lower()
            raise ConfigurationError(
                f"FlaskChest({field}=...): arguments have no prefix. Write {bare}=...",
                setting=field,
            )
        values[field], names[field] = value, f"{CONFIG_PREFIX}{field.upper()}"
    for field, name in names.items():
        if field not in Settings.model_fields:
            raise _unknown(field, name)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _wrong_values(error, names) from None


def _unknown(field: str, name: str) -> ConfigurationError:
    near = difflib.get_close_matches(field, Settings.model_fields, n=1)
    prefix = name[: len(name) - len(field)] if name.lower().endswith(field) else CONFIG_PREFIX
    known = ", ".join(f"{CONFIG_PREFIX}{known.upper()}" for known in Settings.model_fields)
    hint = f"Did you mean {prefix}{near[0].upper()}?" if near else f"The settings are: {known}"
    return ConfigurationError(f"{name} is not a setting of Flask-Chest. {hint}", setting=name)


def _shown(field: str, value: object) -> Collection[str]:
    """Return the keys of a wrong value that may be shown with theirs: not those of an exporter."""
    return () if field == "exporters" or not isinstance(value, Mapping) else list(value)


def _wrong_values(error: ValidationError, names: Mapping[str, str]) -> ConfigurationError:
    """Return one error that names every wrong setting, its masked value, and its meaning."""
    messages: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False):
        field = str(fault["loc"][0])
        name = names.get(field, f"{CONFIG_PREFIX}{field.upper()}")
        where = "".join(f"[{part!r}]" for part in fault["loc"][1:] if isinstance(part, int))
        value = (
            "***" if is_secret_name(field) else mask(fault["input"], _shown(field, fault["input"]))
        )
        messages.setdefault(
            name,
            f"{name}{where}={value}: {fault['msg'].removeprefix('Value error, ')}. "
            f"Its meaning: {Settings.model_fields[field].description}",
        )
    return ConfigurationError("\n".join(messages.values()), setting=next(iter(messages)))
