"""Settings: their sources and order, and errors that name setting, value and remedy."""

from __future__ import annotations

import os
import traceback
from typing import get_args

import pytest
from flask import Flask
from flask_chest_mongo import MongoStore
from flask_chest_mysql import MysqlStore
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore
from pydantic import SecretStr

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.settings import build
from flask_chest.settings.model import Settings, load, mask


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("FLASK_CHEST_"):
            monkeypatch.delenv(name)


def test_arguments_beat_config_beats_environment_beats_defaults(monkeypatch):
    assert load({}, {}).batch_records == 1_000
    monkeypatch.setenv("FLASK_CHEST_BATCH_RECORDS", "2")
    assert load({}, {}).batch_records == 2
    assert load({}, {"CHEST_BATCH_RECORDS": 3}).batch_records == 3
    assert load({"batch_records": 4}, {"CHEST_BATCH_RECORDS": 3}).batch_records == 4


def test_a_dict_from_a_stronger_source_replaces_and_does_not_merge(monkeypatch):
    monkeypatch.setenv("FLASK_CHEST_EXPORTERS", '{"one": "sqlite:////a", "two": "sqlite:////b"}')
    assert set(load({}, {}).exporters) == {"one", "two"}
    assert set(load({}, {"CHEST_EXPORTERS": {"three": "sqlite:////c"}}).exporters) == {"three"}


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("EXPORTERS", "sqlite:////a", "exporters", {"main": "sqlite:////a"}),
        ("EXPORTERS__main", "sqlite:////a", "exporters", {"main": "sqlite:////a"}),
        ("VARIABLES", "user_id, cart_*", "variables", ("user_id", "cart_*")),
        ("VARIABLES", '["a"]', "variables", ("a",)),
        ("VARIABLES", '{"GET": ["a"]}', "variables", {"GET": ("a",)}),
        ("EXCLUDE_ENDPOINTS", "static,health", "exclude_endpoints", ("static", "health")),
        ("TRACK_ALL", "1", "track_all", True),
        ("TRACK_ALL", "false", "track_all", False),
        ("SHUTDOWN_SECONDS", "0.5", "shutdown_seconds", 0.5),
        ("JOURNAL", "memory", "journal", "memory"),
    ],
)
def test_forms_that_the_environment_takes(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(f"FLASK_CHEST_{variable}", value)
    assert getattr(load({}, {}), field) == expected
    app = Flask("shop")
    app.config.from_prefixed_env()  # Flask's own way to read the same variables
    assert getattr(load({}, app.config), field) == expected


@pytest.mark.parametrize(
    ("arguments", "config", "environment", "parts"),
    [
        ({}, {"CHEST_EXPORTER": {}}, {}, ["CHEST_EXPORTER ", "Did you mean CHEST_EXPORTERS?"]),
        ({"tracks_all": True}, {}, {}, ["CHEST_TRACKS_ALL", "CHEST_TRACK_ALL?"]),
        ({}, {}, {"FLASK_CHEST_JURNAL": "x"}, ["FLASK_CHEST_JURNAL", "FLASK_CHEST_JOURNAL?"]),
        ({"CHEST_TRACK_ALL": True}, {}, {}, ["CHEST_TRACK_ALL=", "Write track_all="]),
        ({}, {"CHEST_XYZZY": 1}, {}, ["CHEST_XYZZY", "Known are:", "CHEST_JOURNAL"]),
        ({}, {"CHEST_BATCH_RECORDS": "many"}, {}, ["CHEST_BATCH_RECORDS='many'", "integer"]),
        ({}, {"CHEST_BATCH_RECORDS": 0}, {}, ["CHEST_BATCH_RECORDS=0", "greater than or equal"]),
        ({}, {"CHEST_EXPORT_INTERVAL_SECONDS": -1}, {}, ["=-1", "Seconds between"]),
        ({}, {"CHEST_TRACK_ALL": "perhaps"}, {}, ["CHEST_TRACK_ALL='perhaps'", "boolean"]),
        ({}, {}, {"FLASK_CHEST_TRACK_ALL": "perhaps"}, ["FLASK_CHEST_TRACK_ALL='perhaps'"]),
        ({}, {}, {"FLASK_CHEST_EXPORTERS": "{'a'"}, ["FLASK_CHEST_EXPORTERS", "is not JSON"]),
        ({}, {"CHEST_EXPORTERS": {}}, {}, ["CHEST_EXPORTERS={}", "at least 1 item"]),
        ({}, {"CHEST_EXPORTERS": 7}, {}, ["CHEST_EXPORTERS=7", "Name to URL"]),
        ({}, {"CHEST_REQUEST_ID_HEADER": "X Y"}, {}, ["CHEST_REQUEST_ID_HEADER[0]='X Y'"]),
        ({}, {"CHEST_JOURNAL": ""}, {}, ["CHEST_JOURNAL=''", "memory"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    monkeypatch, arguments, config, environment, parts
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load(arguments, config)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.setting in str(caught.value)


def test_several_wrong_settings_are_all_named():
    with pytest.raises(ConfigurationError) as caught:
        load({}, {"CHEST_BATCH_RECORDS": 0, "CHEST_BATCH_BYTES": 0})
    assert "CHEST_BATCH_RECORDS" in str(caught.value)
    assert "CHEST_BATCH_BYTES" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("postgresql://shop:hunter2@db/shop", "hunter2"),
        ({"main": "mysql://u:hunter2@db"}, "hunter2"),
        ({"type": "postgres", "password": "hunter2"}, "hunter2"),
        ({"type": "postgres", "password": ["hunter2"]}, "hunter2"),
        ({"password": 20020}, "20020"),
        ({"API_TOKEN": "hunter2", "url": "x"}, "hunter2"),
        ("postgresql://shop:a/hunter2@b@db/shop", "hunter2"),
        ("postgres:/shop:hunter2@db/shop", "hunter2"),
        ("mysql://db/shop?ssl_key_password=hunter2&x=1", "hunter2"),
        ({"main": {"parameters": {"sslpassword": "hunter2"}}}, "hunter2"),
        ('{"main": {"type": "mysql", "password": "hunter2"', "hunter2"),
        (b"postgresql://shop:hunter2@db/shop", "hunter2"),
    ],
)
def test_secrets_are_masked_in_messages(value, hidden):
    assert hidden not in mask(value)
    assert "***" in mask(value)


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, name


def init(**config):
    app = Flask("shop")
    app.config.update({f"CHEST_{name}": value for name, value in config.items()})
    FlaskChest(app)


SQLITE = {"type": "sqlite", "path": "x"}

WRONG_EXPORTERS = [
    ({"type": "sqllite"}, ["'sqllite'", "Did you mean 'sqlite'?", "Installed: mongo, mysql"]),
    ("zanzibar://x", ["'zanzibar'", "Installed: mongo, mysql, postgres, sqlite"]),
    ("sqlite//x", ["'sqlite//x' is not a URL"]),
    ("hunter2", ["is not a URL"]),
    ("sqlite://", ["in memory"]),
    ("sqlite:///:memory:", ["in memory", "Name a file"]),
    ("sqlite://tmp/x.sqlite3", ["names the host 'tmp'", "four when it is absolute"]),
    ("sqlite:////no/such/folder/x", ["/no/such/folder does not exist", "Create it"]),
    ({"path": "/tmp/x"}, ["`type` is missing", "sqlite"]),
    ({"type": "sqlite"}, ["the field 'path' is missing"]),
    ({**SQLITE, "busy_timeout_second": 1}, ["Did you mean 'busy_timeout_seconds'?"]),
    ({**SQLITE, "busy_timeout_seconds": -1}, ["busy_timeout_seconds", "-1"]),
]


@pytest.mark.parametrize(("entry", "parts"), WRONG_EXPORTERS)
def test_a_wrong_exporter_stops_init_app_with_a_remedy(tmp_path, entry, parts):
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS={"main": entry}, JOURNAL=str(tmp_path / "journal"))
    message = str(caught.value)
    for part in ["CHEST_EXPORTERS['main']", *parts]:
        assert part in message
    assert ":hunter2@" not in message


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ({"type": "postgers"}, ["'postgers'", "'postgres'", "pip install 'flask-chest[postgres]'"]),
        ("postgers://u:hunter2@db/x", ["'postgers'", "pip install 'flask-chest[postgres]'"]),
        ("mongodb://db/x", ["'mongodb'", "pip install 'flask-chest[mongo]'", "Installed: sqlite"]),
        ("mariadb://db/x", ["pip install 'flask-chest[mysql]'"]),
    ],
)
def test_a_backend_that_is_not_installed_is_named_with_what_brings_it(entry, parts):
    with pytest.raises(ConfigurationError) as caught:
        build.exporters({"main": entry}, {"sqlite": SqliteStore}, "")
    for part in parts:
        assert part in str(caught.value)
    assert "hunter2" not in str(caught.value)


