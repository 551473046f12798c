"""Tables that an administrator has created, and a user with the privileges of the pages alone."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from pymysql.constants import CLIENT
from support.backends import Mysql, Postgres
from support.mysql import SECRET, user
from support.postgres import PASSWORD
from support.rollup_host import DECLARATION, Host, check_rows

from flask_chest import FlaskChest
from flask_chest.errors import ExporterUnavailable
from flask_chest.testing import make_batch, make_record

PAGES = Path(__file__).parents[2] / "docs/how-to"


def privileges(page):
    """Return the statements of a page that grant the writer what it needs."""
    found = re.findall(r"^GRANT .* TO writer;$", (PAGES / page).read_text("utf-8"), re.MULTILINE)
    assert len(found) > 4
    return found


def declared(backend):
    store = backend.new()
    store.rollups = DECLARATION
    return store


class OfPostgres:
    """A schema of which one role is the owner, who may create none, and another the writer."""

    def __init__(self, url):
        self.admin = Postgres(url)
        self.names = [f"{self.admin.config['database']}_{each}" for each in ("owner", "writer")]
        self.owner, self.writer = map(self._role, self.names)
        self.admin.execute(f"CREATE SCHEMA chest AUTHORIZATION {self.names[0]}")

    def _role(self, name):
        self.admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        found = Postgres(self.admin.url, table_schema="chest")
        found.config = {**found.config, "user": name, "password": PASSWORD}
        return found

    def run(self, script):
        """Run what was printed, as psql does."""
        keys = {"host": "host", "port": "port", "database": "dbname"}
        config = {keys[key]: value for key, value in self.admin.config.items() if key in keys}
        with psycopg.connect(**config, user=self.names[0], password=PASSWORD) as connection:
            connection.execute(script)

    def grant(self):
        for statement in privileges("postgres.md"):
            text = statement.replace(" analytics ", f' "{self.admin.config["database"]}" ')
            self.admin.execute(text.replace(" writer;", f" {self.names[1]};"))

    def close(self):
        for name in reversed(self.names):
            self.admin.execute(f"DROP OWNED BY {name} CASCADE")
            self.admin.execute(f"DROP ROLE {name}")


class OfMysql:
    """A database of which root is the owner, and another user the writer."""

    def __init__(self, url):
        self.owner = Mysql(url)
        self._made = user(self.owner, None)
        self._name = self._made.__enter__()
        self.writer = Mysql(url)
        self.writer.config = {**self.writer.config, "user": self._name, "password": SECRET}

    def run(self, script):
        """Run what was printed, as the client of the server does."""
        with self.owner.connect(client_flag=CLIENT.MULTI_STATEMENTS) as connection:
            cursor = connection.cursor()
            cursor.execute(script)
            while cursor.nextset():
                pass
            connection.commit()

    def grant(self):
        for statement in privileges("mysql.md"):
            text = statement.replace("chest.", f"`{self.owner.config['database']}`.", 1)
            self.owner.execute(text.replace(" writer;", f" {self._name}"))

    def close(self):
        self._made.__exit__(None, None, None)


KINDS = {"postgres": OfPostgres, "mysql": OfMysql}


@pytest.fixture(params=["postgres", pytest.param("mysql", marks=pytest.mark.slow)])
def kind(request):
    made = KINDS[request.param](request.getfixturevalue(request.param))
    yield made
    made.close()


@pytest.fixture
def by_hand(kind):
    script = ";\n".join([*declared(kind.owner).ddl(), ""])
    for _ in range(2):  # a second time, it changes nothing
        kind.run(script)
    kind.grant()
    return kind


def warnings(backend):
    store = declared(backend)
    return [str(each) for each in store.findings() if each.level != "ok"]


def test_a_user_with_the_pages_privileges_has_rollups_and_no_warning(by_hand, said):
    assert warnings(by_hand.writer) == []
    assert declared(by_hand.owner).repair() == []
    store = declared(by_hand.writer)
    store.open()
    try:
        host = Host(store)
        host.deliver(timedelta(hours=2), timedelta(minutes=5))
        assert store.rollup_storage().marked()
        host.lead()
        check_rows(host)
        host.purge(host.now - timedelta(hours=1))
        assert store.count() == 1
    finally:
        store.close()
    assert warnings(by_hand.writer) == []
    assert said() == []


def test_a_missing_state_is_written_by_a_user_who_creates_nothing_and_by_repair(by_hand, said):
    """As the statements of older releases leave it."""
    place = by_hand.owner.table("rollup_state")
    by_hand.owner.execute(f"DELETE FROM {place}")
    assert declared(by_hand.owner).repair() == [
        "Created the state of the rollups, which are computed anew"
    ]
    assert declared(by_hand.owner).repair() == []
    by_hand.owner.execute(f"DELETE FROM {place}")
    store = declared(by_hand.writer)
    store.open()
    assert store.rollup_storage().state().revision == 0
    store.close()
    assert said() == []


def test_findings_write_nothing(by_hand):
    place = by_hand.owner.table("rollup_state")
    by_hand.owner.execute(f"DELETE FROM {place}")
    store = declared(by_hand.writer)
    store.check()
    store.findings()
    assert list(by_hand.owner.execute(f"SELECT id FROM {place}")) == []


def test_tables_of_rollups_that_a_user_cannot_create_are_a_finding(kind):
    plain = kind.owner.new()
    kind.run(";\n".join([*plain.ddl(), ""]))
    for statement in privileges_on_records(kind):
        kind.owner.execute(statement)
    [warning] = warnings(kind.writer)
    assert "tables are not there, and this user may not create them" in warning
    assert "flask chest schema print" in warning
    assert warnings(kind.owner) == []


def privileges_on_records(kind):
    if isinstance(kind, OfMysql):
        database = kind.owner.config["database"]
        rights = "SELECT, INSERT, UPDATE, DELETE, SHOW VIEW"
        return [f"GRANT {rights} ON `{database}`.* TO {kind._name}"]
    return [
        f"GRANT USAGE ON SCHEMA chest TO {kind.names[1]}",
        f"GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA chest TO {kind.names[1]}",
    ]


def test_who_only_reads_tries_to_write_nothing_and_is_told_nothing(by_hand, said, opened):
    writer = declared(by_hand.writer)
    writer.open()
    writer.export(make_batch(make_record()))
    writer.close()
    if isinstance(by_hand, OfMysql):
        database = by_hand.owner.config["database"]
        by_hand.owner.execute(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {by_hand._name}")
        by_hand.owner.execute(f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO {by_hand._name}")
    else:
        for what in ("TABLES", "SEQUENCES"):
            by_hand.admin.execute(
                f"REVOKE ALL ON ALL {what} IN SCHEMA chest FROM {by_hand.names[1]}"
            )
        by_hand.admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA chest TO {by_hand.names[1]}")
    store = opened(by_hand.writer)
    assert store.rollup_storage().marked()
    assert store.count() == 1
    assert said() == []


LACKS = {
    "REVOKE USAGE ON SEQUENCE chest.chest_rollup_marks_id_seq": [
        "records an hour later (INSERT on chest_rollup_marks)",
        "sequence chest_rollup_marks_id_seq. Grant this user USAGE on the sequence",
    ],
    "REVOKE UPDATE ON chest.chest_rollup_state": [
        "may not keep the rollups up to date (UPDATE on chest_rollup_state)",
        "table chest_rollup_state. Grant this user SELECT, INSERT, UPDATE and DELETE on it",
    ],
    "REVOKE INSERT, DELETE ON chest.chest_rollups": [
        "(DELETE on chest_rollups, INSERT on chest_rollups)",
    ],
}


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
@pytest.mark.parametrize("change", LACKS)
def test_each_privilege_that_the_rollups_lack_is_a_finding(by_hand, change):
    by_hand.admin.execute(f"{change} FROM {by_hand.names[1]}")
    [warning] = warnings(by_hand.writer)
    for part in LACKS[change]:
        assert part in warning


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_a_missing_schema_privilege_is_named(by_hand):
    by_hand.admin.execute(f"REVOKE USAGE ON SCHEMA chest FROM {by_hand.names[1]}")
    with pytest.raises(
        ExporterUnavailable, match=r"schema chest\. Grant this user USAGE on the schema"
    ):
        by_hand.writer.new().check()


@pytest.fixture
def run(tmp_path):
    """Return a function that runs `flask chest` with a backend; it returns what was printed."""
    made = []

    def start(backend, *arguments):
        app = Flask("shop", instance_path=str(tmp_path / str(len(made))))
        exporter = {"type": backend.exporter.type, **backend.config}
        made.append((FlaskChest(app, exporters={"main": exporter}), app))  # it does not hold it
        done = app.test_cli_runner().invoke(args=("chest", *arguments))
        assert done.exit_code == 0, done.output
        return done.output

    yield start
    for chest, _ in made:
        chest.close()


def test_apply_creates_the_rollups_and_leaves_nothing_to_repair(kind, run):
    assert run(kind.owner, "schema", "apply") == "main: the schema is there\n"
    assert "main: nothing was to be repaired" in run(kind.owner, "schema", "repair")
    kind.grant()
    assert "warning" not in run(kind.writer, "check")


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_check_says_once_what_the_rollups_lack(by_hand, run, said):
    by_hand.admin.execute(
        f"REVOKE USAGE ON SEQUENCE chest.chest_rollup_marks_id_seq FROM {by_hand.names[1]}"
    )
    output = run(by_hand.writer, "check")
    assert output.count("warning") == output.count("chest_rollup_marks_id_seq") == 1
    assert "chest_rollup_marks_id_seq" not in "".join(said())
