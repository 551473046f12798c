"""What Explore shows, as a file."""

from __future__ import annotations

import csv
import html
import json
import re

import pytest
from flask import g

FORMULA = '=HYPERLINK("http://evil")'


@pytest.fixture
def asked(shop):
    """Return a client of an application with a formula among its values."""
    app = shop()

    @app.get("/note/<int:number>")
    def note(number):
        g.note = [FORMULA, "a,b\n;=1+1", "\u202eplain", None][number % 4]
        return ""

    client = app.test_client()
    for number in range(12):
        client.get(f"/note/{number}")
    with app.app_context():
        assert app.chest.flush(60)
    return client


def links(client, panel, **arguments):
    """Return the addresses of the files that a panel offers."""
    text = client.get(f"/chest/explore/{panel}", query_string=arguments).text
    return [html.unescape(each) for each in re.findall(r'href="([^"]*)" download', text)]


def test_a_table_is_downloaded_as_it_is_shown(asked):
    question = {"since": "15m", "by": "note", "measure": ["count", "histogram(duration_ms)"]}
    as_csv, as_lines = links(asked, "table", **question, limit=3)
    answer = asked.get(as_lines)
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["note"] for row in rows] == [FORMULA, "a,b\n;=1+1", "\u202eplain", None]
    assert rows[-1]["rest"] == 1
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"

    answer = asked.get(as_csv)
    title, *cells = csv.reader(answer.text.splitlines(keepends=True), strict=True)
    assert title == ["note", "count", "histogram(duration_ms)", "rest"]
    assert [int(row[1]) for row in cells] == [row["count"] for row in rows]
    assert [json.loads(row[2]) for row in cells] == [row["histogram(duration_ms)"] for row in rows]
    everything = asked.get(links(asked, "table", **question)[0]).text
    assert "\"'=HYPERLINK(" in everything, "a spreadsheet would run it"
    assert ";'=1+1" in everything
    assert "\u202e" not in everything
    disposition = answer.headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="explore-table-\d{8}-\d{6}\.csv"', disposition)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_chart_is_downloaded_with_its_buckets_and_the_time_that_is_shown(asked):
    question = {"since": "15m", "by": "note", "measure": "count", "tz": "Asia/Kathmandu"}
    as_csv, as_lines = links(asked, "chart", **question)
    rows = [json.loads(line) for line in asked.get(as_lines).text.splitlines()]
    assert sum(row["count"] for row in rows) == 12
    assert all(row["bucket"].endswith("+05:45") for row in rows)
    asked.get("/note/1")
    asked.application.chest.flush(60)
    assert sum(int(line.split(",")[-1]) for line in asked.get(as_csv).text.split()[-9:]) <= 12
    heat = asked.get(links(asked, "chart", since="15m", kind="heatmap")[1])
    rows = [json.loads(line) for line in heat.text.splitlines()]
    assert {tuple(row) for row in rows} == {("bucket", "histogram(duration_ms)")}
    assert sum(weight for row in rows for *_, weight in row["histogram(duration_ms)"]) >= 12
    bars = asked.get(links(asked, "chart", since="15m", kind="bars", by="note")[0])
    assert bars.text.split("\r\n")[0] == '"note","count","p95(duration_ms)"'


def test_what_cannot_be_asked_is_no_file(asked):
    for path, said in (
        ("table.xls", "choose .csv or .jsonl"),
        ("nothing.csv", "choose chart or table"),
        ("table.csv?limit=5000", "from 1 to 1,000"),
        ("chart.csv?since=30d&every=1s", "1,500"),
        ("table.csv?where=x", "no condition"),
    ):
        answer = asked.get(f"/chest/explore/{path}")
        assert answer.status_code == 400
        assert said in html.unescape(answer.text)
        assert "Content-Disposition" not in answer.headers
