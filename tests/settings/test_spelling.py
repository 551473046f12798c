"""Lists and dicts of plugins and exporters, spelled as texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from flask import Flask
from pydantic import BaseModel, BeforeValidator, Field, SecretStr, field_validator

from flask_chest import Exporter, FlaskChest, hookimpl
from flask_chest.errors import ConfigurationError


class Inner(BaseModel):
    names: list[str] = []


def lines_of(value: str) -> list[str]:
    return value.splitlines()


class SnipSettings(BaseModel):
    """Settings of a plugin."""

    snip_list: list[str] = Field([], description="x")
    snip_numbers: tuple[int, ...] | None = Field(None, description="x")
    snip_set: set[str] = Field(set(), description="x")
    snip_sequence: Annotated[Sequence[str], Field(description="x")] = ()
    snip_dict: dict[str, int] = Field({}, description="x")
    snip_inner: Inner | None = Field(None, description="x")
    snip_text: str = Field("", description="x")
    snip_either: str | list[str] = Field("", description="x")
    snip_any: Any = Field("", description="x")
    snip_number: int = Field(0, description="x")
    snip_own: list[str] = Field([], description="x")
    snip_lines: Annotated[list[str], BeforeValidator(lines_of)] = Field([], description="x")

    @field_validator("snip_own", mode="before")
    @classmethod
    def _read(cls, value):
        return value.split(";") if isinstance(value, str) else value


class Snip:
    """Keeps its settings, and exports to lists."""

    settings = None

    @hookimpl
    def chest_settings(self):
        return SnipSettings

    @hookimpl
    def chest_init_app(self, settings):
        self.settings = settings

    @hookimpl
    def chest_exporters(self):
        return [Named]


class NamedConfig(BaseModel):
    names: list[str] = []
    limits: dict[str, int] = {}
    tokens: list[SecretStr] = []
    inner: Inner = Inner()


class Named(Exporter):
    type = "named"
    config_model = NamedConfig
    newest = None

    def __init__(self, config):
        super().__init__(config)
        Named.newest = config

    def open(self):
        pass

    def export(self, batch):
        pass

    def close(self):
        pass


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """Return a function that gives the settings that the plugin got."""

    def make(*, read_by_flask=False, **variables):
        for name, text in variables.items():
            monkeypatch.setenv(f"FLASK_CHEST_{name}", text)
        app, plugin = Flask("shop"), Snip()
        if read_by_flask:
            app.config.from_prefixed_env()
        chest = FlaskChest(journal=str(tmp_path / "journal"))
        chest.register_plugin(plugin)
        chest.init_app(app)
        chest.close()
        return plugin.settings

    return make


@pytest.mark.parametrize("read_by_flask", [False, True])
@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("list", "a,c", ["a", "c"]),
        ("list", " a , c ,", ["a", "c"]),
        ("list", '["a", "c,d"]', ["a", "c,d"]),
        ("list", "", []),
        ("list", "7", ["7"]),
        ("list", "true", ["true"]),
        ("numbers", "1, 2", (1, 2)),
        ("numbers", "[1]", (1,)),
        ("set", "b,b", {"b"}),
        ("sequence", "a,b", ["a", "b"]),
        ("dict", '{"a": 1}', {"a": 1}),
        ("inner", '{"names": "a,b"}', Inner(names=["a", "b"])),
        ("text", "a,b", "a,b"),
        ("text", "[1]", "[1]"),
        ("either", "a,b", "a,b"),
        ("any", "a,b", "a,b"),
        ("number", "7", 7),
        ("own", "a;b,c", ["a", "b,c"]),
        ("lines", "a,b\nc", ["a,b", "c"]),
    ],
)
def test_a_text_is_read_as_what_the_field_of_a_plugin_takes(
    settings_of, field, text, expected, read_by_flask
):
    found = settings_of(read_by_flask=read_by_flask, **{f"SNIP_{field.upper()}": text})
    assert getattr(found, f"snip_{field}") == expected


def test_a_part_of_a_model_in_a_setting_of_a_plugin_has_its_own_variable(settings_of):
    found = settings_of(SNIP_INNER__names="a,b", SNIP_DICT__a="1")
    assert found.snip_inner.names == ["a", "b"]
    assert found.snip_dict == {"a": 1}


@pytest.mark.parametrize(
    ("field", "text"), [("LIST", "[1"), ("DICT", "{"), ("DICT", "a=1"), ("NUMBERS", "1,x")]
)
def test_a_text_that_is_neither_is_refused_under_its_name(settings_of, field, text):
    with pytest.raises(ConfigurationError, match=f"FLASK_CHEST_SNIP_{field}"):
        settings_of(**{f"SNIP_{field}": text})


def test_lists_and_dicts_of_an_exporter_are_read_too(settings_of, tmp_path):
    secret = tmp_path / "tokens"
    secret.write_text("one,two\n")
    fields = {"NAMES": "a, b", "LIMITS": '{"a": 1}', "INNER__names": "c,d"}
    settings_of(
        EXPORTERS__MAIN__TYPE="named",
        EXPORTERS__MAIN__TOKENS_FILE=str(secret),
        **{f"EXPORTERS__MAIN__{name}": text for name, text in fields.items()},
    )
    config = Named.newest
    assert [each.get_secret_value() for each in config.tokens] == ["one", "two"]
    assert (config.names, config.limits, config.inner.names) == (["a", "b"], {"a": 1}, ["c", "d"])
