"""The configuration of the PostgreSQL store: URLs, fields, bounds."""

from __future__ import annotations

from urllib.parse import quote

import psycopg
import pytest
from flask_chest_postgres import PostgresConfig, PostgresStore
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flask_chest.testing.records import make_batch, make_record


def from_url(url, **fields):
    return PostgresConfig.model_validate({"url": url, **fields})


def shown(config):
    """Return host, port, user, password and database, as psycopg is given them."""
    names = ("host", "port", "user", "password", "dbname")
    return tuple(config.arguments().get(name) for name in names)


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


def test_a_url_query_may_mix_fields_and_libpq_parameters():
    config = from_url(
        "postgresql://u@db/shop?sslmode=verify-full&table_prefix=%C3%BC_&time_index=brin"
        "&application_name=a+b&retention_days=30&partition_by_day=true&connect_timeout=4"
    )
    assert config.parameters == {"sslmode": "verify-full", "application_name": "a+b"}
    assert (config.table_prefix, config.time_index, config.retention_days) == ("ü_", "brin", 30)
    assert config.connect_timeout_seconds == 4
    assert config.arguments()["connect_timeout"] == 4


def test_fields_take_precedence_over_the_url():
    config = from_url(
        "postgresql://u:p@db/shop?sslmode=prefer&pool_size=3",
        password="other",
        pool_size=4,
        parameters={"sslmode": "require", "port": "5433"},
    )
    assert shown(config) == ("db", 5433, "u", "other", "shop")
    assert (config.pool_size, config.parameters) == (4, {"sslmode": "require"})


def test_a_service_file_gives_the_missing_fields(tmp_path, monkeypatch, backend):
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


def test_the_location_takes_defaults_from_the_environment(monkeypatch):
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
    other = from_url(f"postgresql://{quoted[0]}:another@db:5433/{quoted[2]}")
    for text in (repr, str, lambda each: each.location):
        assert text(config) == text(other), "the password shows in nothing"


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
def test_an_unreadable_url_is_refused_with_the_expected_form(url):
    with pytest.raises(ValidationError, match=r"scheme://user:password@host:port/database"):
        from_url(url)


def test_unknown_and_contradicting_fields_are_refused_by_name():
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
def test_fields_have_bounds(field, good, bad):
    for value in good:
        PostgresConfig.model_validate({"partition_by_day": True, field: value})
    for value in bad:
        with pytest.raises(ValidationError, match=field):
            PostgresConfig.model_validate({"partition_by_day": True, field: value})


def test_every_field_has_a_description():
    assert all(field.description for field in PostgresConfig.model_fields.values())
