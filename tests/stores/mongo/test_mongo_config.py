"""The configuration of the MongoDB store: URLs, fields."""

from __future__ import annotations

import pytest
from flask_chest_mongo import MongoConfig, MongoStore
from flask_chest_mongo.connection import make_client
from support.mongo import format_all

from flask_chest.errors import (
    ConfigurationError,
)
from flask_chest.settings.exporters import make_exporters


def test_a_url_gives_the_fields():
    config = MongoConfig(
        url="mongodb://us%40er:p%2Fw%3A@a.example:1,b.example/shop?replicaSet=rs&authSource=admin"
        "&retryWrites=true&w=majority&appName=Shop&connectTimeoutMS=1500&socketTimeoutMS=2500"
        "&maxPoolSize=7&readPreference=secondary&collection_prefix=c_&retention_days=1.5&tls=true",
        timeout_seconds=9,
    )
    assert config.location == "MongoDB at a.example:1,b.example:27017/shop"
    assert (config.user, config.password.get_secret_value()) == ("us@er", "p/w:")
    assert (config.auth_source, config.replica_set, config.tls) == ("admin", "rs", True)
    assert (config.connect_timeout_seconds, config.timeout_seconds) == (1.5, 9.0)
    assert (config.pool_size, config.collection_prefix) == (7, "c_")
    assert config.retention_seconds == 129_600
    with make_client(*config.arguments()) as client:
        assert client.read_preference.name == "Secondary"
        assert client.options.pool_options.appname == "Shop"
        assert client.options.pool_options.max_pool_size == 7
        assert client.options.replica_set_name == "rs"


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"host": "::1", "database": "d"}, "MongoDB at ::1:27017/d"),
        ({"host": "h", "port": 5, "database": "d"}, "MongoDB at h:5/d"),
        ({"host": "a,b:2", "port": 5, "database": "d"}, "MongoDB at a:5,b:2/d"),
        ({"url": "mongodb://h:1/d", "port": 5}, "MongoDB at h:5/d"),
        ({"url": "mongodb://h:1/d", "host": "other"}, "MongoDB at other:1/d"),
        ({"url": "mongodb://[::1]:2/d"}, "MongoDB at ::1:2/d"),
        ({"url": "mongodb://h/d", "database": "e"}, "MongoDB at h:27017/e"),
        ({"url": "mongodb://%2Ftmp%2Fmongo.sock/d"}, "MongoDB at /tmp/mongo.sock/d"),
        ({"url": "mongodb+srv://u:p@c.example/d?srvMaxHosts=3"}, "MongoDB at c.example/d"),
        ({"database": "é@%"}, "MongoDB at localhost:27017/é@%"),
    ],
    ids=str,
)
def test_the_location_names_hosts_ports_and_database(fields, location):
    assert MongoConfig(**fields).location == location


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("mongodb://h", "the field 'database' is missing"),
        ("mongodb://h/a.b", "cannot be read"),
        ("mongodb://us:S3CR/ET@h/d", "percent-encode it"),
        ("mongodb://us:S3CR@ET@h/d", "percent-encode it"),
        ("mongodb://us:1/S3CRET@h/d", "percent-encode it"),
        ("mongodb://us:1/S3CRET?x@h/d", "percent-encode it"),
        ("mongodb://us:1/d?S3CRET=x@h/d", "percent-encode it"),
        ("mongodb://us:%S3CRET@h/d", "percent-encode it"),
        ("mongodb://h:S3CRET/d", "percent-encode it"),
        ("mongodb://h/d?conectTimeoutMS=1", "conectTimeoutMS: Unknown option"),
        ("mongodb://h/d?connectTimeoutMS=soon", "connectTimeoutMS is no number"),
        ("mongodb://h/d?readPreference=nearby", "readPreference: .*(nearby is not|Not a valid)"),
        ("mongodb://h/d?w=1", "w: a batch is always written with w=majority"),
        ("mongodb://h/d?journal=false", "journal: a batch is always"),
        ("mongodb://h/d?appName=a&appName=b", "Duplicate URI option"),
        ("mongodb://h/d?tlsCAFile=/not/there.pem", "the file /not/there.pem is not there"),
        ("mongodb://h/d?authMechanismProperties=S3CRET", "authMechanismProperties: "),
        ("mongodb://a,b/d?directConnection=true", "directConnection"),
        ("mongodb://us@h/d", "A password is required"),
        ("mongodb+srv://c.example:5/d", "one name without a port"),
        ("mongodb+srv://a,b/d", "one name without a port"),
        ("mongodb://h/d?srvMaxHosts=3", "srvMaxHosts"),
        ({"type": "mongo", "database": "a b"}, "is no name of a database"),
        ({"type": "mongo", "database": "d", "password": "S3CRET"}, "a password needs a `user`"),
        ({"type": "mongo", "database": "d", "retention_days": 0}, "at least 0.01"),
        ({"type": "mongo", "database": "d", "collection_prefix": "x" * 31}, "longer than 30 bytes"),
        ({"type": "mongo", "database": "d", "collection_prefix": "$x"}, "cannot begin a name"),
        ({"type": "mongo", "database": "d", "timeout_seconds": 0}, "at least 0.1"),
        ({"type": "mongo", "database": "d", "hots": "h"}, "Did you mean 'host'"),
        (
            {"type": "mongo", "database": "d", "user": "u", "auth_mechanism": "NONE"},
            "auth_?[mM]echanism",
        ),
    ],
    ids=str,
)
def test_a_wrong_entry_is_refused_without_showing_its_secret(entry, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_exporters({"main": entry}, {"mongo": MongoStore}, "")
    assert "S3CR" not in format_all(caught.value)


@pytest.mark.parametrize(
    ("query", "is_accepted"),
    [
        ("", False),
        ("&tls=false", False),
        ("&tls=true&tlsInsecure=true", False),
        ("&tls=true&tlsAllowInvalidCertificates=true", False),
        ("&tls=true&tlsAllowInvalidHostnames=true", False),
        ("&tls=true", True),
        ("&ssl=true", True),
        ("&tls=true&tlsAllowInvalidCertificates=false", True),
    ],
)
def test_plain_sends_the_password_in_clear_and_needs_verified_tls(query, is_accepted):
    url = f"mongodb://us:S3CRET@h/d?authMechanism=PLAIN&authSource=$external{query}"
    if is_accepted:
        assert MongoConfig(url=url).auth_mechanism == "PLAIN"
        return
    with pytest.raises(ConfigurationError, match="PLAIN sends the password in clear") as caught:
        make_exporters({"main": url}, {"mongo": MongoStore}, "")
    assert "S3CR" not in format_all(caught.value)


def test_two_entries_make_two_stores(backend):
    entries = {
        "one": backend.url,
        "two": {"type": "mongo", "url": backend.url, "collection_prefix": "two_"},
    }
    made = make_exporters(entries, {"mongo": MongoStore}, "")
    for exporter in made.values():
        exporter.check()
    names = backend.ask(lambda db: db.list_collection_names())
    assert {"chest_records", "two_records"} <= set(names)
