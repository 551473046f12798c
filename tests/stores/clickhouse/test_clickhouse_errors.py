"""What ClickHouse's answers mean: who has to do what, without a value of a record."""

from __future__ import annotations

import traceback
from contextlib import closing

import pytest
from flask_chest_clickhouse import ClickHouseConfig, ClickHouseStore
from flask_chest_clickhouse.errors import ServerError, explain, explain_insertion
from support.clickhouse import PASSWORD

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
    QueryTimeout,
)
from flask_chest.testing import make_batch, make_record


def shown(error):
    return "".join(traceback.format_exception(error))


def test_a_user_with_a_difficult_password_delivers(guarded):
    store = guarded.store(table_prefix="difficult_")
    with closing(store):
        store.check()
        store.open()
        store.export(make_batch(make_record()))
        assert store.count() == 1


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"password": "wr0ng"}, "Correct the user or the password"),
        ({"user": "nobody"}, "Correct the user or the password"),
        ({"database": "nowhere"}, "Create the database, or correct its name"),
        ({"user": "reader", "table_prefix": "new_"}, "Name a user, or a server, that may write"),
        ({"settings": {"no_such": 1}}, "Correct `settings`: this server has no such setting"),
    ],
    ids=str,
)
def test_a_refusal_names_what_a_person_has_to_do(guarded, fields, remedy):
    store = guarded.store(**fields)
    with closing(store):
        with pytest.raises(ConfigurationError, match=remedy) as raised:
            store.open()
        # The application starts all the same, and its records wait.
        with pytest.raises(ExporterUnavailable, match=remedy):
            store.check()
    for secret in (PASSWORD, "wr0ng"):
        assert secret not in shown(raised.value)


def test_who_may_only_read_opens_a_store_that_is_there(guarded):
    writer = guarded.store(table_prefix="read_")
    with closing(writer):
        writer.open()
        writer.export(make_batch(make_record()))
    reader = guarded.store(user="reader", table_prefix="read_")
    with closing(reader):
        reader.open()
        assert reader.count() == 1
        with pytest.raises(ConfigurationError, match="may write"):
            reader.export(make_batch(make_record()))


def test_a_query_that_takes_too_long_is_cancelled(backend, store):
    with pytest.raises(QueryTimeout, match="query_timeout_seconds"):
        store._connection.ask("SELECT sleep(3)", settings={"max_execution_time": 0.2})
    assert store.count() == 0


def test_what_is_no_clickhouse_is_named(serve_text):
    for text, kind, message in (
        ("<html>Bad gateway", ExporterUnavailable, "does not answer as ClickHouse does"),
        (
            "Port 9000 is for clickhouse-client program",
            ConfigurationError,
            "port of ClickHouse's native protocol",
        ),
    ):
        host, port = serve_text(text)
        store = ClickHouseStore(ClickHouseConfig(host=host, port=port))
        with closing(store), pytest.raises(kind, match=message):
            store.open()


TEXT = (
    "Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse input: expected '\"' before: "
    "'secret': (while reading the value of key path): (at row 1) (CANNOT_PARSE_INPUT) (version 26)"
)


@pytest.mark.parametrize(
    ("code", "text", "kind", "message"),
    [
        (27, TEXT, BatchRejected, "a record is malformed: CANNOT_PARSE_INPUT in path"),
        (
            469,
            "Constraint `chest_is_whole` for table x is violated. Column values: path = 'secret'",
            BatchRejected,
            "not chest_is_whole",
        ),
        (252, "Too many parts (300)", ExporterUnavailable, "Merges do not keep up"),
        (241, "Memory limit exceeded", ExporterUnavailable, "`max_batch_records`"),
        (242, "Table is in readonly mode", ExporterUnavailable, "without its Keeper"),
        (60, "Table does not exist", ExporterUnavailable, "flask chest schema repair"),
        (159, "Timeout exceeded", ExporterUnavailable, "was not stored in time"),
        (319, "Unknown status", ExporterUnavailable, "sent again, with the same token"),
        (497, "Not enough privileges", ConfigurationError, "Grant this user"),
        (99_999, "Something new", ExporterUnavailable, "Something new"),
    ],
    ids=str,
)
def test_an_insertion_is_rejected_for_its_data_alone(code, text, kind, message):
    found = explain_insertion("ClickHouse at h", ServerError(code, text), "chest_is_")
    assert type(found) is kind
    assert message in str(found)
    assert "secret" not in str(found)


def test_a_question_is_never_rejected():
    assert type(explain("x", ServerError(27, TEXT))) is ExporterUnavailable