SECRET = "hunter2/@:?#%[]'\" x"


@pytest.mark.parametrize(
    "entry",
    [
        f"{scheme}://shop:{SECRET}@db.example:99999/x"
        for scheme in ("postgresql", "mysql", "mongodb", "sqlite", "zanzibar")
    ]
    + [f"postgresql:/shop:{SECRET}@db/x", f"shop:{SECRET}@db"]
    + [
        {"type": kind, "host": "db", "database": "x", "user": "u", "password": SECRET, **wrong}
        for kind in ("postgres", "mysql", "mongo")
        for wrong in ({"pool_size": 0}, {"colour": "red"}, {"port": "http"}, {"url": 7})
    ]
    + [
        f"postgresql://db/x?sslpassword={SECRET}&colour=red",
        f"mongodb://db/x?tlsCertificateKeyFilePassword={SECRET}&colour=red",
    ],
    ids=repr,
)
def test_a_password_is_in_no_error_however_wrong_the_rest_is(tmp_path, entry, caplog):
    caplog.set_level("DEBUG")
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS={"main": entry}, JOURNAL=str(tmp_path / "journal"))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "hunter2" not in shown.replace(repr(entry), "")
    assert "CHEST_EXPORTERS" in str(caught.value)


def test_an_exporters_name_must_be_fit_for_a_file_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"\['\.\./x'\].*letters, digits"):
        init(EXPORTERS={"../x": f"sqlite:///{tmp_path / 'x'}"}, JOURNAL=str(tmp_path / "journal"))


