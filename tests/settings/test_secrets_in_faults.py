"""No error about a setting of a plugin, or a field of an exporter, shows a secret in it."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    Json,
    SecretStr,
    field_validator,
    model_validator,
)

from flask_chest import Exporter
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.settings.exporters import make_exporter, validate_exporters
from flask_chest.settings.load import Given

SECRET = "s3cretvalue"


def refuse_first(value: Any) -> Any:
    raise ValueError(f"{next(iter(value))} is none of ours")


def refuse_values(value: Any) -> Any:
    raise ValueError(f"{list(value.values())!r} are none of ours")


def refuse_revealed(value: Any) -> Any:
    raise ValueError(f"{value[0].get_secret_value()!r} is none of ours")


def exporter_type(**own):
    methods = {name: lambda *_: None for name in ("open", "export", "close")}
    return type("Kind", (Exporter,), {"type": "x", "config_model": BaseModel, **methods, **own})


class Inner(BaseModel):
    name: str
    limits: dict[str, int] = {}


class Snip(BaseModel):
    """Settings of a plugin, and fields of an exporter."""

    snip_options: dict[str, int] = {}
    snip_either: dict[str, int | float] = {}
    snip_each: list[dict[str, int]] = []
    snip_inner: Inner | None = None
    snip_json: Json[dict[str, int]] = {}
    snip_few: Annotated[dict[str, str], Field(max_length=1)] = {}
    snip_headers: list[int] = []
    snip_list: list[str] = []
    snip_tokens: Annotated[list[str], AfterValidator(refuse_first)] = []
    snip_secrets: Annotated[list[SecretStr], AfterValidator(refuse_revealed)] = []
    snip_words: Annotated[dict[str, str], AfterValidator(refuse_values)] = {}
    snip_own_tokens: Annotated[list[str], AfterValidator(refuse_first)] = []
    snip_url: str = ""

    @field_validator("snip_own_tokens", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(";") if isinstance(value, str) else value

    @field_validator("snip_url")
    @classmethod
    def _reach(cls, value: str) -> str:
        raise ValueError(f"cannot reach {value}")

    @model_validator(mode="after")
    def _check(self) -> Snip:
        if "wrong" in self.snip_list:
            raise ValueError(f"do not fit together: {self.snip_few}")
        return self


class Named(Exporter):
    type = "named"
    config_model = Snip

    def open(self): ...

    def export(self, batch): ...

    def close(self): ...


def error_of_settings(fields):
    with pytest.raises(ConfigurationError) as caught:
        Given(fields, {}).of_plugins({"snip": Snip})
    return str(caught.value)


def error_of_exporter(fields):
    with pytest.raises(ConfigurationError) as caught:
        make_exporter("main", {"type": "named", **fields}, {"named": Named}, "")
    return str(caught.value)


@pytest.fixture(params=[error_of_settings, error_of_exporter])
def error_of(request):
    return request.param


@pytest.mark.parametrize(
    "fields",
    [
        {"snip_options": f'{{"X-Api": "{SECRET}"}}'},
        {"snip_options": {"X-Api": SECRET}},
        {"snip_options": {"X-Api": f"Bearer {SECRET}"}},
        {"snip_options": [f"Bearer {SECRET}", {"X-Api": SECRET}][1:]},
        {"snip_either": {"X-Api": SECRET}},
        {"snip_each": [{"X-Api": SECRET}]},
        {"snip_inner": {"name": "n", "limits": {"X-Api": SECRET}}},
        {"snip_inner": {"limits": {}, "X-Api": SECRET}},
        {"snip_inner": f'{{"X-Api": "{SECRET}"}}'},
        {"snip_json": f'{{"X-Api": "{SECRET}"}}'},
        {"snip_few": {"X-Api": SECRET, "b": "c"}},
        {"snip_headers": f"Bearer {SECRET}"},
        {"snip_list": {"X-Api": SECRET}},
        {"snip_tokens": f"{SECRET},abc"},
        {"snip_tokens": f'["{SECRET}", "abc"]'},
        {"snip_tokens": [SECRET, "abc"]},
        {"snip_secrets": SECRET},
        {"snip_secrets": [SecretStr(f"{SECRET}'\n\"")]},
        {"snip_words": {"X-Api": f"{SECRET}'\n\""}},
        {"snip_own_tokens": f"{SECRET};abc"},
        {"snip_url": f"https://hooks.example/{SECRET}"},
        {"snip_url": f"mysql://u:{SECRET}@db/d"},
        {"snip_few": {"X-Api": SECRET}, "snip_list": "wrong"},
    ],
    ids=repr,
)
def test_what_may_be_a_secret_is_masked(error_of, fields):
    message = error_of(fields)
    assert SECRET not in message
    assert "***" in message or "missing" in message


def test_a_secret_that_begins_as_another_one_is_masked_as_a_whole(error_of):
    assert SECRET not in error_of({"snip_tokens": [f"abcd{SECRET}", "abcd"]})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"snip_options": {"X-Api": "x"}}, "CHEST_SNIP_OPTIONS['X-Api']=***: is no whole number."),
        ({"snip_either": {"a": "x"}}, "CHEST_SNIP_EITHER['a']=***: is no whole number."),
        ({"snip_each": [{}, {"a": "x"}]}, "CHEST_SNIP_EACH[1]['a']=***: is no whole number."),
        ({"snip_inner": {"limits": {}}}, "CHEST_SNIP_INNER['name']: is missing."),
        ({"snip_inner": {}}, "CHEST_SNIP_INNER['name']: is missing."),
        ({"snip_list": 7}, "CHEST_SNIP_LIST=7: is no list."),
        ({"snip_list": ["a", 7]}, "CHEST_SNIP_LIST[1]=7: is no text."),
    ],
)
def test_an_error_names_the_key_that_is_wrong(fields, said):
    assert error_of_settings(fields).startswith(said)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("SNIP_OPTIONS__X", SECRET, "FLASK_CHEST_SNIP_OPTIONS__X=***: is no whole number."),
        (
            "SNIP_INNER__limits",
            f'{{"X": "{SECRET}"}}',
            "FLASK_CHEST_SNIP_INNER__limits['X']=***: is no whole number.",
        ),
    ],
)
def test_a_variable_that_sets_a_part_is_named_and_its_value_masked(monkeypatch, name, text, said):
    monkeypatch.setenv(f"FLASK_CHEST_{name}", text)
    inner = {"snip_inner": {"name": "n"}} if "INNER" in name else {}
    with pytest.raises(ConfigurationError) as caught:
        Given({}, {f"CHEST_{key.upper()}": value for key, value in inner.items()}).of_plugins(
            {"snip": Snip}
        )
    assert str(caught.value).startswith(said)


def test_an_overruled_part_is_masked_and_an_equal_text_not_said(monkeypatch, caplog):
    monkeypatch.setenv("FLASK_CHEST_SNIP_FEW__X", SECRET)
    monkeypatch.setenv("FLASK_CHEST_SNIP_LIST", "a,b")
    config = {"CHEST_SNIP_FEW": {"X": f"{SECRET}2"}, "CHEST_SNIP_LIST": ["a", "b"]}
    Given({}, config).of_plugins({"snip": Snip})
    [record] = caplog.records
    assert record.message.startswith("FLASK_CHEST_SNIP_FEW__X=*** in the environment")
    assert SECRET not in record.message


def test_a_required_setting_that_is_missing_shows_no_other_one():
    class Needed(BaseModel):
        snip_needed: int
        snip_word: str = ""

    with pytest.raises(ConfigurationError) as caught:
        Given({"snip_word": SECRET}, {}).of_plugins({"snip": Needed})
    assert str(caught.value).startswith("CHEST_SNIP_NEEDED: is missing.")
    assert SECRET not in str(caught.value)


def test_a_setting_with_an_alias_is_named_as_it_is_set():
    class Alias(BaseModel, populate_by_name=True):
        snip_count: int = Field(0, alias="snipCount")

    with pytest.raises(ConfigurationError, match=r"^CHEST_SNIP_COUNT='x': is no whole number"):
        Given({"snip_count": "x"}, {}).of_plugins({"snip": Alias})


@pytest.mark.parametrize(("given", "said"), [(SECRET, "short: the least"), ("x" * 30, "long: the")])
def test_a_secret_is_masked_whatever_its_name_and_is_a_text(given, said):
    class Config(BaseModel):
        pw: SecretStr = Field(min_length=20, max_length=25)

    kind = exporter_type(config_model=Config)
    with pytest.raises(ConfigurationError) as caught:
        make_exporter("where", {"type": "x", "pw": given}, {"x": kind}, "")
    assert "{'pw': '***'}: is too " + said in str(caught.value)
    assert given not in str(caught.value)


@pytest.mark.parametrize(
    "kind", [ConfigurationError, ExporterUnavailable, BatchRejected, ValueError, KeyError]
)
def test_what_validate_raises_is_masked_and_names_the_exporter(kind, said):
    def validate(_):
        raise kind(f"x://me:{SECRET}@h/db refuses password={SECRET}")

    exporter = exporter_type(validate=validate)(Inner(name="any"))
    try:
        validate_exporters({"main": exporter})
    except ConfigurationError as error:
        message = str(error)
    else:
        [message] = said()
    assert message.startswith("CHEST_EXPORTERS['main']")
    assert "x://***@h/db" in message
    assert SECRET not in message
