"""Lists and dicts of plugins as the environment and files spell them: in one text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, RootModel, ValidationError, create_model

from flask_chest.settings.masking import keys_to, mask
from flask_chest.settings.wording import type_of

AnyModel = TypeVar("AnyModel", bound=BaseModel)

_LIST: Final = (
    *("list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type", "sequence_str"),
    *("named_tuple_type", "arguments_type"),
)
_DICT: Final = (
    *("dict_type", "mapping_type", "ordered_dict_type", "counter_type"),
    *("model_type", "model_attributes_type", "dataclass_type"),
)
"""The errors of pydantic about a text in place of a list and of a dict."""


class Spelled(Generic[AnyModel]):
    """Values of a model, with the lists and dicts that texts stand for.

    A list has commas or is JSON, a dict is JSON. The model sees each text first: it may take it, or
    read it by a validator of its own. Only where it asks for a list or a dict, it gets one. Of the
    types of a union nobody knows which one is meant, so texts stay there.

    Args:
        model: Of the values.
        values: Field to value. It is not changed.
        prepared: Makes what the model gets of values.
    """

    def __init__(
        self,
        model: type[AnyModel],
        values: Mapping[str, Any],
        prepared: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ) -> None:
        self._model = model
        self._values = values
        self._prepared = prepared
        self.given = prepared(values)
        """What the model got in the end."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model.__name__}, {mask(self._values)})"

    def validated(self) -> AnyModel:
        """Return the model.

        Raises:
            ValidationError: A value is wrong.
        """
        while True:
            try:
                return self._model.model_validate(copy(self.given))
            except ValidationError as error:
                if self._read(error):
                    self.given = self._prepared(self._values)
                elif not self._make_plain(error):
                    raise

    def _read(self, error: ValidationError) -> bool:
        """Read the texts of which a model says that they are no list or dict; False for none."""
        before = self._values
        for fault in error.errors(include_url=False):
            kind = type_of(fault)
            is_list = kind in _LIST
            if not fault["loc"] or not (is_list or kind in _DICT):
                continue
            path = (field_of(self._model, str(fault["loc"][0])), *fault["loc"][1:])
            text = _at(self._values, path)
            if isinstance(text, str) and _at(self.given, path) is fault["input"]:
                meant = _list(text) if is_list else _decoded(text, "{")
                if meant is not text:
                    self._values = _with(self._values, path, meant)
        return self._values is not before

    def _make_plain(self, error: ValidationError) -> bool:
        """Make a `str` of each text of another class that is to be one of some; False for none.

        pydantic 2.7 compares no other ones, and the texts of exporters are hidden.
        """
        before = self.given
        for fault in error.errors(include_url=False):
            text = fault["input"]
            if type_of(fault) in {"literal_error", "enum"} and isinstance(text, str):
                keys = keys_to(self.given, fault["loc"], text)
                if type(text) is not str and _at(self.given, keys) is text:
                    self.given = _with(self.given, keys, str(text))
        return self.given is not before


def refuse_unread(model: type[BaseModel], given: Mapping[str, Any]) -> None:
    """Refuse fields that a model would pass over in silence, as pydantic's default is.

    A model that says itself what becomes of other fields is left as it is.

    Args:
        model: It has taken the values.
        given: Field to value.

    Raises:
        ValidationError: It names the fields that are not there.
    """
    if "extra" in model.model_config or issubclass(model, RootModel):
        return
    strict = create_model(model.__name__, __base__=model, __cls_kwargs__={"extra": "forbid"})
    try:
        strict.model_validate(copy(given))
    except ValidationError as error:
        if {type_of(fault) for fault in error.errors(include_url=False)} == {"extra_forbidden"}:
            raise


def field_of(model: type[BaseModel], name: str) -> str:
    """Return the field that an error of a model names, perhaps by its alias."""
    for field, info in model.model_fields.items():
        if name not in model.model_fields and name in (info.alias, info.validation_alias):
            return field
    return name


def _at(value: object, path: Sequence[int | str]) -> object:
    """Return what is in dicts in dicts; None where the path leads through anything else."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _with(values: Mapping[Any, Any], path: Sequence[int | str], value: object) -> dict[Any, Any]:
    """Return dicts in dicts with another value at the end of a path."""
    made = copy(values) if isinstance(values, dict) else dict(values)
    key, *rest = path
    made[key] = _with(made[key], rest, value) if rest else value
    return made


def _list(text: str) -> object:
    if text.strip().startswith("["):
        return _decoded(text, "[")
    return [part.strip() for part in text.split(",") if part.strip()]


def _decoded(text: str, beginning: str) -> object:
    """Return what JSON in a text means; the text itself if it is none."""
    if text.strip().startswith(beginning):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return text
