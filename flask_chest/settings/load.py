"""Load the settings of an application from all their sources.

A value from an earlier source takes precedence: arguments of `FlaskChest`, `app.config`, the
environment, the defaults. Variables that set parts of a dict add to what an earlier source has.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from flask_chest._old_names import argument
from flask_chest.errors import ConfigurationError
from flask_chest.settings.environment import (
    SEPARATOR,
    Variable,
    taken_apart,
    variables,
    with_parts,
)
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, Settings
from flask_chest.settings.overruled import Overruled, say_overruled
from flask_chest.settings.secret_files import SUFFIX, is_secret, with_files
from flask_chest.settings.setting_faults import wrong_settings
from flask_chest.settings.spelling import Spelled
from flask_chest.settings.unprefixed import say_unprefixed

AnyModel = TypeVar("AnyModel", bound=BaseModel)

DISTRIBUTION: Final = "flask-chest"
_SETTING: Final = re.compile(rf"{CONFIG_PREFIX}([A-Z][A-Z_]*)(?=[=: ])")
_OF_PACKAGES: Final = {"monitor": "monitor", "dashboard": "dashboard"}
"""What our plugins' own settings begin with, to the extra that installs each."""


class Given:
    """What is set for one application, from all sources.

    Args:
        arguments: Keyword arguments of `FlaskChest`, without prefix.
        config: `app.config`.
        only: Fields that are looked for in the environment, as all else does not matter; None for
            all.

    Raises:
        ConfigurationError: An argument has a prefix.
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
        self._in_environment: set[str] = set()  # fields that no other source has
        self._overruled: list[Overruled] = []
        self.sources: dict[str, list[str]] = {}
        """Field to where it is set: ``argument``, ``app.config``, ``environment``."""
        self._config: Collection[str] = config.keys()
        found = [
            each
            for each in variables(ENVIRONMENT_PREFIX)
            if only is None or each.field.removesuffix(SUFFIX) in only
        ]
        whole = {each.field: each for each in found if not each.keys}
        _refuse_twice([each.name for each in found if not each.keys])
        for each in whole.values():
            self._set(each.field, each.value, each.name, "environment")
        self._in_environment.update(self._values)
        values, parts = taken_apart(config, CONFIG_PREFIX)
        _refuse_twice(values)
        for name, value in values.items():
            field = name.removeprefix(CONFIG_PREFIX).lower()
            # Flask may have put it there from the same variable.
            is_theirs = field in whole and whole[field].value == value
            self._set(field, value, name, "environment" if is_theirs else "app.config")
        for field, value in arguments.items():
            if field.startswith(CONFIG_PREFIX):
                bare = field.removeprefix(CONFIG_PREFIX).lower()
                raise ConfigurationError(
                    f"FlaskChest({field}=...): arguments have no prefix. Write {bare}=...",
                    setting=field,
                )
            self._set(field, value, f"{CONFIG_PREFIX}{field.upper()}", "argument")
        for field, each in whole.items():
            if self.sources[field] != ["environment"]:
                self._overruled.append(Overruled(each, self._winner(field), self._values[field]))
        # Those that Flask has read precede those that it has not.
        self._parts = [parts, [each for each in found if each.keys]]
        for each in (*self._parts[0], *self._parts[1]):
            self._names.setdefault(each.field, each.name)
            said = self.sources.setdefault(each.field, [])
            if "environment" not in said:
                said.append("environment")

    def _set(self, field: str, value: object, name: str, source: str) -> None:
        self._values[field], self._names[field] = value, name
        self.sources[field] = [source]
        self._in_environment.discard(field)

    def _winner(self, field: str) -> str:
        """Return where the value of a field is set, for a message."""
        if self.sources[field] == ["argument"]:
            return f"the argument {field} of FlaskChest"
        return f"{self._names[field]} of app.config"

    @contextmanager
    def named_as_set(self) -> Iterator[None]:
        """Name a setting that turns out wrong inside by the variable that set it."""
        try:
            yield
        except ConfigurationError as error:
            found = _SETTING.match(str(error))
            name = self._names.get(found[1].lower(), "") if found else ""
            is_plain = type(error) is ConfigurationError  # who handles another one needs its class
            if not found or not is_plain or name.upper() != f"{ENVIRONMENT_PREFIX}{found[1]}":
                raise
            text = f"{name}{str(error)[found.end() :]}"
            raise ConfigurationError(text, setting=name) from error.__cause__

    def settings(self) -> Settings:
        """Return the validated settings of Flask-Chest itself.

        Raises:
            ConfigurationError: The value of one is wrong.
        """
        return self._validated(Settings)

    def of_plugins(self, models: Mapping[str, type[BaseModel]]) -> dict[str, BaseModel]:
        """Return the validated settings of the plugins, by name of the plugin.

        Also warns of variables in the environment that were probably meant as settings.

        Args:
            models: Describe them, by name of the plugin.

        Raises:
            ConfigurationError: The value of one is wrong; or one is set that nobody knows.
        """
        known: list[str] = []
        every: list[type[BaseModel]] = [Settings, *models.values()]
        for model in every:
            known += model.model_fields
            known += [f"{name}{SUFFIX}" for name in _secrets(model)]
        for field, name in self._names.items():
            if field not in known:
                raise _unknown(field, name, known)
        say_unprefixed(known, self._config)
        return {plugin: self._validated(model) for plugin, model in models.items()}

    def _validated(self, model: type[AnyModel]) -> AnyModel:
        values = self._values_of(model)
        spelled = Spelled(model, values)
        try:
            made = model(**values) if model is Settings else spelled.validated()
        except ValidationError as error:
            paths = {name: self._values.get(f"{name}{SUFFIX}") for name in _secrets(model)}
            raise wrong_settings(
                error, self._name_of, model, (values, spelled.given), paths
            ) from None
        say_overruled(model, values, self._overruled, _secrets(model))
        return made

    def _values_of(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return what is given for a model: from files, and with the variables that set parts."""
        secrets = _secrets(model)
        values = with_files(self._values, secrets, lambda name, _: self._names[name])
        for name in secrets:
            if name in values and name not in self._values:
                self._names[name] = self._names[f"{name}{SUFFIX}"]
                if name == "exporters" and not _is_exporters(values[name]):  # it would be shown
                    raise ConfigurationError(
                        f"{self._names[name]}: the content of the file is neither a URL nor JSON",
                        setting=self._names[name],
                    )
        for parts in self._parts:
            for field in {each.field: None for each in parts}:
                if field not in model.model_fields:
                    continue
                base = values.get(field)
                is_ours = base is None or {field, f"{field}{SUFFIX}"} & self._in_environment
                lost: list[tuple[Variable, object]] = []
                made = with_parts(
                    base,
                    field,
                    [each for each in parts if each.field == field],
                    override=bool(is_ours),
                    lost=lost,
                )
                self._overruled += [Overruled(each, self._winner(field), v) for each, v in lost]
                if made is not None:
                    values[field] = made
        return {name: values[name] for name in model.model_fields if name in values}

    def _name_of(self, field: str, keys: Sequence[int | str]) -> tuple[str, int]:
        """Return the name under which a value was set, and how many of its keys that includes."""
        for each in (*self._parts[0], *self._parts[1]):
            wanted = [str(key).lower() for key in keys[: len(each.keys)]]
            if each.field == field and [key.lower() for key in each.keys] == wanted:
                return each.name, len(each.keys)
        name = self._names.get(field, f"{CONFIG_PREFIX}{field.upper()}")
        return name.partition(SEPARATOR)[0], 0


