"""Say what is wrong with settings, without showing a secret."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from flask_chest.errors import MASK, ConfigurationError, ended
from flask_chest.settings.masking import (
    hidden,
    is_secret_name,
    keys_to,
    mask,
    may_hold_secret,
    secret_texts,
)
from flask_chest.settings.model import Settings
from flask_chest.settings.secret_files import is_secret, shown
from flask_chest.settings.sizes import number_of
from flask_chest.settings.spelling import field_of
from flask_chest.settings.wording import said_of, type_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_SEE: Final = re.compile(r"\bSee \[[^\]]+\]\(([^)#]*)[^)]*\)")
"""A link of a description, whose text alone is for a terminal."""

_OF_A_KEY: Final = "[key]"
"""What pydantic puts behind a key that is wrong itself."""


def wrong_settings(
    error: ValidationError,
    name_of: Callable[[str, Sequence[int | str]], tuple[str, int]],
    model: type[BaseModel],
    given: Sequence[Mapping[str, Any]],
    paths: Mapping[str, object],
) -> ConfigurationError:
    """Return one error that names every wrong setting, its masked value, and its meaning.

    Of several settings that do not fit together, their model says what is wrong, and no value is
    shown.

    Args:
        error: What the model says.
        name_of: Returns the name under which a value was set, and how many of its keys are in that
            name: a part is named rather than the whole.
        model: Of the settings.
        given: The values, as they were set and as the model got them.
        paths: Of the files from which secrets were read.
    """
    secrets = {text for values in given for text in _secrets(model, values)}
    messages: dict[str, tuple[str, str]] = {}  # by field: a union says what is wrong with each way
    for fault in error.errors(include_url=False):
        if not fault["loc"]:
            messages.setdefault("", ("", said_of(fault, secrets)))
            continue
        field = field_of(model, str(fault["loc"][0]))
        said = said_of(fault, {*secrets, *_secrets(model, {field: fault["input"]})})
        is_missing = type_of(fault) == "missing"
        path = [key for key in fault["loc"][1:] if key != _OF_A_KEY]
        keys = keys_to(given[-1].get(field), path, fault["input"])
        if is_missing and len(fault["loc"]) > 1:
            keys = [*keys, *fault["loc"][-1:]][: len(fault["loc"]) - 1]
        name, named = name_of(field, keys)
        if field in messages and not named:
            continue
        value = f"={_value(model, field, fault, keys)}"
        if is_missing:
            value = ""
        elif paths.get(field) is not None:
            value = f"={shown(paths[field])}"
        if field.endswith("_bytes") and type_of(fault) == "int_parsing":
            said += number_of(fault["input"])
        where = "".join(f"[{key!r}]" for key in keys[named:])
        remedy = ""
        if is_missing and len(fault["loc"]) == 1:
            remedy = f" Set it in app.config, or as FLASK_{name} in the environment."
        meaning = _meaning(model, field)
        messages[field] = name, f"{name}{where}{value}: {ended(said)}{remedy}{meaning}"
    [first, *_] = messages.values()
    return ConfigurationError(
        "\n".join(message for _, message in messages.values()), setting=first[0] or None
    )


def _value(
    model: type[BaseModel], field: str, fault: ErrorDetails, keys: Sequence[int | str]
) -> str:
    """Return a wrong value for a message: masked where it may be a secret."""
    value = fault["input"]
    if model is Settings:
        if field == "exporters":
            return mask(value)
        shown = set(_keys(value))
        return MASK if _is_hidden(model, field) else mask(value, shown)
    if _is_hidden(model, field) or any(isinstance(key, str) for key in keys):
        return MASK
    return repr(hidden(value)) if may_hold_secret(field) and isinstance(value, str) else mask(value)


def _keys(value: object) -> Iterator[str]:
    """Yield the keys of a dict, and of those in it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)


def _is_hidden(model: type[BaseModel], field: str) -> bool:
    """Return whether no part of a setting may be shown."""
    info = model.model_fields.get(field)
    return is_secret_name(field) or (info is not None and is_secret(field, info))


def _secrets(model: type[BaseModel], values: Mapping[str, Any]) -> Collection[str]:
    """Return what a message of a plugin may have repeated of values that are not shown."""
    if model is Settings:  # whose messages are ours
        return ()
    return [
        text
        for field, value in values.items()
        for text in secret_texts(
            value, is_hidden=_is_hidden(model, field) or may_hold_secret(field)
        )
    ]


def _meaning(model: type[BaseModel], field: str) -> str:
    """Return what a setting means, where a link is the page that it leads to; empty if unsaid."""
    info = model.model_fields.get(field)
    description = info.description if info is not None else None
    if not description:
        return ""

    def page(found: re.Match[str]) -> str:
        return f"See {posixpath.normpath(posixpath.join('docs/reference', found[1]))}"

    text = _LINK.sub(r"\1", _SEE.sub(page, description))
    return f" Its meaning: {text}"
