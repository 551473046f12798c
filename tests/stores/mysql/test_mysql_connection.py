"""Connections to MySQL and MariaDB: settings of the session, sockets, the location."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask_chest_mysql import MysqlConfig, MysqlStore
from pydantic import ValidationError

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
)
from flask_chest.testing import make_batch, make_record
from flask_chest.testing.records import START, as_stored


def test_times_are_utc_in_any_zone_of_server_and_session(odd, odd_store):
    assert odd.execute("SELECT @@session.time_zone") == [("+05:30",)]
    record = make_record(started_at=START)
    odd_store.export(make_batch(record))
    for zone in ("+05:30", "-11:00", "+00:00"):
        with odd.connection() as cursor:
            cursor.execute(f"SET time_zone = '{zone}'")
            cursor.execute("SELECT CAST(started_at AS CHAR) FROM chest_records")
            assert cursor.fetchall() == (("2024-05-01 12:00:00.123456",),)
            cursor.execute("SELECT CAST(started_at AS CHAR) FROM chest_variables")
            assert cursor.fetchall() == ()
    assert odd_store.query(since=START, until=START + timedelta(microseconds=1)) == [
        as_stored(record)
    ]


def test_quotes_and_backslashes_survive_another_sql_mode_of_the_server(odd, odd_store):
    text = "\\ ' \" \\' \\\\\" %s \n\r\t\b\f\x01\x1a\x7f é😀 ; -- /* */ `"
    record = make_record(
        path=text + "\x00", endpoint=text, variables={text: text, "list": [text], "cut": "\\"}
    )
    odd_store.export(make_batch(record))
    assert odd_store.query(endpoint=text, variables={text: text}) == [as_stored(record)]
    assert {(row[1], row[2]) for row in odd.variables()} == {
        (text, text),
        ("list", json.dumps([text], ensure_ascii=False, separators=(",", ":"))),
        ("cut", "\\"),
    }


def test_nothing_is_written_when_the_sql_mode_of_the_session_was_changed(odd, odd_store):
    with odd_store.writing() as connection:
        connection.exec_driver_sql("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        connection.commit()
    with pytest.raises(ConfigurationError, match="changed the session's sql_mode"):
        odd_store.export(make_batch(make_record(path="\\', 1); DROP TABLE chest_records; --")))
    assert odd.ids() == []


def test_a_cut_value_is_rejected_when_the_server_keeps_no_warnings(odd, odd_store):
    odd_store.export(make_batch(make_record(request_id="x" * 254 + " ", service=" ")))
    with pytest.raises(BatchRejected, match="Data truncated for column 'request_id'"):
        odd_store.export(make_batch(make_record(request_id="x" * 255 + " ")))
    assert odd.execute("SELECT request_id, service FROM chest_records") == [("x" * 254 + " ", " ")]


def test_a_transaction_of_the_store_does_not_block_other_writers(odd, odd_store, opened):
    odd_store.export(make_batch(make_record(started_at=START)))
    # At the server's own isolation level, this SELECT would lock the gap before START.
    with odd_store.writing() as connection, odd_store.transaction(connection):
        odd_store.insert(connection, make_batch(make_record()))
        connection.exec_driver_sql("SELECT COUNT(*) FROM chest_records WHERE started_at < now()")
        other = opened(odd, timeout_seconds=10.0)
        other.export(make_batch(make_record(started_at=START - timedelta(days=1))))
    assert len(odd.ids()) == 3


def test_a_unix_socket_replaces_host_and_port(odd, odd_server):
    socket = odd_server.folder / "data" / "socket"
    fields = {"user": "root", "database": odd.config["database"], "unix_socket": str(socket)}
    store = MysqlStore(MysqlConfig(**fields))
    store.open()
    assert store.location.endswith(f" at {socket}, database {odd.config['database']}")
    store.close()
    with pytest.raises(ValidationError, match="one or the other"):
        MysqlConfig(**fields, host="db.example")


def test_the_location_names_product_and_version_after_open(backend):
    where = "{host}:{port}/{database}".format(**backend.config)
    store = backend.new()
    assert store.location == f"MySQL at {where}"
    store.open()
    version = backend.execute("SELECT VERSION()")[0][0]
    product = "MariaDB" if "MariaDB" in version else "MySQL"
    assert store.location == f"{product} {'.'.join(version.split('.')[:2])} at {where}"
    store.close()
