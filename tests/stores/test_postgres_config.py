"""The configuration of the PostgreSQL store: URLs, fields, secrets, names."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
from urllib.parse import quote

import psycopg
import pytest
from flask import Flask
from flask_chest_postgres import PostgresConfig, PostgresStore
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from support.backends import Postgres

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.testing.records import make_batch, make_record
from tools.servers import free_port

SECRET = "plänted:s3cret@/?#[]%&'+ $"


def from_url(url, **fields):
    return PostgresConfig.model_validate({"url": url, **fields})


def shown(config):
    """Return host, port, user, password and database, as psycopg is given them."""
    names = ("host", "port", "user", "password", "dbname")
    return tuple(config.arguments().get(name) for name in names)


# -- URLs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://u:p@db.example:5433/shop", ("db.example", 5433, "u", "p", "shop")),
        ("postgres://u@db/shop", ("db", None, "u", None, "shop")),
        ("postgresql+psycopg://u:p@db/shop", ("db", None, "u", "p", "shop")),
        ("postgres+psycopg2://u:p@db/shop", ("db", None, "u", "p", "shop")),
        ("postgresql://u:a%40b%2Fc%25@db/d%20b", ("db", None, "u", "a@b/c%", "d b")),
        ("postgresql://u@[::1]:5433/shop", ("::1", 5433, "u", None, "shop")),
        ("postgresql://u@one,two/shop", ("one,two", None, "u", None, "shop")),
        ("postgresql://u@one:1,two:2/shop", ("one,two", "1,2", "u", None, "shop")),
        ("postgresql://u@one:1,[::1]:2/shop", ("one,::1", "1,2", "u", None, "shop")),
        ("postgresql://%2Frun%2Fpg/shop", ("/run/pg", None, None, None, "shop")),
        ("postgresql:///shop?host=/run/pg&port=5433", ("/run/pg", 5433, None, None, "shop")),
        ("postgresql:///shop?user=u&password=p%26q", (None, None, "u", "p&q", "shop")),
        ("postgresql://", (None, None, None, None, None)),
        ("postgresql://?service=shop", (None, None, None, None, None)),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url, wanted):
    assert shown(from_url(url)) == wanted


def test_parameters_of_libpq_and_fields_stand_together_in_a_query():
    config = from_url(
        "postgresql://u@db/shop?sslmode=verify-full&table_prefix=%C3%BC_&time_index=brin"
        "&application_name=a+b&retention_days=30&partition_by_day=true&connect_timeout=4"
    )
    assert config.parameters == {"sslmode": "verify-full", "application_name": "a+b"}
    assert (config.table_prefix, config.time_index, config.retention_days) == ("ü_", "brin", 30)
    assert config.connect_timeout_seconds == 4
    assert config.arguments()["connect_timeout"] == 4


def test_fields_beside_a_url_win():
    config = from_url(
        "postgresql://u:p@db/shop?sslmode=prefer&pool_size=3",
        password="other",
        pool_size=4,
        parameters={"sslmode": "require", "port": "5433"},
    )
    assert shown(config) == ("db", 5433, "u", "other", "shop")
    assert (config.pool_size, config.parameters) == (4, {"sslmode": "require"})


def test_a_service_names_what_is_not_given(tmp_path, monkeypatch, postgres):
    backend = Postgres(postgres)
    config = backend.config
    service = tmp_path / "services"
    service.write_text(
        f"[shop]\nhost={config['host']}\nport={config['port']}\nuser={config['user']}\n"
        f"dbname={config['database']}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    for entry in ({"url": "postgresql://?service=shop"}, {"parameters": {"service": "shop"}}):
        store = PostgresStore(PostgresConfig.model_validate(entry))
        assert store.location == "PostgreSQL service 'shop'"
        store.open()
        store.export(make_batch(make_record()))
        store.close()
    assert len(backend.ids()) == 2


def test_a_location_names_what_the_environment_gives(monkeypatch):
    for name in ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    assert from_url("postgresql://u@[::1]/shop").location == "PostgreSQL at [::1]:5432/shop"
    several = from_url("postgresql://u@a:1,b:2/shop")
    assert several.location == "PostgreSQL at a,b:1,2/shop"
    assert from_url("postgresql://u@db").location == "PostgreSQL at db:5432/u"
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGPORT", "5433")
    monkeypatch.setenv("PGDATABASE", "shop")
    assert PostgresConfig().location == "PostgreSQL at db.example:5433/shop"


TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30
)


@given(user=TEXTS, password=TEXTS, database=TEXTS)
def test_any_user_password_and_database_survive_a_url(user, password, database):
    quoted = [quote(text, safe="") for text in (user, password, database)]
    config = from_url("postgresql://{}:{}@db:5433/{}".format(*quoted))
    assert shown(config) == ("db", 5433, user, password, database)
    assert psycopg.conninfo.conninfo_to_dict(psycopg.conninfo.make_conninfo(**config.arguments()))[
        "password"
    ] == (password)
    if len(password) > 5 and password not in f"{user}{database}":
        assert repr(password)[1:-1] not in f"{config!r} {config} {config.location}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:%zz@db/shop",
        "postgresql://u:p@[::1/shop",
        "postgresql://u:p@db/shop?sslmode",
        "postgresql://u:p@db/shop?sslmode=a=b",
        "postgresql://u:pass/word@db/shop",
        "nonsense",
    ],
)
def test_a_url_that_cannot_be_read_says_what_one_looks_like(url):
    with pytest.raises(ValidationError, match=r"scheme://user:password@host:port/database"):
        from_url(url)


def test_what_is_unknown_or_contradicts_is_named():
    for wanted, url, fields in (
        (r"parameter 'colour'.*nor a field.*table_prefix", "postgresql://db/s?colour=1", {}),
        (r"libpq has no parameter 'colour'", "postgresql://db/s", {"parameters": {"colour": "1"}}),
        (r"client_encoding is always UTF8", "postgresql://db/s?client_encoding=latin1", {}),
        (r"sslrootcert names the file '/no/ca'.*not there", "postgresql://?sslrootcert=/no/ca", {}),
        (r"retention_days needs partition_by_day", "postgresql://?retention_days=3", {}),
        (r"Extra inputs", "postgresql://", {"colour": "red"}),
        (r"port\n.*65535", "postgresql://db:70000/s", {}),
        (r"parameters\n.*dict", "postgresql://db/s", {"parameters": "sslmode=require"}),
    ):
        with pytest.raises(ValidationError, match=wanted):
            from_url(url, **fields)
    assert from_url("postgresql://?sslrootcert=system").parameters == {"sslrootcert": "system"}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("port", (1, 65_535), (0, 65_536, "x")),
        ("connect_timeout_seconds", (1, 300), (0, 0.99, 300.1, float("nan"))),
        ("timeout_seconds", (1, 3_600), (0, 0.99, 3_601)),
        ("pool_size", (1, 100), (0, 101, 1.5)),
        ("table_prefix", ("x", "x" * 30, "ü" * 15, 'a"%.A '), ("", "x" * 31, "ü" * 16, "a\0")),
        ("table_schema", ("x", "x" * 63, "Ü%"), ("", "x" * 64, "a\0", "pg_x", "a\n")),
        ("time_index", ("btree", "brin"), ("hash", "", None)),
        ("variables_index", (True, False), ("perhaps", None)),
        ("retention_days", (1, 36_500, None), (0, -1, 36_501, 0.5)),
    ],
)
def test_the_bounds_of_a_field(field, good, bad):
    for value in good:
        PostgresConfig.model_validate({"partition_by_day": True, field: value})
    for value in bad:
        with pytest.raises(ValidationError, match=field):
            PostgresConfig.model_validate({"partition_by_day": True, field: value})


def test_every_field_is_described():
    assert all(field.description for field in PostgresConfig.model_fields.values())


# -- Secrets ---------------------------------------------------------------------------------------


def is_leaked(text):
    return any(each in text for each in (SECRET, quote(SECRET, safe=""), "s3cret"))


def test_secrets_are_masked_wherever_a_configuration_is_shown():
    parameters = {"sslpassword": SECRET, "sslmode": "require"}
    if psycopg.pq.version() >= 180_000:
        parameters["oauth_client_secret"] = SECRET
    config = from_url(f"postgresql://u:{quote(SECRET, safe='')}@db/shop", parameters=parameters)
    arguments = config.arguments()
    assert arguments["password"] == arguments["sslpassword"] == SECRET
    assert isinstance(config.parameters["sslpassword"], SecretStr)
    store = PostgresStore(config)
    for text in (repr(config), str(config), config.model_dump_json(), store.location, repr(store)):
        assert not is_leaked(text)
    again = PostgresConfig.model_validate(config.model_dump())
    assert again == config


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("postgresql://u:s3cret@db:port/shop", {}),
        ("postgresql://u:s3cret/x@db/shop", {}),
        ("postgresql://u:s3cret@[db/shop", {}),
        ("postgresql://u:s3cret%@db/shop", {}),
        ("postgresql://u:s3cret@db/shop?colour=1", {}),
        ("postgresql://u:s3cret@db/shop", {"pool_size": 0}),
        ("postgresql://db/shop?password=s3cret&pool_size=0", {}),
        ("postgresql://db/shop?sslpassword=s3cret&client_encoding=x", {}),
        ("postgresql://db", {"password": ["s3cret"]}),
        ("postgresql://db", {"parameters": {"sslpassword": ["s3cret"]}}),
    ],
)
def test_a_configuration_that_is_refused_shows_no_secret(url, fields):
    with pytest.raises(ValidationError) as raised:
        from_url(url, **fields)
    assert not is_leaked("".join(traceback.format_exception(raised.value)))


def test_a_refusing_server_and_loggers_at_debug_show_no_secret(postgres, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "psycopg.pool", "flask_chest"):
        caplog.set_level(logging.DEBUG, name)
    for fields in ({"port": free_port()}, {"user": "nobody"}, {"database": "nowhere"}, {}):
        store = Postgres(postgres, **fields).new(password=SECRET)
        try:
            store.open()
            store.export(make_batch(make_record(variables={"n": 1})))
            store.query()
        except (ConfigurationError, ExporterUnavailable):
            assert not is_leaked(traceback.format_exc())
        store.close()
    assert "sqlalchemy" in caplog.text
    assert not is_leaked(caplog.text)
    assert not is_leaked("".join(capfd.readouterr()))


@pytest.mark.parametrize("command", [["flush", "--timeout", "1"], ["records"], ["routes"]])
def test_the_command_line_shows_no_secret(tmp_path, command):
    url = f"postgresql://shop:{quote(SECRET, safe='')}@127.0.0.1:{free_port()}/shop"
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_chest import FlaskChest\n"
        "app = Flask('shop')\nchest = FlaskChest(app, track_all=True)\n"
        "app.add_url_rule('/', view_func=lambda: 'hello')\napp.test_client().get('/')\n"
    )
    environment = {
        **os.environ,
        "FLASK_CHEST_EXPORTERS": url,
        "FLASK_CHEST_JOURNAL": str(tmp_path / "journal"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--debug", "chest", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "refused" in done.stdout + done.stderr
    assert not is_leaked(done.stdout + done.stderr)


def test_an_application_starts_though_the_server_refuses_it(postgres, tmp_path, said):
    app = Flask("shop")
    entry = {"type": "postgres", "url": postgres, "user": "nobody", "password": SECRET}
    chest = FlaskChest(app, exporters={"main": entry}, journal=str(tmp_path / "journal"))
    assert not said()
    app.get("/")(chest.track(lambda: "ok"))
    assert app.test_client().get("/").text == "ok"
    assert not chest.flush(10)
    assert "'main' cannot deliver; the records wait in the journal" in said()[0]
    assert "Correct the user or the password" in said()[0]
    checked = app.test_cli_runner().invoke(args=["chest", "check"])
    assert checked.exit_code == 1
    assert "Correct the user or the password" in checked.output
    assert not is_leaked("".join(said()) + checked.output)
    for state in list(chest._states):
        state.close()


# -- Names -----------------------------------------------------------------------------------------

NAMES = [
    ("public", "x"),
    ('a"b', 'c"d'),
    ("%s", "%(x)s%%"),
    ("a.b", "c.d."),
    ("Upper", "CASE_"),
    ("ÜBER ß", "ü" * 15),
    ("s" * 63, "p" * 30),
    ("select", "from"),
    (":x ?", "'; --"),
]


@pytest.mark.parametrize("partition_by_day", [False, True])
@pytest.mark.parametrize(("schema", "prefix"), NAMES)
def test_tables_may_have_any_name(postgres, schema, prefix, partition_by_day):
    backend = Postgres(
        postgres,
        table_schema=schema,
        table_prefix=prefix,
        variables_index=True,
        partition_by_day=partition_by_day,
    )
    store = backend.new()
    for _ in range(2):
        store.open()
        store.export(make_batch(make_record(variables={"a": 1})))
        store.close()
    store.open()
    assert store.count(variables={"a": 1}) == 2
    assert [value.count for value in store.top_values("a")] == [2]
    record = store.query()[0]
    assert store.purge(before=record.started_at) == 0
    assert len(backend.ids()) == len(backend.variables()) == 2
    store.close()
    names = backend.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename ~ 'schema'"
    )
    assert (schema, f"{prefix}schema") in names


def test_exporters_with_different_prefixes_stand_side_by_side(postgres):
    entries = [
        {"table_prefix": "chest_"},
        {"table_prefix": "Chest_"},
        {"table_prefix": "chest_records_", "partition_by_day": True, "retention_days": 1},
        {"table_prefix": "chest_", "table_schema": "other", "partition_by_day": True},
    ]
    backends = [Postgres(postgres, **entry) for entry in entries]
    stores = [backend.new() for backend in backends]
    records = [make_record() for _ in stores]
    for store, record in zip(stores, records, strict=True):
        store.open()
        store.export(make_batch(record))
    for store, backend, record in zip(stores, backends, records, strict=True):
        assert [found.id for found in store.query()] == backend.ids() == [record["id"]]
    assert stores[0].purge(before=stores[0].query()[0].started_at.replace(year=2030)) == 1
    assert [store.count() for store in stores] == [0, 1, 1, 1]
    for store in stores:
        store.close()
