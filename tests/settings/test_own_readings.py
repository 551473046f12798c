"""A model that reads a text itself gets the text, and no list or dict that it might stand for."""

from __future__ import annotations

from collections import UserString
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    RootModel,
    WrapValidator,
    field_validator,
    model_validator,
)

from flask_chest import Exporter
from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporter
from flask_chest.settings.load import Given


def in_settings(model, value):
    return Given({"snip": value}, {}).of_plugins({"snip": model})["snip"].snip


def in_exporter(model, value):
    class Named(Exporter):
        type = "named"
        config_model = model

        def open(self): ...

        def export(self, batch): ...

        def close(self): ...

    return make_exporter("here", {"type": "named", "snip": value}, {"named": Named}, "").config.snip


@pytest.fixture(params=[in_settings, in_exporter])
def read(request):
    return request.param


class EachField(BaseModel):
    snip: list[str] = []

    @field_validator("*", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(";") if isinstance(value, str) else value


class Whole(BaseModel):
    snip: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: dict[str, Any]) -> object:
        text = values.pop("snip")
        return {**values, "snip": text.split(";") if isinstance(text, str) else text}


class Around(BaseModel):
    snip: list[str] = []

    @model_validator(mode="wrap")
    @classmethod
    def _split(cls, values: dict[str, Any], handler: Any) -> Any:
        return handler({"snip": values["snip"].split(";")})


class Host(BaseModel):
    name: str
    ports: list[int] = []

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        return {"name": given.strip("{}")} if isinstance(given, str) else given


class X(BaseModel):
    tags: list[str]
    kind: str = "x"


class Y(BaseModel):
    tags: str
    name: str


class Size(Enum):
    SMALL = "small"


class Part(BaseModel):
    size: Size
    kind: Literal["a", "b"] | int


class Tree(BaseModel):
    snip: dict[str, list[str]] = {}


def of(annotation):
    """Return a model with one field."""

    class Model(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        snip: annotation = None

    return Model


def lines(value: object, handler: Any) -> Any:
    return handler(value.splitlines() if isinstance(value, str) else value)


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (of(Json[list[str]]), '["a","b"]', ["a", "b"]),
        (of(list[Json[int]]), '["1","2"]', [1, 2]),
        (EachField, "a,1;b,2", ["a,1", "b,2"]),
        (EachField, '["a"];b', ['["a"]', "b"]),
        (Whole, "a,1;b,2", ["a,1", "b,2"]),
        (Around, "a,1;b,2", ["a,1", "b,2"]),
        (of(Annotated[list[str], WrapValidator(lines)]), "a,b\nc", ["a,b", "c"]),
        (of(Annotated[list[str], WrapValidator(lines)] | None), "a,b\nc", ["a,b", "c"]),
        (of(Host), "{db}", Host(name="db")),
        (of(RootModel[str]), '{"a": 1}', RootModel[str]('{"a": 1}')),
        (of(X | Y), {"tags": "a,b", "name": "n"}, Y(tags="a,b", name="n")),
        (of(X | dict[str, str]), {"tags": "a,b"}, {"tags": "a,b"}),
        (of(Sequence[str] | str), "a,b", "a,b"),
    ],
)
def test_a_text_that_the_model_takes_or_reads_itself_stays_a_text(read, model, value, expected):
    found = read(model, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("kind", [bytearray, UserString])
def test_a_text_that_is_no_such_sequence_is_no_list_either(read, kind):
    with pytest.raises(ConfigurationError, match="instance of"):
        read(of(kind), "a,b")


def test_of_two_models_none_is_chosen_by_what_a_text_may_stand_for(read):
    with pytest.raises(ConfigurationError):
        read(of(X | Y), {"tags": "a,b", "name": 7})


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (of(Host), {"name": "db", "ports": "1,2"}, Host(name="db", ports=[1, 2])),
        (of(Host), {"name": "db", "ports": "[1]"}, Host(name="db", ports=[1])),
        (Tree, {"a": "b,c", "d": ["e"]}, {"a": ["b", "c"], "d": ["e"]}),
        (Tree, '{"a": "b,c"}', {"a": ["b", "c"]}),
        (of(X | None), '{"tags": "a,b"}', X(tags=["a", "b"])),
        (of(Annotated[list[str], Field(max_length=2)] | None), "a,b", ["a", "b"]),
        (of(RootModel[list[str]]), "a,b", RootModel[list[str]](["a", "b"])),
    ],
)
def test_a_text_that_the_model_leaves_is_read_for_it(read, model, value, expected):
    assert read(model, value) == expected


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Literal["a", "b"], "a", "a"),
        (Literal["a", "b"] | None, "b", "b"),
        (Literal["a"] | int, "a", "a"),
        (Literal["a,b"] | list[str], "a,b", "a,b"),
        (Size, "small", Size.SMALL),
        (list[Size], "small,small", [Size.SMALL, Size.SMALL]),
        (Part, {"size": "small", "kind": "a"}, Part(size=Size.SMALL, kind="a")),
    ],
)
def test_one_of_some_texts_may_be_chosen(read, annotation, value, expected):
    assert read(of(annotation), value) == expected


def test_none_of_some_texts_is_refused(read):
    with pytest.raises(ConfigurationError, match=r"is not known\. Write 'a' or 'b'"):
        read(of(Literal["a", "b"]), "c")


def test_a_field_may_have_an_alias(read):
    class Alias(BaseModel, populate_by_name=True):
        snip: list[str] = Field([], alias="Snip")

    assert read(Alias, "a,b") == ["a", "b"]


def test_values_of_the_application_are_not_changed(read):
    value = {"name": "db", "ports": "1,2"}
    read(of(Host), value)
    assert value == {"name": "db", "ports": "1,2"}


def test_the_instance_folder_may_have_a_comma(tmp_path):
    class Files(Exporter):
        type = "files"
        config_model = of(list[str])

        def open(self): ...

        def export(self, batch): ...

        def close(self): ...

    entry = {"type": "files", "snip": "<instance>/a,b"}
    made = make_exporter("here", entry, {"files": Files}, "/srv/a,b")
    assert made.config.snip == ["/srv/a,b/a", "b"]


def test_a_model_of_values_that_need_no_reading_is_made_once():
    made = []

    class Counted(BaseModel):
        snip: list[str] = []

        @model_validator(mode="after")
        def _count(self) -> Counted:
            made.append(self)
            return self

    in_settings(Counted, ["a"])
    in_settings(Counted, "a,b")
    assert len(made) == 2
