"""What is imported when: not in `init_app`, nor by a request, but by the threads that need it."""

from __future__ import annotations

import ast
import itertools
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import flask_chest_mongo.hooks
import flask_chest_mysql.hooks
import flask_chest_postgres.hooks
import flask_chest_sqlite.hooks
import pytest
from flask_chest_mongo import MongoConfig, MongoStore
from flask_chest_mongo.connection import check_arguments
from flask_chest_mongo.connection import read_url as read_as_pymongo
from flask_chest_mongo.url import is_database
from flask_chest_mysql import MysqlStore
from flask_chest_postgres import PostgresStore
from flask_chest_postgres.config import plain_parameters
from flask_chest_postgres.connection import read_url as read_as_libpq
from flask_chest_sqlite import SqliteConfig, SqliteStore
from pydantic import BaseModel, ValidationError

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.server_config import plain_url
from flask_chest.store import Store

PROGRAMS = Path(__file__).parent / "programs"

HEAVY = {
    "apscheduler", "bson", "cryptography", "packaging", "psycopg", "psycopg_binary",
    "pymongo", "pymysql", "sqlalchemy",
}  # fmt: skip
"""Top-level modules that neither the start nor a request needs."""

PLAIN = [
    "sqlite:///{folder}/chest.sqlite3?busy_timeout_seconds=2",
    "postgresql://shop:p%40ss@db.example:5433/shop?sslmode=require&table_schema=chest",
    "mysql://shop:secret@127.0.0.1:3306/shop?ssl_mode=required",
    "mongodb://shop:p%40ss@one.example:27017,two.example/shop?replicaSet=rs0&authSource=admin",
    "mongodb+srv://shop:secret@cluster.example/shop?retryWrites=true&w=majority",
]

