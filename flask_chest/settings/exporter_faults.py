"""Say what is wrong with the fields of an exporter, without showing a secret."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.settings.environment import prefix_of, variable_of
from flask_chest.settings.masking import keys_to, mask, may_hold_secret, secret_texts
from flask_chest.settings.secret_files import SUFFIX, is_secret, shown
from flask_chest.settings.sizes import number_of
from flask_chest.settings.wording import said_of, type_of
from flask_chest.store import Store

SETTING: Final = "CHEST_EXPORTERS"
RETENTION: Final = "retention"
"""Field of an entry of any type of store. It is the core's, and no part of its configuration."""


@dataclass(frozen=True)
class Place:
    """Where an exporter is configured, for messages.

    Attributes:
        where: What messages begin with.
        name: Of the exporter in CHEST_EXPORTERS; empty for one that is in no setting.
    """

    where: str
    name: str = ""

    def __str__(self) -> str:
        return self.where

    @classmethod
    def of(cls, name: str) -> Place:
        """Return the place of an entry of CHEST_EXPORTERS."""
        return cls(f"{SETTING}[{name!r}]", name)

    def field(self, field: str, value: object) -> str:
        """Return how messages name a field: by the variable that set it, if one did."""
        return self.variable((field,), value) or f"{self.where}[{field!r}]"

    def url(self, url: str) -> str:
        """Return how messages name a URL: by the variable that set it, if one did."""
        found = self.variable(("url",), url) or self.variable((), url)
        if found is None and self.name == "main":
            found = variable_of("exporters", (), url)
        return found or self.where

    def variable(self, keys: Sequence[str], value: object) -> str | None:
        """Return the environment variable that set a value in the entry; None when none did."""
        return variable_of("exporters", (self.name, *keys), value) if self.name else None

    def to_set(self, field: str) -> str:
        """Return the end of a message that says how to set a field; empty where it is plain."""
        others = prefix_of("exporters", self.name) if self.name else None
        return f". Set {others}{field.upper()}" if others else ""


def wrong(message: str) -> ConfigurationError:
    """Return an error about CHEST_EXPORTERS."""
    return ConfigurationError(message, setting=SETTING)


def wrong_fields(
    place: Place,
    kind: type[Exporter],
    error: ValidationError,
    given: Sequence[Mapping[str, object]],
    files: Mapping[str, object],
) -> str:
    """Return one line for each field at fault.

    Args:
        place: Where the fields were given.
        kind: The class of the exporter.
        error: What its model says.
        given: The fields, as they were written and as the model got them.
        files: Names of those whose value is from a file, to its path.
    """
    lines = []
    secrets = {text for fields in given for text in _secrets(kind, fields, files)}
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "url"
        first = field.partition(".")[0]
        message = said_of(fault, secrets | _secrets(kind, {first: fault["input"]}, files))
        where = f"{place} (type {kind.type!r})"
        if type_of(fault) == "missing":
            lines.append(f"{where}: the field {field!r} is missing{place.to_set(field)}")
            continue
        if variable := place.variable([*map(str, fault["loc"])], fault["input"]):
            where = f"{where}, set by {variable}"
        if type_of(fault) == "extra_forbidden":
            lines.append(f"{where}: {{{field!r}: '***'}}: no such field. {_hint(kind, field)}")
            continue
        wrong = {field: fault["input"]} if fault["loc"] else fault["input"]
        if isinstance(wrong, Mapping):
            wrong = {name: value for name, value in wrong.items() if name not in files}
        keys = keys_to(given[-1].get(first), fault["loc"][1:], fault["input"])
        is_under_key = any(isinstance(key, str) for key in keys)
        told = mask(wrong, () if is_under_key else _shown_beside(kind, wrong))
        if field.endswith("_bytes") and type_of(fault) == "int_parsing":
            message += number_of(fault["input"])
        if first in files:
            told = f"{place.field(first + SUFFIX, files[first])}={shown(files[first])}"
        lines.append(f"{where}: {told}: {message}")
    return "\n".join(lines)


def _hint(kind: type[Exporter], field: str) -> str:
    """Return what may be meant by a field that is not there."""
    known = list(kind.config_model.model_fields)
    if issubclass(kind, Store) and RETENTION not in known:
        known.append(RETENTION)
    near = difflib.get_close_matches(field, [*known, *(f"{name}{SUFFIX}" for name in known)], n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    is_dict = f"An entry of this type is {{'type': {kind.type!r}, ...}}. " if field == "url" else ""
    return f"{is_dict}Known: {known}"


def _shown_beside(kind: type[Exporter], value: object) -> list[str]:
    """Return the fields that may be shown, and parts of them, such as `hosts.0`."""
    known = _shown(kind)
    # One that the plugin has declared may be an address that is a secret as a whole.
    own = () if "url" in kind.config_model.model_fields else ("url",)
    names = map(str, value) if isinstance(value, Mapping) else ()
    return [*known, *(name for name in names if name.partition(".")[0] in known), *own]


def _secrets(
    kind: type[Exporter], fields: Mapping[str, object], files: Mapping[str, object]
) -> set[str]:
    """Return what a message of the plugin may have repeated of values that are not shown."""
    known = _shown(kind)
    return {
        text
        for name, value in fields.items()
        for text in secret_texts(value, is_hidden=name not in known or name in files)
    }


def _shown(kind: type[Exporter]) -> list[str]:
    """Return the fields of a type whose values may be shown."""
    return [
        name
        for name, field in kind.config_model.model_fields.items()
        if not may_hold_secret(name) and not is_secret(name, field)
    ]
