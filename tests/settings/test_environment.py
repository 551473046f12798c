"""A setting in the environment is the same, whether Flask has read it before or not."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from unittest import mock

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.settings import load_settings

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.settings.model import Settings

ODD = [
    *("2024", "007", "1e3", "1.50", "-0", "12345678901234567890", "NaN", "Infinity", "1_000"),
    *("true", "false", "True", "yes", "0", "1", "null", "None", "", " ", " 2024 ", "\t1"),
    *('"2024"', '"', "'a'", "[]", "{}", "[1, 2]", '["a", 7]', '{"a": 1e3}', '{"GET": "a, b"}', "{"),
    *("a,b", "7,8", "sqlite:////tmp/x", "[" * 5_000, "9" * 5_000),
]


def loaded(environment, *, prefix=None):
    """Return the settings that an environment makes, or the error, without names."""
    app = Flask("shop")
    with mock.patch.dict(os.environ, environment):
        if prefix is not None:
            app.config.from_prefixed_env(prefix)
        try:
            made = load_settings({}, app.config)
        except ConfigurationError as error:
            return str(error).replace("FLASK_", "").replace("SHOP_", "")
    key = made.redact_key and made.redact_key.get_secret_value()
    return {**made.model_dump(), "redact_key": key}


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_the_same_after_flask_has_read_the_environment(field):
    for text in ODD:
        alone = loaded({f"FLASK_CHEST_{field.upper()}": text})
        assert loaded({f"FLASK_CHEST_{field.upper()}": text}, prefix="FLASK") == alone, text
        if isinstance(alone, dict):
            shop = {f"SHOP_CHEST_{field.upper()}": text}
            assert loaded(shop, prefix="SHOP") == alone, text


words = st.text('7e1.-"[]{}:,antrue ', max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
texts = st.one_of(words, values.map(json.dumps), st.sampled_from(ODD))
names = st.sampled_from([
    *("SERVICE", "REDACT_KEY", "EXPORTERS", "EXPORTERS__main", "EXPORTERS__Two", "VARIABLES__GET"),
    *("EXPORTERS__main__password", "EXPORTERS__main__a__b", "SAMPLE_RATE", "SAMPLE_RATE__shop"),
    *("EXPORTERS__MAIN", "EXPORTERS__MAIN__PASSWORD", "REDACT_KEY_FILE", "FIELDS__PATH"),
])  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, texts, max_size=4))
@example({"EXPORTERS__main": "{}", "EXPORTERS__main__password": "", "EXPORTERS__MAIN": "["})
def test_any_texts_are_the_same_after_flask_has_read_the_environment(variables):
    environment = {f"FLASK_CHEST_{name}": text for name, text in variables.items()}
    try:
        after = loaded(environment, prefix="FLASK")
    except TypeError:  # Flask itself cannot add to what is no dict
        assert any("__" in name for name in variables)
        return
    alone = loaded(environment)
    both = (after, alone)
    if after != alone and all(isinstance(each, str) for each in both):
        # Of several contradictions, either may be found first.
        assert all(each.endswith("one of them") for each in both), both
        return
    assert after == alone


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("service", "2024", "2024"),
        ("service", "007", "007"),
        ("service", "1e3", "1e3"),
        ("service", "true", "true"),
        ("service", "null", "null"),
        ("service", '"2024"', "2024"),
        ("service", "{", "{"),
        ("redact_key", "12345678901234567890", "12345678901234567890"),
        ("redact_key", "1.50", "1.50"),
        ("request_id_header", "[]", ()),
        ("exclude_endpoints", "404", ("404",)),
        ("block_plugins", "7, 8", ("7", "8")),
        ("sample_rate", "1e-1", 0.1),
        ("batch_records", "7", 7),
        ("keep_errors", "0", False),
        ("journal", "7", "7"),
    ],
)
def test_a_text_in_the_environment_means_what_the_setting_takes_it_for(field, text, expected):
    environment = {f"FLASK_CHEST_{field.upper()}": text}
    assert loaded(environment)[field] == loaded(environment, prefix="FLASK")[field] == expected


def test_a_password_of_digits_is_added_to_an_exporter_in_the_configuration(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__main__password", "0123456789")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__main__user", "12")
    app = Flask("shop")
    mine = app.config["CHEST_EXPORTERS"] = {"main": {"type": "postgres", "port": 5433}}
    app.config.from_prefixed_env()
    assert load_settings({}, app.config).exporters == {
        "main": {"type": "postgres", "port": 5433, "password": "0123456789", "user": "12"}
    }
    assert mine["main"]["user"] == 12  # the application's own dict is left alone


def test_a_value_that_is_set_later_than_flask_has_read_it_counts(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SERVICE", "2024")
    app = Flask("shop")
    app.config.from_prefixed_env()
    app.config["CHEST_SERVICE"] = "2025"
    assert load_settings({}, app.config).service == "2025"
    app.config["CHEST_SERVICE"] = 2025
    with pytest.raises(ConfigurationError, match="CHEST_SERVICE=2025"):
        load_settings({}, app.config)


def test_a_variable_sets_a_part_of_what_another_one_sets(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", "sqlite:////a")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__copy", "sqlite:////b")
    assert load_settings({}, {}).exporters == {"main": "sqlite:////a", "copy": "sqlite:////b"}
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", '{"main": "sqlite:////a", "copy": "sqlite:////c"}')
    assert load_settings({}, {}).exporters == {"main": "sqlite:////a", "copy": "sqlite:////b"}
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", "")  # as in a file of Compose
    assert load_settings({}, {}).exporters == {"copy": "sqlite:////b"}


def test_a_part_of_what_is_no_dict_is_refused(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SAMPLE_RATE", "0.5")
    monkeypatch.setenv("FLASK_CHEST_SAMPLE_RATE__shop", "1")
    with pytest.raises(ConfigurationError, match="FLASK_CHEST_SAMPLE_RATE__shop adds to a value"):
        load_settings({}, {})
    assert load_settings({}, {"CHEST_SAMPLE_RATE": 0.7}).sample_rate == 0.7


def test_the_names_that_an_application_chooses_keep_their_case(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SAMPLE_RATE__Shop", "1")
    monkeypatch.setenv("FLASK_CHEST_VARIABLES__GET", "user_id")
    monkeypatch.setenv("FLASK_CHEST_FIELDS__PATH", "omit")
    monkeypatch.setenv("FLASK_CHEST_ROLLUPS__RETENTION__MINUTE", "2d")
    found = load_settings({}, {})
    assert found.sample_rate == {"Shop": 1.0}
    assert found.variables == {"GET": ("user_id",)}
    assert found.fields == {"path": "omit"}
    assert found.rollups.retention.minute.days == 2


def test_the_variable_that_sets_a_part_is_named_when_that_is_wrong(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_SAMPLE_RATE__shop", "2")
    with pytest.raises(ConfigurationError, match="FLASK_CHEST_SAMPLE_RATE__shop='2': "):
        load_settings({}, {})


def test_a_number_for_a_name_is_recorded_under_it(monkeypatch, tmp_path):
    monkeypatch.setenv("FLASK_CHEST_SERVICE", "2024")
    monkeypatch.setenv("FLASK_CHEST_REDACT_KEY", "1234")
    monkeypatch.setenv("FLASK_CHEST_REDACT_WITH", "hash")
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.from_prefixed_env()
    chest = FlaskChest(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/")
    assert chest.flush(60)
    [record] = chest.store().query()
    chest.close()
    assert record.service == "2024"


@pytest.mark.parametrize("name", ["RETENTION", "retention", "Retention"])
def test_a_setting_may_be_written_in_any_case_and_once(monkeypatch, name):
    monkeypatch.setenv(f"FLASK_CHEST_{name}", "1d")
    assert load_settings({}, {}).retention == timedelta(days=1)
    monkeypatch.setenv("FLASK_CHEST_rEtention", "90d")
    with pytest.raises(
        ConfigurationError, match=r"FLASK_CHEST_\w+ and FLASK_CHEST_\w+ set the same"
    ):
        load_settings({}, {})
    monkeypatch.delenv(f"FLASK_CHEST_{name}")
    assert load_settings({}, {}).retention == timedelta(days=90)


def test_a_setting_is_once_in_the_configuration():
    with pytest.raises(
        ConfigurationError, match="CHEST_retention and CHEST_RETENTION set the same"
    ):
        load_settings({}, {"CHEST_RETENTION": "1d", "CHEST_retention": "90d"})


@pytest.mark.parametrize("name", ["RETENTION", "EXPORTERS__MAIN__RETENTION", "REDACT_KEY"])
def test_a_variable_that_is_empty_by_accident_changes_nothing_in_silence(
    monkeypatch, tmp_path, name
):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__MAIN__URL", f"sqlite:///{tmp_path}/x")
    monkeypatch.setenv(f"FLASK_CHEST_{name}", "")
    with pytest.raises(ConfigurationError, match=f"FLASK_CHEST_{name}"):
        FlaskChest(Flask("shop", instance_path=str(tmp_path)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXCLUDE_STATUS", "4XX,abc"),
        ("OPT_OUT", "DNT"),
        ("PLUGINS", "postgress"),
        ("STORE", "mian"),
        ("KEEP_IF", ""),
        ("KEEP_IF", "shop:"),
        ("REQUEST_ID_GENERATOR", "uuid9"),
        ("FIELDS__ERR", "redact"),
        ("exclude_status", "abc"),
    ],
)
def test_what_turns_out_wrong_later_is_named_by_its_variable_too(
    monkeypatch, tmp_path, name, value
):
    monkeypatch.setenv(f"FLASK_CHEST_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        FlaskChest(Flask("shop", instance_path=str(tmp_path)))
    assert re.match(f"FLASK_CHEST_{name}[=: ]", str(caught.value))
    assert caught.value.setting == f"FLASK_CHEST_{name}"
    assert "[key]" not in str(caught.value)


def test_what_the_application_has_set_keeps_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("FLASK_CHEST_STORE", "main")
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["CHEST_STORE"] = "mian"
    with pytest.raises(ConfigurationError, match=r"^CHEST_STORE: no such exporter"):
        FlaskChest(app)


@pytest.mark.parametrize("value", ["tenant, plan", '["tenant", "plan"]'])
def test_a_list_in_a_dict_has_commas_or_is_json(monkeypatch, value):
    for name in ("dimensions", "measures", "distinct"):
        monkeypatch.setenv(f"FLASK_CHEST_ROLLUPS__{name}", value)
    found = load_settings({}, {}).rollups
    assert found.dimensions == (("tenant",), ("plan",))
    assert found.measures == found.distinct == ("tenant", "plan")
