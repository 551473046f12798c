"""An exporter may be given field by field in the environment, beside what the application has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask_chest_otlp import OtlpExporter
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore
from support.settings import load_settings

from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporters

INSTALLED = {"postgres": PostgresStore, "sqlite": SqliteStore, "otlp": OtlpExporter}
MAIN = "FLASK_CHEST_EXPORTERS__MAIN__"


@pytest.fixture(params=["the environment alone", "from_prefixed_env"])
def made(request, monkeypatch):
    """Return a function that makes exporters of a configuration and variables."""

    def made(variables, **config):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        app = Flask("shop")
        app.config.update(config)
        if request.param == "from_prefixed_env":
            app.config.from_prefixed_env()
        return make_exporters(load_settings({}, app.config).exporters, INSTALLED, "/instance")

    return made


def test_an_exporter_is_made_of_variables_alone(made):
    found = made({
        f"{MAIN}TYPE": "postgres",
        f"{MAIN}HOST": "db",
        f"{MAIN}PORT": "5433",
        f"{MAIN}DATABASE": "2024",
        f"{MAIN}PASSWORD": "0123",
        f"{MAIN}PARTITION_BY_DAY": "true",
        f"{MAIN}PARAMETERS__sslmode": "require",
        f"{MAIN}RETENTION": "90d",
        "FLASK_CHEST_EXPORTERS__copy": "sqlite:////tmp/copy.sqlite3",
    })  # fmt: skip
    assert sorted(found) == ["copy", "main"]
    config = found["main"].config
    assert (config.host, config.port, config.database) == ("db", 5433, "2024")
    assert config.password.get_secret_value() == "0123"
    assert config.partition_by_day
    assert config.parameters == {"sslmode": "require"}
    assert found["main"].retention.days == 90


def test_the_type_is_that_of_the_url(made):
    config = made({f"{MAIN}URL": "postgresql://shop@db/x", f"{MAIN}PASSWORD": "7"})["main"].config
    assert (config.user, config.host) == ("shop", "db")
    assert config.password.get_secret_value() == "7"


def test_variables_add_to_the_entries_of_the_application(made):
    mine = {"main": {"type": "postgres", "host": "db", "user": "shop"}}
    found = made(
        {f"{MAIN}PASSWORD": "7", f"{MAIN}HOST": "other", "FLASK_CHEST_EXPORTERS__COPY__URL": "sqlite:////tmp/c"},
        CHEST_EXPORTERS=mine,
    )  # fmt: skip
    assert sorted(found) == ["copy", "main"]
    config = found["main"].config
    assert config.password.get_secret_value() == "7"
    assert config.host == "db", "the configuration takes precedence"


def test_variables_add_to_a_url_of_the_application(monkeypatch):
    monkeypatch.setenv(f"{MAIN}PASSWORD", "7")
    for given in ("postgresql://shop@db/x", {"Main": "postgresql://shop@db/x"}):
        found = load_settings({}, {"CHEST_EXPORTERS": given}).exporters
        assert list(found.values()) == [{"url": "postgresql://shop@db/x", "password": "7"}]
    assert list(found) == ["Main"], "the name that is there, in any case"


def test_a_field_takes_precedence_over_the_same_part_of_a_url(made):
    url = {"CHEST_EXPORTERS": {"main": "postgresql://shop:old@db/x?sslmode=require"}}
    config = made({f"{MAIN}HOST": "other", f"{MAIN}PASSWORD": "new"}, **url)["main"].config
    assert (config.host, config.database, config.user) == ("other", "x", "shop")
    assert config.password.get_secret_value() == "new"


def test_two_names_that_differ_in_case_are_told_apart_or_refused(monkeypatch):
    both = {"CHEST_EXPORTERS": {"Main": {"type": "postgres"}, "MAIN": {"type": "postgres"}}}
    monkeypatch.setenv(f"{MAIN}HOST", "db")
    assert load_settings({}, both).exporters["MAIN"]["host"] == "db"
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__main__PORT", "1")
    with pytest.raises(ConfigurationError, match="main__PORT may mean 'MAIN' or 'Main'"):
        load_settings({}, both)


def test_two_variables_that_set_the_same_are_refused(monkeypatch):
    monkeypatch.setenv(f"{MAIN}HOST", "a")
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS__main__host", "b")
    with pytest.raises(
        ConfigurationError, match=r"EXPORTERS__main__host and .*MAIN__HOST set the s"
    ):
        load_settings({}, {})


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        (
            {"PORT": "http", "TYPE": "postgres"},
            [f"set by {MAIN}PORT", "'port': 'http'", "whole number"],
        ),
        ({"TYPE": "sqlite"}, ["the field 'path' is missing", f"Set {MAIN}PATH"]),
        ({"PASSWORD": "hunter2"}, ["`type` is missing", f"Set {MAIN}TYPE"]),
        (
            {"TYPE": "postgres", "PASSWROD_FILE": "hunter2"},
            [f"set by {MAIN}PASSWROD_FILE", "Did you mean 'password_file'?"],
        ),
        ({"TYPE": "postgres", "PASSWORD__X": "hunter2"}, ["['main']", "'password'"]),
        ({"URL": "hunter2"}, [f"{MAIN}URL='***' is not a URL"]),
        ({"URL": "sqlite:/x"}, [f"{MAIN}URL='sqlite:/x' is not a URL"]),
        ({"RETENTION": "30", "TYPE": "postgres"}, [f"{MAIN}RETENTION='30': is no duration"]),
        (
            {"TYPE": "postgres", "URL": "mysql://a:hunter2@db/x"},
            [f"{MAIN}URL: the URL is one of the type 'mysql'", "has the type 'postgres'"],
        ),
        ({"TYPE": "postgres", "PASSWORD_FILE": ""}, [f"{MAIN}PASSWORD_FILE='': is empty. Name"]),
        ({"TYPE": "postgres", "DBNAME_": "x"}, ["'retention'"]),
        (
            {"TYPE": "postgres", "PARAMETERS__sslrootcert": "/nope.pem"},
            ["sslrootcert names the file '/nope.pem', which is not there"],
        ),
        (
            {"TYPE": "postgres", "PARAMETERS__sslmoed": "hunter2"},
            ["no parameter 'sslmoed'. Did you mean 'sslmode'?"],
        ),
        ({"URL": "postgresql://a:hunter2@b@c/d"}, [f"{MAIN}URL='postgresql://a:***@c/d' cannot"]),
        ({"URL": "postgers://db/x"}, [f"{MAIN}URL: no installed", "Did you mean 'postgres'?"]),
    ],
)
def test_an_error_names_the_variable_and_the_remedy(made, variables, parts):
    with pytest.raises(ConfigurationError) as caught:
        made({f"{MAIN}{name}": value for name, value in variables.items()})
    for part in parts:
        assert part in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_retention_may_be_in_a_file_or_none(made, tmp_path):
    (tmp_path / "retention").write_text("30d\n")
    fields = {f"{MAIN}TYPE": "postgres"}
    found = made({**fields, f"{MAIN}RETENTION_FILE": str(tmp_path / "retention")})["main"]
    assert found.retention == timedelta(days=30)
    with pytest.raises(ConfigurationError, match=r"RETENTION_FILE and .*RETENTION set the same"):
        made({f"{MAIN}RETENTION": "1d"})


def test_a_url_of_a_scheme_that_no_other_type_has_is_left_to_the_type(made):
    entry = {"type": "otlp", "url": "http://127.0.0.1:4318"}
    assert made({}, CHEST_EXPORTERS={"main": entry})["main"].type == "otlp"
    entry = {"type": "postgres", "url": "postgresql+psycopg://db/x"}
    assert made({}, CHEST_EXPORTERS={"main": entry})["main"].type == "postgres"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EXPORTERS__MAIN_PASSWORD", "EXPORTERS__MAIN__PASSWORD"),
        ("EXPORTERS__MAIN_PASSWORD_FILE", "EXPORTERS__MAIN__PASSWORD_FILE"),
        ("EXPORTERS__PASSWORD", "EXPORTERS__MAIN__PASSWORD"),
        ("EXPORTERS__TOKEN", "EXPORTERS__MAIN__TOKEN"),
        ("EXPORTERS__audit_url", "EXPORTERS__AUDIT__URL"),
        ("EXPORTERS__MY_HOST__URL", "A URL begins with a type"),
        ("EXPORTERS__MAIN", "A URL begins with a type"),
        ("EXPORTERS", "A URL begins with a type"),
    ],
)
@pytest.mark.parametrize(
    "secret",
    ["hunter2", "postgres-hunter2", "/hunter2", "hunter2@x", "sqlite hunter2", "mysql:hunter2"],
)
def test_a_password_in_the_place_of_a_url_is_masked_and_the_right_name_told(
    made, name, meant, secret
):
    with pytest.raises(ConfigurationError) as caught:
        made({f"FLASK_CHEST_{name}": secret})
    assert f"FLASK_CHEST_{name}='***' is not a URL. " in str(caught.value)
    assert meant in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["EXPORTERS", "EXPORTERS__MAIN", "EXPORTERS__main"])
def test_the_variable_of_a_whole_url_is_named(made, name):
    with pytest.raises(ConfigurationError, match=f"^FLASK_CHEST_{name}='sqlite//x' is not a URL"):
        made({f"FLASK_CHEST_{name}": "sqlite//x"})


def test_one_underscore_for_two_is_explained(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS_MAIN_PASSWORD", "hunter2")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, {})
    assert "Two underscores" in str(caught.value)
    assert "FLASK_CHEST_EXPORTERS__MAIN__PASSWORD" in str(caught.value)
    assert "hunter2" not in str(caught.value)