def test_a_directory_where_the_database_file_should_be(tmp_path):
    with pytest.raises(ConfigurationError, match=r"is a directory\. Name a file in it"):
        init(EXPORTERS=f"sqlite:///{tmp_path}", JOURNAL=str(tmp_path / "journal"))


def test_a_database_path_that_cannot_be_written(tmp_path):
    with pytest.raises(ConfigurationError, match=r"CHEST_EXPORTERS\['main'\].*right to write"):
        init(EXPORTERS="sqlite:////proc/chest.sqlite3", JOURNAL=str(tmp_path / "journal"))


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(ConfigurationError, match=r"not a database\. Name another file"):
        init(EXPORTERS=f"sqlite:///{tmp_path / 'notes.txt'}", JOURNAL=str(tmp_path / "journal"))
    assert (tmp_path / "notes.txt").read_text() == "not a database, " * 100


@pytest.mark.parametrize("journal", ["{file}/journal", "{file}", "/proc/journal"])
def test_a_journal_folder_that_cannot_be_written(tmp_path, journal):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS=f"sqlite:///{tmp_path / 'x'}", JOURNAL=journal.format(file=file))
    assert "CHEST_JOURNAL=" in str(caught.value)
    assert "'memory'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VARIABLES", ["user id"]),
        ("VARIABLES", [""]),
        ("VARIABLES", ["!"]),
        ("VARIABLES", ["a", "!a"]),
        ("VARIABLES", ["cart_*", "!*"]),
        ("VARIABLES", {"GETT": ["a"]}),
        ("EXCLUDE_ENDPOINTS", ["the health"]),
    ],
)
def test_a_pattern_that_cannot_match_stops_init_app(tmp_path, name, value):
    with pytest.raises(ConfigurationError, match=f"CHEST_{name}"):
        init(
            **{name: value},
            EXPORTERS=f"sqlite:///{tmp_path / 'x'}",
            JOURNAL=str(tmp_path / "journal"),
        )


def test_instance_stands_for_the_instance_folder(tmp_path):
    app = Flask("shop", instance_path=str(tmp_path / "deep" / "instance"))
    FlaskChest(app).close()
    assert (tmp_path / "deep/instance/chest.sqlite3").is_file()
    assert (tmp_path / "deep/instance/chest/segments").is_dir()


def test_an_instance_folder_that_cannot_be_created():
    with pytest.raises(ConfigurationError, match="instance folder '/proc/instance' cannot be"):
        FlaskChest(Flask("shop", instance_path="/proc/instance"))


@pytest.mark.parametrize("kind", [SqliteStore, PostgresStore, MysqlStore, MongoStore])
def test_every_field_of_a_backend_is_described_and_every_number_has_its_bounds(kind):
    for name, field in kind.config_model.model_fields.items():
        assert field.description, name
        if field.annotation in (int, float, int | None, float | None):
            limits = {type(bound).__name__ for bound in field.metadata}
            assert limits & {"Ge", "Gt"}, name
            assert limits & {"Le", "Lt"}, name
        if "password" in name:
            assert SecretStr in get_args(field.annotation), name
