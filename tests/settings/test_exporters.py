"""Exporters are made from CHEST_EXPORTERS, or the application stops with a remedy."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import get_args

import pytest
from flask_chest_clickhouse import ClickHouseStore
from flask_chest_mongo import MongoStore
from flask_chest_mysql import MysqlStore
from flask_chest_otlp import OtlpExporter
from flask_chest_postgres import PostgresStore
from flask_chest_sqlite import SqliteStore
from pydantic import BaseModel, SecretStr
from support.certificates import make_authority

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.settings.exporters import make_exporters, validate_exporters

SQLITE = {"type": "sqlite", "path": "x"}

WRONG_EXPORTERS = [
    ({"type": "sqllite"}, ["'sqllite'", "Did you mean 'sqlite'?", "Installed: "]),
    ({"type": "postgresql", "host": "db"}, ["Did you mean 'postgres'?"]),
    ("zanzibar://x", ["'zanzibar'", "Installed: ", "mongo, mysql", ", postgres, sqlite"]),
    ("zanzibar://x", ["Install the plugin for it with pip, or correct its name"]),
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
def test_a_wrong_entry_stops_init_app_and_the_error_has_a_remedy(init, tmp_path, entry, parts):
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
def test_the_error_for_a_missing_backend_says_how_to_install_it(entry, parts):
    with pytest.raises(ConfigurationError) as caught:
        make_exporters({"main": entry}, {"sqlite": SqliteStore}, "")
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
def test_no_error_shows_the_password(init, tmp_path, entry, caplog):
    caplog.set_level("DEBUG")
    with pytest.raises(ConfigurationError) as caught:
        init(EXPORTERS={"main": entry}, JOURNAL=str(tmp_path / "journal"))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "hunter2" not in shown.replace(repr(entry), "")
    assert "CHEST_EXPORTERS" in str(caught.value)


def test_a_name_that_cannot_be_part_of_a_file_name_is_refused(init, tmp_path):
    with pytest.raises(ConfigurationError, match=r"\['\.\./x'\].*letters, digits"):
        init(EXPORTERS={"../x": f"sqlite:///{tmp_path / 'x'}"}, JOURNAL=str(tmp_path / "journal"))


def test_a_folder_is_refused_as_a_database(init, tmp_path):
    with pytest.raises(ConfigurationError, match=r"is a directory\. Name a file in it"):
        init(EXPORTERS=f"sqlite:///{tmp_path}", JOURNAL=str(tmp_path / "journal"))


def test_a_file_that_is_not_a_database_is_refused_and_left_alone(init, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(ConfigurationError, match=r"not a database\. Name another file"):
        init(EXPORTERS=f"sqlite:///{tmp_path / 'notes.txt'}", JOURNAL=str(tmp_path / "journal"))
    assert (tmp_path / "notes.txt").read_text() == "not a database, " * 100


@pytest.mark.parametrize("kind", [SqliteStore, PostgresStore, MysqlStore, MongoStore])
def test_every_field_of_a_backend_has_a_description_and_every_number_has_bounds(kind):
    for name, field in kind.config_model.model_fields.items():
        assert field.description, name
        if field.annotation in (int, float, int | None, float | None):
            limits = {type(bound).__name__ for bound in field.metadata}
            assert limits & {"Ge", "Gt"}, name
            assert limits & {"Le", "Lt"}, name
        if "password" in name:
            assert SecretStr in get_args(field.annotation), name


def test_a_policy_of_another_type_stops_init_app():
    exporter = make_exporters({"main": SQLITE}, {"sqlite": SqliteStore}, "")["main"]
    exporter.batching = {"min_records": 10_000}
    with pytest.raises(ConfigurationError, match=r"\['main'\]: `batching` of the type 'sqlite'"):
        validate_exporters({"main": exporter})


class _Files(BaseModel):
    first: Path
    second: Path | None = None
    name: str = ""


class _Written(Exporter):
    type = "written"
    config_model = _Files

    def open(self): ...

    def export(self, batch): ...

    def close(self): ...


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    entry = {"type": "written", "first": "~/a", "second": Path("~/b/~"), "name": "~/c"}
    [made] = make_exporters({"main": entry}, {"written": _Written}, "").values()
    assert made.config == _Files(first=tmp_path / "a", second=tmp_path / "b" / "~", name="~/c")


@pytest.mark.parametrize(
    ("store", "entry"),
    [
        (SqliteStore, "sqlite:///~/chest.sqlite3"),
        (MysqlStore, {"type": "mysql", "user": "u", "database": "d", "ssl_ca": "~/ca.crt"}),
        (MysqlStore, "mysql://u@db/d?ssl_ca=~/ca.crt"),
        (PostgresStore, "postgresql://u@db/d?sslrootcert=~/ca.crt"),
        (MongoStore, {"type": "mongo", "host": "db", "database": "d", "tls_ca_file": "~/ca.crt"}),
        (ClickHouseStore, "clickhouses://u@db/d?tls_ca_file=~/ca.crt"),
        (OtlpExporter, {"type": "otlp", "url": "https://db", "tls_ca_file": "~/ca.crt"}),
    ],
)
def test_the_files_of_our_own_exporters_may_be_in_the_home_folder(
    store, entry, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    make_authority(tmp_path, "ca")
    [made] = make_exporters({"main": entry}, {store.type: store}, "").values()
    assert f"{tmp_path}/c" in repr(dict(made.config))


@pytest.mark.parametrize(
    ("store", "field", "value"),
    [
        (OtlpExporter, "compression", "none"),
        (PostgresStore, "time_index", "brin"),
        (MysqlStore, "ssl_mode", "required"),
    ],
)
def test_a_field_with_a_choice_of_texts_takes_one(store, field, value):
    url = {"otlp": "http://db", "postgres": "postgresql://u@db/d", "mysql": "mysql://u@db/d"}
    entry = {"type": store.type, "url": url[store.type], field: value}
    [made] = make_exporters({"main": entry}, {store.type: store}, "").values()
    assert getattr(made.config, field).lower() == value


def test_an_exporter_that_does_not_keep_its_configuration_stops_init_app():
    class Forgetful(_Written):
        def __init__(self, config):
            self.path = config.first

    entries = {"main": {"type": "written", "first": "a"}}
    with pytest.raises(
        ConfigurationError, match=r"Forgetful\.__init__ must call super\(\)\.__init"
    ):
        make_exporters(entries, {"written": Forgetful}, "")
