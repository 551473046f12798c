"""Say which variables of the environment have no effect, as another source sets the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from flask_chest.errors import MASK
from flask_chest.runtime.log import logger
from flask_chest.settings.environment import Variable
from flask_chest.settings.masking import is_secret_name, mask, may_hold_secret
from flask_chest.settings.model import Settings
from flask_chest.settings.secret_files import SUFFIX
from flask_chest.settings.spelling import Spelled


@dataclass(frozen=True)
class Overruled:
    """A variable of the environment, and what takes precedence over it.

    Attributes:
        variable: Of the environment.
        winner: Where the other value was set, such as ``CHEST_RETENTION of app.config``.
        value: That value.
    """

    variable: Variable
    winner: str
    value: object


def say_overruled(
    model: type[BaseModel],
    values: Mapping[str, Any],
    overruled: Iterable[Overruled],
    secrets: Collection[str],
) -> None:
    """Log each variable that would set another value than the one that is used.

    Args:
        model: Has the settings.
        values: What they are, valid.
        overruled: Of these settings, and of others.
        secrets: Settings whose values are never shown.
    """
    for each in overruled:
        field = each.variable.field
        known = {*model.model_fields, *(f"{name}{SUFFIX}" for name in secrets)}
        if field not in known or _is_same(model, values, each):
            continue
        is_hidden = is_secret_name(field) or field in secrets
        if model is not Settings:  # keys of a plugin's dict are anybody's words
            is_hidden |= may_hold_secret(field) or bool(each.variable.keys)
        elif each.variable.keys:
            is_hidden |= field == "exporters"
        elif field == "exporters":
            is_hidden = False  # mask() hides all but the places of URLs
        logger.warning(
            "%s=%s in the environment has no effect: %s sets %s, which is used. Remove one of them",
            each.variable.name,
            MASK if is_hidden else mask(each.variable.value),
            each.winner,
            MASK if is_hidden else mask(each.value),
        )


def _is_same(model: type[BaseModel], values: Mapping[str, Any], each: Overruled) -> bool:
    """Return whether the variable would set the value that is used."""
    field = each.variable.field
    if each.variable.keys or field not in model.model_fields:  # a part of a dict, or a file
        return str(each.variable.value) == str(each.value)
    try:
        used = getattr(Spelled(model, values).validated(), field)
        other = Spelled(model, {**values, field: each.variable.value}).validated()
        return bool(getattr(other, field) == used)
    except ValidationError:  # the one that has no effect is wrong, too
        return False
