"""A database of version 1 gets rollups, while processes of version 1 go on delivering."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from support.rollup_host import DECLARATION, Host, check_answers, check_rows

SCHEMA = Path(__file__).with_name("version_1.sql").read_text("utf-8")
FIELDS = (
    *("id", "request_id", "trace_id", "service", "instance", "endpoint", "route", "method"),
    *("path", "status_code", "error", "started_at", "duration_ms", "weight", "variables"),
)
INSERTION = (
    f"INSERT INTO chest_records ({', '.join(FIELDS)})"
    f" VALUES ({', '.join('?' for _ in FIELDS)}) ON CONFLICT (id) DO NOTHING"
)
OLD_SURVEY = "SELECT max(version) FROM chest_schema"


class Old:
    """Delivers as version 1 does: it looks at its own tables, and writes into its own."""

    def __init__(self, path):
        self.path = path

    def open(self):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(SCHEMA)
            assert connection.execute(OLD_SURVEY).fetchone() == (1,)

    def deliver(self, records):
        rows = [tuple(batch_value(record, name) for name in FIELDS) for record in records]
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(INSERTION, rows)


def batch_value(record, name):
    return str(record[name]).replace("'", '"') if name == "variables" else record[name]


def test_version_1_and_this_one_deliver_at_the_same_time(backend):
    old = Old(backend.path)
    old.open()
    kept = backend.new()
    kept.rollups = DECLARATION
    made = Host()
    old.deliver([made.record(age, variables={"tenant": "acme"}) for age in made.ages(9, days=2)])
    kept.open()
    try:
        host = Host(kept)
        host.lead()
        check_answers(host)
        old.open()  # a process of version 1 starts again
        old.deliver([made.record(timedelta(minutes=5), variables={"tenant": "acme"})])
        host.deliver(*host.ages(9, minutes=9))
        host.lead()
        check_answers(host)
        check_rows(host)
    finally:
        kept.close()
