"""What the errors of settings and exporters say of a value of the wrong type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest
from flask import Flask
from pydantic import AfterValidator, BaseModel, Field, Json, ValidationError
from pydantic_core import PydanticCustomError
from support.settings import load_settings

from flask_chest import Exporter, FlaskChest
from flask_chest.errors import ConfigurationError, ended
from flask_chest.settings.exporters import make_exporter
from flask_chest.settings.load import Given
from flask_chest.settings.model import Settings
from flask_chest.settings.wording import said_of

BOOL = "is neither true nor false. Write 1, true or on; or 0, false or off"
LIST = 'is no list. Write a list, such as ["user_id"]'
PYDANTIC = ("Input should", "String should", "Value should", "unable to", "should be a valid")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRACK_ALL", "ja", f"FLASK_CHEST_TRACK_ALL='ja': {BOOL}. Its meaning"),
        ("ROLLUPS", "ja", BOOL),
        ("ROLLUPS", '{"dimensions": 3}', f"dimensions: {LIST}"),
        ("ROLLUPS", '{"retention": {"minute": "2days"}}', "{'minute': '2days'}"),
        ("ROLLUPS", '{"max_groups": "many"}', "max_groups: is no whole number"),
        ("ROLLUPS", '{"retention": 3}', 'retention: is no dict. Write a dict, such as {"name"'),
        ("BATCH_RECORDS", "many", "is no whole number"),
        ("BATCH_RECORDS", "0", "must be at least 1."),
        ("BATCH_RECORDS", "100001", "must be at most 100000."),
        ("BATCH_RECORDS", "1.5", "is no whole number"),
        ("SHUTDOWN_SECONDS", "soon", "is no number"),
        ("FSYNC", "sometimes", "is not known. Write 'interval', 'always' or 'never'"),
        ("SERVICE", "x" * 256, "is too long: the largest number of characters is 255"),
        ("JOURNAL", "", "is too short: the least number of characters is 1"),
        ("FIELDS", '["path"]', "is no dict"),
        ("FIELDS", '{"path": "hide"}', "is not known. Write 'keep', 'redact' or 'omit'"),
        ("EXPORTERS", "{}", "has too few entries: the least number is 1"),
        ("REQUEST_ID_HEADER", "X Y", "has other characters than it may have"),
    ],
)
def test_a_wrong_value_of_a_setting_says_what_to_write(monkeypatch, name, value, said):
    monkeypatch.setenv(f"FLASK_CHEST_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, {})
    assert said in str(caught.value)
    assert not any(each in str(caught.value).partition("Its meaning")[0] for each in PYDANTIC)


@pytest.mark.parametrize("value", [object(), [3], {"a": []}, -1, "?", b"a"])
def test_no_setting_says_what_only_pydantic_would_say(value):
    for name in Settings.model_fields:
        try:
            load_settings({name: value}, {})
        except ConfigurationError as error:
            said = str(error).partition("Its meaning")[0]
            assert not any(each in said for each in PYDANTIC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"busy_timeout_seconds": "soon"}, "is no number"),
        ({"busy_timeout_seconds": -1}, "must be at least 0"),
        ({"path": 3}, "is no path"),
    ],
)
def test_a_wrong_field_of_an_exporter_says_what_to_write(tmp_path, fields, said):
    entry = {"type": "sqlite", "path": str(tmp_path / "a"), **fields}
    with pytest.raises(ConfigurationError) as caught:
        FlaskChest(Flask("a"), exporters={"main": entry}, journal=str(tmp_path / "j"))
    assert said in str(caught.value)
    assert not any(each in str(caught.value) for each in PYDANTIC)


def test_an_error_without_words_of_ours_keeps_its_own():
    class Model(BaseModel):
        one: Literal["a"] = "a"
        data: bytes = b""

    with pytest.raises(ValidationError) as caught:
        Model(one="b", data=object())
    one, data = caught.value.errors()
    assert said_of(one) == "is not known. Write 'a'"
    assert said_of(data) == data["msg"]


@pytest.mark.parametrize(
    ("kind", "context"),
    [
        ("too_long", {"limit": 3}),
        ("too_long", {"field_type": "List", "max_length": 3, "actual_length": 4, "limit": 3}),
        ("string_too_long", {"max_length": 3, "limit": 3}),
        ("greater_than", None),
        ("int_parsing", None),
        ("missing", None),
        ("extra_forbidden", None),
        ("path_type", None),
        ("sequence_str", {"limit": 3}),
        ("literal_error", {"expected": 7}),
        ("no_such_type", {"limit": 3}),
    ],
)
def test_an_error_that_a_plugin_words_keeps_its_words(kind, context):
    def refuse(value: str) -> str:
        raise PydanticCustomError(kind, "is longer than the topic {limit}", context)

    class Model(BaseModel):
        snip_bytes: Annotated[str, AfterValidator(refuse)] = ""

    class Named(Exporter):
        type = "named"
        config_model = Model

        def open(self): ...

        def export(self, batch): ...

        def close(self): ...

    said = f"is longer than the topic {(context or {}).get('limit', '{limit}')}"
    with pytest.raises(ConfigurationError) as caught:
        Given({"snip_bytes": "1GB"}, {}).of_plugins({"snip": Model})
    assert str(caught.value) == f"CHEST_SNIP_BYTES='1GB': {said}."
    entry = {"type": "named", "snip_bytes": "1GB"}
    with pytest.raises(ConfigurationError) as caught:
        make_exporter("main", entry, {"named": Named}, "")
    assert str(caught.value) == f"main (type 'named'): {{'snip_bytes': '1GB'}}: {said}"


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (list[int], 3, LIST),
        (Sequence[str], "[a", LIST),
        (Path, 3, "is no path"),
        (
            Annotated[set[int], Field(min_length=2)],
            [1],
            "has too few entries: the least number is 2",
        ),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "has too many entries"),
        (Annotated[float, Field(le=1.5)], 2, "must be at most 1.5"),
        (Json[dict[str, int]], "[]", "is no dict"),
    ],
)
def test_an_error_of_pydantics_own_has_our_words(annotation, value, said):
    class Model(BaseModel):
        snip: annotation

    with pytest.raises(ValidationError) as caught:
        Model(snip=value)
    assert said_of(caught.value.errors()[0]).startswith(said)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("no answer", "no answer."), ("is it up?", "is it up?"), ("a: ", "a:"), ("So!\n", "So!")],
)
def test_a_sentence_that_has_an_end_gets_no_second_one(text, sentence):
    assert ended(text) == ended(ended(text)) == sentence


@pytest.mark.parametrize("plugin", ["monitor", "dashboard"])
def test_a_setting_of_a_plugin_of_ours_that_is_not_loaded_names_its_package(monkeypatch, plugin):
    monkeypatch.setenv(f"FLASK_CHEST_{plugin.upper()}_OPEN", "probes")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, {})
    assert str(caught.value) == (
        f"FLASK_CHEST_{plugin.upper()}_OPEN is not a setting of Flask-Chest. It may be one of "
        f"flask-chest-{plugin}, which is not loaded here. To install it: "
        f"pip install 'flask-chest[{plugin}]', or plugins/flask_chest_{plugin} of a clone"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://h/d?table_schma=chest", "Did you mean 'table_schema'?"),
        ("mysql://h/d?table_prefx=a", "table_prefx. Did you mean 'table_prefix'?"),
        ("clickhouse://h/d?table_prefx=a&cmpress=1", "'compress' and 'table_prefix'?"),
        ("mongodb://h/d?collection_prefx=a", "Did you mean 'collection_prefix'?"),
        ("parquet:////tmp/a?regon=a", "regon. Did you mean 'region'?"),
        ("mysql://h/d?zzz=a", "zzz. Known: ["),
        ("postgresql://h/d?zzz=a", "The fields are ["),
    ],
)
def test_a_misspelt_parameter_of_a_url_has_the_one_that_is_near(tmp_path, url, said):
    with pytest.raises(ConfigurationError) as caught:
        FlaskChest(Flask("a"), exporters={"main": url}, journal=str(tmp_path / "j"))
    assert said in str(caught.value)
