"""Read settings from the environment, as `flask.Config.from_prefixed_env` does, but as texts.

Flask decodes each text that is JSON: a service called ``2024`` becomes a number, and one called
``1e3`` another text than it was. The validators of the settings know better what is meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from flask_chest.errors import ConfigurationError

_SEPARATOR: Final = "__"


def settings_in_environment(prefix: str) -> dict[str, Any]:
    """Return what variables with a prefix set: texts, and dicts for names with ``__``.

    Args:
        prefix: Of the names, such as ``FLASK_CHEST_``. It is left out of the result.

    Raises:
        ConfigurationError: A variable adds to another one that is no dict.
    """
    found: dict[str, Any] = {}
    for name in sorted(os.environ):  # first a dict, then what is added to it
        if not name.startswith(prefix):
            continue
        *outer, last = name.removeprefix(prefix).split(_SEPARATOR)
        current = found
        for part in outer:
            inner = _decoded(current.setdefault(part, {}))
            if not isinstance(inner, dict):
                raise ConfigurationError(
                    f"{name} adds to {name.rpartition(_SEPARATOR)[0]}, which is no dict in JSON. "
                    "Set one of them",
                    setting=name,
                )
            current[part] = current = inner
        text = os.environ[name]
        current[last] = _meant(text, is_inner=bool(outer))
    return found


def as_in_environment(config: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """Return the settings in `app.config`, those that Flask decoded as the texts that they were.

    Args:
        config: `app.config`. What it holds and no variable explains stays as it is.
        prefix: Of the names in `config`. The environment has another one in front of it, which
            `from_prefixed_env` is free to choose.
    """
    found: dict[str, Any] = {
        name: _copied(value) for name, value in config.items() if name.startswith(prefix)
    }
    for name in sorted(os.environ) if found else ():
        _, before, rest = name.partition(f"_{prefix}")
        *outer, last = f"{prefix}{rest}".split(_SEPARATOR)
        current: Any = found if before else None
        for part in outer:
            current = current.get(part) if isinstance(current, dict) else None
        if not isinstance(current, dict) or last not in current:
            continue
        text = os.environ[name]
        # Compared as texts: 1 is True otherwise, and NaN is nothing at all.
        if repr(_decoded(text)) == repr(current[last]):
            current[last] = _meant(text, is_inner=bool(outer))
    return found


def _decoded(value: object) -> object:
    """Return what Flask makes of a text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    return value


def _meant(text: str, *, is_inner: bool) -> object:
    """Return what a variable sets: its text, without the quotes of a JSON string.

    Inside a setting, where no validator expects a text, a list or a dict is decoded too.
    """
    decoded = _decoded(text)
    return decoded if isinstance(decoded, (str, list, dict) if is_inner else str) else text


def _copied(value: object) -> object:
    """Copy dicts in dicts, which are changed here and belong to the application."""
    if isinstance(value, MutableMapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return value
