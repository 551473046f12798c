"""Read settings from the environment, as `flask.Config.from_prefixed_env` does, but as texts.

Flask decodes each text that is JSON: a service called ``2024`` becomes a number, and one called
``1e3`` another text than it was. The validators of the settings know better what is meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_chest.errors import ConfigurationError

SEPARATOR: Final = "__"

_KEYS_IN_LOWER_CASE: Final = {"exporters": 2, "fields": 1, "rollups": 2}
"""Of these settings, how many keys are names of ours. All other keys keep their case."""


@dataclass(frozen=True)
class Variable:
    """An environment variable that sets something.

    Attributes:
        name: As it is in the environment.
        field: Name of the setting in lower case, without prefix.
        keys: What it sets in the setting, which is a dict; empty for all of it.
        value: What it sets: a text, or what JSON in it means.
    """

    name: str
    field: str
    keys: tuple[str, ...]
    value: object


def variables(prefix: str) -> list[Variable]:
    """Return the variables with a prefix, such as ``FLASK_CHEST_``."""
    return [
        _variable(name, name.removeprefix(prefix))
        for name in sorted(os.environ)
        if name.startswith(prefix)
    ]


def taken_apart(config: Mapping[str, object], prefix: str) -> tuple[dict[str, Any], list[Variable]]:
    """Return the settings in `app.config`, without those that Flask took from the environment.

    Args:
        config: `app.config`. What it holds and no variable explains stays as it is.
        prefix: Of the names in `config`. The environment has another one in front of it, which
            `from_prefixed_env` is free to choose.

    Returns:
        The settings, each that is one variable as its text; and the variables that set parts.
    """
    found = {name: _copied(value) for name, value in beginning_with(prefix, config).items()}
    parts: list[Variable] = []
    names = [name for name in sorted(os.environ) if f"_{prefix}" in name] if found else []
    for name in sorted(names, key=lambda name: -name.count(SEPARATOR)):  # parts before the whole
        _, before, rest = name.partition(f"_{prefix}")
        keys = f"{prefix}{rest}".split(SEPARATOR)
        if not before or not _explains(os.environ[name], found, keys):
            continue
        variable = _variable(name, rest)
        if variable.keys:
            parts.append(variable)
            _remove(found, keys)
        else:
            found[keys[0]] = variable.value
    return found, parts


def beginning_with(prefix: str, config: Mapping[Any, object]) -> dict[str, Any]:
    """Return what has a prefix in `app.config`, which may have keys that are no texts."""
    given = list(config.items())  # another thread may set something meanwhile
    return {k: value for k, value in given if isinstance(k, str) and k.startswith(prefix)}


def explained(config: Mapping[str, object], prefix: str, environment_prefix: str) -> set[str]:
    """Return the settings in `app.config` that are what Flask makes of variables, as a whole.

    Args:
        config: `app.config`.
        prefix: Of the names in `config`.
        environment_prefix: Of the variables that count.
    """
    left, parts = taken_apart(config, prefix)
    foreign = {part.field for part in parts if not part.name.startswith(environment_prefix)}
    found = set()
    for name in beginning_with(prefix, config):
        bare = name.removeprefix(prefix)
        text = os.environ.get(f"{environment_prefix}{bare}")
        if name in left:
            is_explained = text is not None and _explains(text, config, [name])
        else:  # the parts were all that it had
            is_explained = bare.lower() not in foreign
        if is_explained:
            found.add(name)
    return found


def with_parts(
    value: object,
    field: str,
    parts: Iterable[Variable],
    *,
    override: bool,
    lost: list[tuple[Variable, object]] | None = None,
) -> dict[str, Any] | None:
    """Return the value of a setting with what variables add to it; None when it is no dict.

    Args:
        value: As another source has it; None when none has.
        field: Name of the setting.
        parts: Variables that set parts of it.
        override: Whether they replace what is there.
        lost: Gets those that replace nothing, each with what is there.

    Raises:
        ConfigurationError: Two variables set the same, or one sets what may be either of two.
    """
    made = _dict(value if value is not None else {}, field, depth=0)
    setters: dict[tuple[str, ...], str] = {}
    for variable in sorted(parts, key=lambda each: (len(each.keys), each.name)):
        current: dict[str, Any] | None = made
        path: tuple[str, ...] = ()
        for depth, given in enumerate(variable.keys):
            if current is None:
                if override:
                    raise ConfigurationError(
                        f"{variable.name} adds to a value that is no dict. Set one of them",
                        setting=variable.name,
                    )
                break
            key = _key(current, given, variable, depth)
            path = (*path, key)
            if depth < len(variable.keys) - 1:
                inner = _dict(current.setdefault(key, {}), field, depth + 1)
                if inner is not None:
                    current[key] = inner
                current = inner
            elif (other := setters.setdefault(path, variable.name)) != variable.name:
                raise ConfigurationError(
                    f"{variable.name} and {other} set the same. Remove one of them",
                    setting=variable.name,
                )
            elif override or key not in current:
                current[key] = variable.value
            elif lost is not None:
                lost.append((variable, current[key]))
    return made


def variable_of(field: str, keys: Sequence[str], value: object) -> str | None:
    """Return the name of the environment variable that set a value; None when none did.

    Args:
        field: Name of the setting.
        keys: Where the value is in it.
        value: As it was found there.
    """
    wanted = [field, *(key.lower() for key in keys)]
    for name in sorted(os.environ):
        _, before, rest = name.partition("_CHEST_")
        if before and rest.lower().split(SEPARATOR) == wanted:
            text = os.environ[name]
            if value in (text, _meant(text, is_inner=bool(keys))):
                return name
    return None


def prefix_of(field: str, key: str) -> str | None:
    """Return what the variables begin with that set parts of a key; None when there are none."""
    for name in sorted(os.environ):
        _, before, rest = name.partition("_CHEST_")
        parts = rest.split(SEPARATOR)
        if (
            before
            and len(parts) > 2
            and [part.lower() for part in parts[:2]] == [field, key.lower()]
        ):
            return name[: -len(SEPARATOR.join(parts[2:]))]
    return None


def _variable(name: str, bare: str) -> Variable:
    field, *keys = bare.split(SEPARATOR)
    value = _meant(os.environ[name], is_inner=bool(keys))
    return Variable(name, field.lower(), tuple(keys), value)


def _key(current: Collection[str], given: str, variable: Variable, depth: int) -> str:
    """Return the key of a dict that a variable means: names of ours in any case."""
    if depth >= _KEYS_IN_LOWER_CASE.get(variable.field, 0) or given in current:
        return given
    same = sorted(key for key in current if key.lower() == given.lower())
    if len(same) > 1:
        raise ConfigurationError(
            f"{variable.name} may mean {' or '.join(map(repr, same))}. Write one of them as it is",
            setting=variable.name,
        )
    return same[0] if same else given.lower()


def _dict(value: object, field: str, depth: int) -> dict[str, Any] | None:
    """Return a value as a dict that may be changed; None when it is none."""
    decoded = _decoded(value)
    if isinstance(decoded, Mapping):
        return dict(decoded)
    if value == "":
        return {}
    is_text = isinstance(value, str) and not value.lstrip().startswith(("{", "["))
    if is_text and field == "exporters" and depth < 2:
        return {"url" if depth else "main": value}
    return None


def _explains(text: str, found: Mapping[str, Any], keys: Sequence[str]) -> bool:
    """Return whether a value in the configuration is what Flask makes of a variable."""
    current: object = found
    for key in keys:
        if not isinstance(current, dict) or key not in current:
            return False
        current = current[key]
    # Compared as texts: 1 is True otherwise, and NaN is nothing at all.
    return repr(_decoded(text)) == repr(current)


def _remove(found: dict[str, Any], keys: Sequence[str]) -> None:
    """Remove a value from dicts in dicts, and those that are empty then."""
    if len(keys) > 1:
        _remove(found[keys[0]], keys[1:])
        if found[keys[0]]:
            return
    del found[keys[0]]


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
