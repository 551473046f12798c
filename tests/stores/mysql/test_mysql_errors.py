"""Errors of MySQL or MariaDB that a person has to fix, and the remedy that each names."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from urllib.parse import quote

import pymysql
import pytest
from flask_chest_mysql import MysqlConfig, MysqlStore
from flask_chest_mysql.connection import identify
from flask_chest_mysql.errors import explain
from support.mysql import SECRET, refusal, user

from flask_chest.errors import (
    BatchRejected,
    ConfigurationError,
    ExporterUnavailable,
)
from flask_chest.testing import make_batch, make_record


def test_the_documented_privileges_are_enough(backend):
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, SHOW VIEW"
    with user(backend, rights) as name:
        store = backend.new(user=name, password=SECRET)
        store.check()
        store.open()
        store.export(make_batch(make_record(variables={"a": 1})))
        assert (store.count(), store.top_values("a")[0].count) == (1, 1)
        assert store.purge(before=datetime.now(timezone.utc)) == 1
        store.close()


def test_a_wrong_password_is_refused_and_shown_nowhere(backend, caplog):
    with user(backend, "ALL", password="another") as name:
        config = MysqlConfig(
            url=f"mysql://{name}:{quote(SECRET, safe='')}@127.0.0.1:{backend.config['port']}"
            f"/{backend.config['database']}"
        )
        assert config.password.get_secret_value() == SECRET
        store = MysqlStore(config)
        seen = [repr(config), str(config), config.model_dump_json(), store.location]
        for attempt, error in (("open", ConfigurationError), ("check", ExporterUnavailable)):
            with pytest.raises(error, match=r"Access denied.*Correct the user") as e:
                getattr(store, attempt)()
            store.close()
            seen += traceback.format_exception(e.value)
            assert f"127.0.0.1:{backend.config['port']}" in str(e.value)
    assert "(1045)" in "".join(seen)
    for text in [*seen, caplog.text]:
        assert SECRET not in text
        assert quote(SECRET, safe="") not in text
        assert "cr€t" not in text


def test_a_database_privilege_or_primary_that_is_missing_is_named_with_the_remedy(odd, opened):
    assert "Create the database" in refusal(odd.new(database="nowhere"))
    with user(odd, None) as name:
        assert "Grant this user" in refusal(odd.new(user=name, password=SECRET))
    with user(odd, "SELECT, INSERT, UPDATE") as name:
        text = refusal(odd.new(user=name, password=SECRET))
        assert "CREATE command denied" in text
        assert "Grant this user what is missing" in text
        assert "MariaDB 10" in text
        assert str(odd.config["port"]) in text
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW, SHOW VIEW"
    with user(odd, rights) as name:
        store = opened(odd, user=name, password=SECRET)
        odd.execute("SET GLOBAL read_only = 1")
        with pytest.raises(ConfigurationError, match=r"read-only.*name the primary"):
            store.export(make_batch(make_record()))
        with pytest.raises(ExporterUnavailable, match=r"read-only.*name the primary"):
            store.check()
        assert store.count() == 0, "it can be read"
        odd.execute("SET GLOBAL read_only = 0")
        store.export(make_batch(make_record()))
        store.close()


def test_a_statement_based_binary_log_is_refused_with_the_remedy(odd):
    odd.execute("SET GLOBAL binlog_format = 'STATEMENT'")
    assert "Set binlog_format to ROW or MIXED" in refusal(odd.new())


def test_errors_show_nothing_of_a_record(odd, odd_store):
    text = make_record()["id"]  # a traceback shows source lines, which do not contain it
    planted = {"token": text}
    for fields in ({"method": "M" * 33}, {"started_at": "2024-02-30T12:00:00.000000Z"}):
        with pytest.raises(BatchRejected) as caught:
            odd_store.export(make_batch(make_record(variables=planted, **fields)))
        assert text not in "".join(traceback.format_exception(caught.value))
    odd.execute("DROP TABLE chest_records")
    with pytest.raises(ExporterUnavailable, match="doesn't exist") as caught:
        odd_store.export(make_batch(make_record(variables=planted)))
    assert text not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("version", "shown", "is_supported"),
    [
        ("8.0.36", "MySQL 8.0", True),
        ("8.0.19", "MySQL 8.0", True),
        ("8.0.18", "MySQL 8.0", False),
        ("5.7.44-log", "MySQL 5.7", False),
        ("8.4.3", "MySQL 8.4", True),
        ("9.1.0-commercial", "MySQL 9.1", True),
        ("8.0.36-28.1", "MySQL 8.0", True),
        ("10.6.0-MariaDB", "MariaDB 10.6", True),
        ("10.11.6-MariaDB-0+deb12u1-log", "MariaDB 10.11", True),
        ("5.5.5-10.11.6-MariaDB", "MariaDB 10.11", True),
        ("11.4.2-MariaDB-ubu2404", "MariaDB 11.4", True),
        ("10.5.23-MariaDB", "MariaDB 10.5", False),
        ("5.5.5-10.3.39-MariaDB", "MariaDB 10.3", False),
        ("5.5.68-MariaDB", "MariaDB 5.5", False),
        ("something else", "MySQL 0.0", False),
    ],
)
def test_product_and_version_are_read_from_the_version_text(version, shown, is_supported):
    flavor = identify(version)
    assert (str(flavor), flavor.is_supported) == (shown, is_supported)


def test_an_old_server_is_refused_with_its_version(backend, monkeypatch):
    monkeypatch.setattr("flask_chest_mysql.connection.MIN_MARIADB", (99, 0, 0))
    monkeypatch.setattr("flask_chest_mysql.connection.MIN_MYSQL", (99, 0, 0))
    text = refusal(backend.new())
    assert "is version" in text
    assert "needs MySQL 8.0.19 or MariaDB 10.6 or newer: upgrade the server" in text
    assert backend.execute("SHOW TABLES") == []


@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        (1040, ExporterUnavailable, ""),
        (1021, ExporterUnavailable, ""),
        (1114, ExporterUnavailable, ""),
        (1213, ExporterUnavailable, ""),
        (2013, ExporterUnavailable, ""),
        (3140, BatchRejected, ""),
        (1153, BatchRejected, "max_allowed_packet"),
        (1836, ConfigurationError, "primary"),
        (3159, ConfigurationError, "ssl_mode=REQUIRED"),
        (1698, ConfigurationError, "unix_socket"),
    ],
)
def test_rare_error_codes_get_their_kind_and_remedy(code, kind, remedy):
    found = explain("MySQL at x", pymysql.err.OperationalError(code, "it\nsays so"))
    assert type(found) is kind
    assert str(found).startswith(f"MySQL at x: it says so ({code})")
    assert remedy in str(found)


DOCUMENT_FAULTS = {
    "MySQL": {3140, 3141, 3150, 3151, 3156, 3157, 3158, 3819},
    "MariaDB": {4025, 4035, 4036, 4037, 4038, 4039, 4040},
}
SHARED_FAULTS = {1048, 1118, 1153, 1197, 1264, 1265, 1292, 1300, 1366, 1367, 1406, 1690, 1705}


@pytest.mark.parametrize("product", ["MySQL", "MariaDB"])
def test_only_faults_of_a_record_reject_it(product):
    """Of all codes that the servers and the driver have, with a margin."""
    rejected = {
        code
        for code in range(1, 7_000)
        if isinstance(
            explain("x", pymysql.err.OperationalError(code, ""), is_mariadb=product == "MariaDB"),
            BatchRejected,
        )
    }
    assert rejected == SHARED_FAULTS | DOCUMENT_FAULTS[product]


# What a server says when somebody has changed it, and nobody has changed the record.
STATES = {
    "a table is gone": ("DROP TABLE chest_records", "doesn't exist"),
    "a column is gone": ("ALTER TABLE chest_records DROP COLUMN path", "Unknown column"),
    "a column without a default": (
        "ALTER TABLE chest_records ADD COLUMN n INT NOT NULL",
        "doesn't have a default value",
    ),
    "a trigger": (
        (
            "CREATE TRIGGER mine BEFORE INSERT ON chest_records FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'"
        ),
        "not today",
    ),
    "no partition": (
        (
            "ALTER TABLE chest_records PARTITION BY RANGE COLUMNS (id)"
            " (PARTITION p VALUES LESS THAN ('00000000-0000'))"
        ),
        "no partition for value",
    ),
    "a foreign key": (
        (
            "ALTER TABLE chest_records ADD COLUMN n INT NOT NULL DEFAULT 7,"
            " ADD FOREIGN KEY (n) REFERENCES chest_schema (version)"
        ),
        "foreign key constraint fails",
    ),
}


@pytest.mark.parametrize(("statement", "message"), STATES.values(), ids=STATES)
def test_a_state_of_the_server_dead_letters_no_record(backend, store, statement, message):
    backend.execute(statement)
    with pytest.raises(ExporterUnavailable, match=message):
        store.export(make_batch(make_record(), make_record()))


@pytest.mark.parametrize(
    "change",
    [
        "MODIFY path VARCHAR(5) NOT NULL",
        "MODIFY status_code TINYINT",
    ],
)
def test_a_column_that_became_too_narrow_dead_letters_no_record(backend, store, change):
    backend.execute(f"ALTER TABLE chest_records {change}")
    record = make_record(path="/longer", started_at="2024-05-01T12:00:00.123456Z")
    with pytest.raises(ConfigurationError, match=r"has a column .* Run: ALTER TABLE"):
        store.export(make_batch(record))
    store.close()
    backend.new().repair()
    store.open()
    store.export(make_batch(record))
    assert backend.ids() == [record["id"]]


def test_a_key_of_json_that_is_too_long_is_a_fault_of_the_record(store):
    longest = make_record(variables={"k" * 65_536: 1})
    try:
        store.export(make_batch(longest))
    except BatchRejected:
        return  # MySQL
    assert store.query()[0].variables == longest["variables"]  # MariaDB keeps text
