"""Lists and dicts of plugins as the environment and files spell them: in one text."""

from __future__ import annotations

import collections.abc
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, PlainValidator, WrapValidator

_LISTS: Final = (collections.abc.Sequence, collections.abc.Set)


def spelled(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with the lists and dicts that texts stand for, by the types of the fields.

    A list has commas or is JSON, a dict is JSON. A text stays where a field takes texts, where it
    is not JSON, and where the model reads it by a validator of its own.

    Args:
        model: Of the values.
        values: Field to value.
    """
    own = _read_by_validators(model)
    return {
        name: value
        if name in own or name not in model.model_fields
        else _spelled(model.model_fields[name].annotation, value)
        for name, value in values.items()
    }


def _spelled(annotation: object, value: object) -> object:
    kind, inner = _kind(annotation)
    if isinstance(value, str):
        text = value.strip()
        if kind == "list" and not text.startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        if kind != "text" and text.startswith("[" if kind == "list" else "{"):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                return value  # the model says what it wants
    if inner is not None and isinstance(value, dict):
        return spelled(inner, value)
    return value


def _kind(
    annotation: object,
) -> tuple[Literal["text", "list", "dict"], type[BaseModel] | None]:
    """Return what a field takes, and the model of a dict."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        kinds = [_kind(each) for each in typing.get_args(annotation) if each is not type(None)]
        return kinds[0] if len({kind for kind, _ in kinds}) == 1 else ("text", None)
    found = origin or annotation
    if not isinstance(found, type) or issubclass(found, (str, bytes)):
        return "text", None
    if issubclass(found, BaseModel):
        return "dict", found
    if issubclass(found, collections.abc.Mapping) or typing.is_typeddict(found):
        return "dict", None
    return ("list" if issubclass(found, _LISTS) else "text"), None


def _read_by_validators(model: type[BaseModel]) -> set[str]:
    """Return the fields whose texts the model reads itself."""
    found = {
        name
        for name, field in model.model_fields.items()
        if any(
            isinstance(each, (BeforeValidator, PlainValidator, WrapValidator))
            for each in field.metadata
        )
    }
    for decorator in model.__pydantic_decorators__.field_validators.values():
        if decorator.info.mode != "after":
            found.update(decorator.info.fields)
    return found
