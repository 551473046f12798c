"""A field that a plugin's model would pass over in silence is refused at start-up."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, model_validator

from flask_chest import Exporter
from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporter


class Plain(BaseModel):
    folder: str = "x"
    port_number: int = Field(1, validation_alias=AliasChoices("port_number", "port"))


class Allows(Plain):
    model_config = ConfigDict(extra="allow")


class Ignores(Plain):
    model_config = ConfigDict(extra="ignore")


class Renames(Plain):
    @model_validator(mode="before")
    @classmethod
    def _rename(cls, values):
        return {("folder" if name == "directory" else name): each for name, each in values.items()}


class Odd(Plain):
    """It cannot be made twice: another validation of the same values says something else."""

    made: Any = []

    @model_validator(mode="after")
    def _count(self):
        if self.made:
            raise ValueError("once")
        self.made.append(self)
        return self


def made(model, entry):
    def nothing(self, batch=None): ...

    methods = {"open": nothing, "export": nothing, "close": nothing}
    kind = type("Own", (Exporter,), {"type": "own", "schemes": ("own",), **methods})
    kind.config_model = model
    return make_exporter("main", entry, {"own": kind}, "/instance").config


@pytest.mark.parametrize("model", [Plain, Renames])
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"foldr": "hunter2"}, "'foldr': '***'}: no such field. Did you mean 'folder'?"),
        ({"colour": 7}, "no such field. Known: ['folder', 'port_number']"),
        ({"foldr": "y", "prt": 1}, "'prt': '***'}: no such field"),
        ("own://u:hunter2@host", "An entry of this type is {'type': 'own', ...}. Known: ['folder'"),
    ],
)
def test_a_field_that_the_model_does_not_have_is_refused(model, entry, said):
    given = {"type": "own", **entry} if isinstance(entry, dict) else entry
    with pytest.raises(ConfigurationError) as caught:
        made(model, given)
    assert "main (type 'own'): {" in str(caught.value)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_such_field_is_named():
    with pytest.raises(ConfigurationError) as caught:
        made(Plain, {"type": "own", "one": 1, "two": 2})
    assert len(str(caught.value).splitlines()) == 2


def test_a_model_without_any_field_takes_none():
    class Empty(BaseModel): ...

    assert made(Empty, {"type": "own"}) == Empty()
    with pytest.raises(ConfigurationError, match=r"'port': '\*\*\*'}: no such field. Known: \[\]"):
        made(Empty, {"type": "own", "port": 1})


@pytest.mark.parametrize("model", [Allows, Ignores])
def test_a_model_that_says_what_becomes_of_others_is_left_alone(model):
    config = made(model, {"type": "own", "colour": "red"})
    assert (config.model_extra or {}).get("colour") == ("red" if model is Allows else None)


def test_a_name_that_the_model_reads_by_itself_is_no_unknown_field():
    assert made(Plain, {"type": "own", "port": "7"}).port_number == 7
    assert made(Plain, {"type": "own", "port_number": 7}).port_number == 7
    assert made(Renames, {"type": "own", "directory": "y"}).folder == "y"
    assert made(RootModel[dict[str, str]], {"type": "own", "any": "y"}).root == {"any": "y"}


def test_the_configuration_is_an_instance_of_the_model_itself():
    assert type(made(Plain, {"type": "own"})) is Plain
    assert type(made(Odd, {"type": "own"})) is Odd


def test_a_file_of_a_secret_is_no_unknown_field(tmp_path):
    (tmp_path / "folder").write_text("y\n")
    assert made(Plain, {"type": "own", "folder_file": str(tmp_path / "folder")}).folder == "y"
    with pytest.raises(ConfigurationError, match=r"no such field. Did you mean 'folder_file'\?"):
        made(Plain, {"type": "own", "foldr_file": str(tmp_path / "folder")})


def test_the_url_of_another_type_is_one_of_a_type_with_such_a_field():
    class Passes(BaseModel):
        url: str

    assert made(Passes, {"type": "own", "url": "sqlite:////x"}).url == "sqlite:////x"
    with pytest.raises(ConfigurationError, match="the URL is one of the type 'sqlite', and the"):
        made(Plain, {"type": "own", "url": "sqlite:////x"})