def _refuse_twice(names: Iterable[str]) -> None:
    """Refuse two names of one setting, which may be written in any case.

    Raises:
        ConfigurationError: Two names differ in their case alone.
    """
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise ConfigurationError(
                f"{name} and {other} set the same. Remove one of them", setting=name
            )


def _secrets(model: type[BaseModel]) -> list[str]:
    """Return the settings of a model that may be read from files."""
    return [name for name, field in model.model_fields.items() if is_secret(name, field)]


def _is_exporters(text: str) -> bool:
    """Return whether a text may be exporters: a URL, or JSON."""
    return "://" in text or text.lstrip().startswith("{")


def _unknown(field: str, name: str, fields: Collection[str]) -> ConfigurationError:
    prefix = name[: name.lower().find(field)] if field in name.lower() else CONFIG_PREFIX
    near = difflib.get_close_matches(field, fields, n=1)
    if field.startswith("exporters_"):
        hint = f"Two underscores separate names, as in {prefix}EXPORTERS__MAIN__PASSWORD"
    elif (replaced := argument(field)) is not None:
        hint = replaced
    elif (package := _OF_PACKAGES.get(field.partition("_")[0])) and not _has_prefix(field, fields):
        hint = (
            f"It may be one of {DISTRIBUTION}-{package}, which is not loaded here. To install it: "
            f"pip install '{DISTRIBUTION}[{package}]', or plugins/flask_chest_{package} of a clone"
        )
    elif near:
        hint = f"Did you mean {prefix}{near[0].upper()}?"
    else:
        known = ", ".join(f"{CONFIG_PREFIX}{known.upper()}" for known in fields)
        hint = f"It may be one of a plugin that is not loaded. The settings are: {known}"
    return ConfigurationError(f"{name} is not a setting of Flask-Chest. {hint}", setting=name)


def _has_prefix(field: str, fields: Collection[str]) -> bool:
    first = field.partition("_")[0]
    return any(each.startswith(f"{first}_") for each in fields)