START = """
import sys
from flask import Flask
from flask_chest import FlaskChest
FlaskChest(Flask("shop", instance_path=sys.argv[1]), exporters={"main": sys.argv[2]})
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""


def run(code, *arguments, **environment):
    """Return what a fresh process prints, which has none of our settings in its environment.

    It runs a program's file, or lines of Python.
    """
    command = [code] if isinstance(code, Path) else ["-c", code]
    bare = {name: value for name, value in os.environ.items() if name[:12] != "FLASK_CHEST_"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", *command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**bare, **environment},
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout


@pytest.mark.parametrize("url", PLAIN, ids=lambda url: url.partition(":")[0])
def test_an_application_starts_without_a_driver(url, tmp_path):
    imported = ast.literal_eval(run(START, tmp_path, url.format(folder=tmp_path)))
    assert not HEAVY & set(imported)


def test_settings_in_the_environment_need_no_driver_either(tmp_path):
    imported = ast.literal_eval(run(START, tmp_path, PLAIN[1], FLASK_CHEST_TRACK_ALL="1"))
    assert not HEAVY & set(imported)


def test_a_file_that_is_there_is_looked_at_without_the_driver(tmp_path, make_chest, app):
    chest = make_chest(exporters={"main": f"sqlite:///{tmp_path}/chest.sqlite3"})
    chest.init_app(app)
    assert chest.store("main").count() == 0
    imported = ast.literal_eval(run(START, tmp_path, f"sqlite:///{tmp_path}/chest.sqlite3"))
    assert not HEAVY & set(imported)


def test_with_gevent_all_is_imported_at_the_start(tmp_path):
    imported = ast.literal_eval(run(f"import gevent\n{START}", tmp_path, PLAIN[1]))
    assert {"apscheduler", "psycopg", "sqlalchemy"} <= set(imported)


def test_no_request_imports_anything(tmp_path):
    assert run(PROGRAMS / "imports_of_requests.py", tmp_path) == "[]\nTrue 0\n[]\n"


@pytest.mark.parametrize(
    "name",
    ["sqlite", "postgres", *(pytest.param(n, marks=pytest.mark.slow) for n in ("mysql", "mongo"))],
)
def test_a_process_that_ends_at_once_has_delivered(name, tmp_path, request, make_chest, app):
    url = f"sqlite:///{tmp_path}/chest.sqlite3"
    if name != "sqlite":
        url = request.getfixturevalue(name)
    run(PROGRAMS / "ends_at_once.py", tmp_path, url)
    chest = make_chest(exporters={"main": url})
    chest.init_app(app)
    assert chest.store("main").count(variables={"number": 1}) == 3


def test_a_child_forked_while_the_driver_is_imported_can_import_it_too():
    run(PROGRAMS / "forks_in_an_import.py")


# -- What stands for a store -----------------------------------------------------------------------

PAIRS = [
    (flask_chest_sqlite.hooks.Sqlite, SqliteStore),
    (flask_chest_postgres.hooks.Postgres, PostgresStore),
    (flask_chest_mysql.hooks.Mysql, MysqlStore),
    (flask_chest_mongo.hooks.Mongo, MongoStore),
]


@pytest.mark.parametrize(("announced", "store"), PAIRS)
def test_what_is_announced_is_what_the_store_is(announced, store):
    for name in ("type", "schemes", "config_model"):
        assert getattr(announced, name) == getattr(store, name)


def test_what_stands_for_a_store_hands_on_every_call():
    methods = {
        name
        for kind in (Exporter, Store)
        for name, value in vars(kind).items()
        if callable(value) and name[0] != "_"
    }
    assert methods <= vars(DeferredStore).keys()


class Config(BaseModel):
    pass


class Missing(DeferredStore):
    type = "missing"
    config_model = Config
    implementation = "a_module_that_is_not_there:Store"
    requires = ("a_module_that_is_not_there",)


def test_a_driver_that_is_not_installed_stops_the_start(make_chest, app):
    chest = make_chest(exporters={"main": {"type": "missing"}})

    class Announces:
        @hookimpl
        def chest_exporters(self):
            return [Missing]

    chest.register_plugin(Announces())
    with pytest.raises(ConfigurationError, match=r"\['main'\].*'a_module_that_is_not_there'"):
        chest.init_app(app)


def test_a_driver_that_cannot_be_imported_is_a_matter_for_a_person():
    store = Missing(Config())
    with pytest.raises(ConfigurationError, match="cannot be imported: No module named"):
        store.open()
    store.close()


def test_a_file_is_made_at_the_start_as_the_store_makes_it(tmp_path, make_chest, app):
    def schema(path):
        with closing(sqlite3.connect(path)) as connection:
            objects = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name")
            return [*objects, *connection.execute("SELECT version FROM chest_schema")]

    store = SqliteStore(SqliteConfig(path=tmp_path / "by_the_store"))
    store.open()
    store.close()
    make_chest(exporters={"main": f"sqlite:///{tmp_path}/at_the_start"}).init_app(app)
    assert schema(tmp_path / "at_the_start") == schema(tmp_path / "by_the_store")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE chest_records (x)", "did not create"),
        ("CREATE TABLE chest_schema (version); INSERT INTO chest_schema VALUES (99)", "Upgrade it"),
    ],
)
def test_a_file_with_other_tables_is_refused_at_the_start(
    tmp_path, make_chest, app, statement, message
):
    database = tmp_path / "chest.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(statement)
    with pytest.raises(Exception, match=message):
        make_chest(exporters={"main": f"sqlite:///{database}"}).init_app(app)


# -- What is known of the drivers ------------------------------------------------------------------

NAMES = ["u", "us-er", "a%40b", "x%2Fy", "ü", "p+w", "%C3%BC", "%ff", "%00", "", "a:b", "(')"]


def test_a_plain_url_means_what_libpq_takes_it_for():
    hosts = ["db_1.example", "[::1]", "", "a,b", "h%41", "-"]
    ends = [":5432/d", ":/d", "/d%20x", "/d+", "", "/d/x", ":5432,5433/d"]
    queries = [
        "", "?sslmode=require", "?sslmode=", "?a=b", "?sslmode=require&sslmode=disable",
        "?sslrootcert=/etc/x.pem", "?options=-c%20x%3D1", "?options=-c x=1", "?ssl=true",
        "?connect_timeout=3&application_name=a+b", "?sslmode", "?keepalives=1&", "?dbname=x",
    ]  # fmt: skip
    read = 0
    for user, password, host, end, query in itertools.product(NAMES, NAMES, hosts, ends, queries):
        url = f"postgresql://{user}{password and f':{password}'}{user and '@'}{host}{end}{query}"
        found = plain_parameters(url)
        if found is not None:
            assert found == read_as_libpq(url, ()), url
            read += 1
    assert read > 1_000


def test_a_plain_url_means_what_pymongo_takes_it_for():
    hosts = ["a", "a:1", "a:0", "a:70000", "A", "a,b:2", "a:1,b", "[::1]:2", "", "a,,b", "a_b.c"]
    ends = ["", "/", "/shop", "/d%20x", "/a.b", "/a%2Eb", "/d/x", "/*"]
    read = 0
    for user, password, host, end in itertools.product(NAMES, NAMES, hosts, ends):
        url = f"mongodb://{user}{password and f':{password}'}{user and '@'}{host}{end}"
        found = plain_url(url)
        if found is not None and is_database(found.get("database", "shop")):
            theirs = read_as_pymongo(url)
            assert found == {name: str(value) for name, value in theirs.items()}, url
            read += 1
    assert read > 500


def test_a_plain_mongodb_url_has_the_fields_that_a_driver_would_find():
    url = "mongodb://u:a%40b@one.example:1,two/shop?replicaSet=rs0"
    config = MongoConfig(url=url)
    assert (config.host, config.user, config.database) == ("one.example:1,two", "u", "shop")
    assert config.password.get_secret_value() == "a@b"


def test_a_plain_mongodb_configuration_is_one_that_pymongo_takes():
    choices = {
        "host": ["a,b:2", "a.example"],
        "srv": [False, True],
        "user": [None, "u"],
        "password": [None, "p"],
        "auth_source": [None, "admin"],
        "replica_set": [None, "rs0"],
        "tls": [None, True],
        "options": ["", "retryWrites=true"],
    }
    read = 0
    for values in itertools.product(*choices.values()):
        given = dict(zip(choices, values, strict=True))
        try:
            config = MongoConfig(database="shop", **given)
        except ValidationError:
            continue
        if config._is_plain:
            check_arguments(*config.arguments(offline=True))
            read += 1
    assert read > 30
