"""`flask chest query`, `show` and `export`."""

from __future__ import annotations

import csv
import json
import os

import pytest

from flask_chest.cli.listing import RecordTable
from flask_chest.cli.names import read_names
from flask_chest.testing import collect


def lines_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_newest_records_are_shown_with_what_a_terminal_has_room_for(ask):
    done = ask("query", "--limit", 2)
    title, first, second = done.stdout.splitlines()
    assert title.split() == [
        *("started_at", "status", "ms", "method", "path", "request_id", "variables")
    ]
    assert first.split()[2:7] == ["502", "100.000", "POST", "/checkout/19", "r-0-19"]
    assert 'user_id=u-1 tenant=globex cart_total=237.5 note="=HYPERLINK' in first
    assert first.index("r-0-19") == second.index("r-0-18") == title.index("request_id")
    assert done.stderr == ""


@pytest.fixture
def nightly(make_chest, app):
    """Return the record of a job."""
    chest = make_chest()
    chest.init_app(app)
    with collect(app) as records, app.app_context(), chest.record("nightly"):
        pass
    return records[0].as_data()


def test_a_job_which_has_no_path_is_shown_by_its_name_unless_a_column_is_chosen(nightly):
    assert RecordTable().row(nightly)[3:5] == ["JOB", "nightly"]
    assert RecordTable(read_names(["method", "path"])).row(nightly) == ["JOB", ""]


def test_records_are_chosen_ordered_and_limited(ask):
    done = ask(
        *("query", "--where", "model == 'large'", "--order-by", "-duration_ms", "--limit", 3),
        *("--columns", "path,duration_ms", "--columns", "app.release", "--format", "json"),
    )
    assert lines_of(done) == [
        {"path": f"/products/{number}", "duration_ms": 800.0, "app.release": "2026.11.2"}
        for number in (8, 4, 0)
    ]
    assert len(lines_of(ask("query", "--limit", 1000, "--since", "7d", "--format", "json"))) == 140


def test_values_within_a_variable_and_odd_names_are_columns(ask):
    done = ask("query", "--columns", "plan.name,variables['cart_total']", "--limit", 1)
    assert done.stdout.split() == ["plan.name", "variables['cart_total']", "pro", "237.5"]


def test_csv_has_a_column_for_each_field_and_variable(ask):
    text = ask("query", "--limit", 20, "--format", "csv").stdout
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    assert list(rows[0])[14:] == [
        *("user_id", "tenant", "cart_total", "note", "plan", "app.release", "model", "cost_usd")
    ]
    assert rows[0]["cart_total"] == "237.5"
    assert rows[0]["cost_usd"] == ""
    assert rows[0]["note"].startswith("'=HYPERLINK"), "a spreadsheet would run it"
    assert json.loads(rows[0]["plan"]) == {"name": "pro"}


def test_one_request_is_shown_with_all_that_it_recorded(ask):
    text = ask("show", "r-3-14").stdout
    assert "\nrequest_id     r-3-14\n" in text
    assert "\nstatus_code    200\n" in text
    assert '\n  user_id      "u-2"\n' in text
    assert "\n  cart_total   175.0\n" in text
    assert r"\u001b[2J 東京" in text
    [record] = lines_of(ask("show", "r-3-14", "--format", "json"))
    assert record["variables"]["plan"] == {"name": "free"}


def test_neighbours_are_the_nearest_of_the_same_user(ask):
    done = ask("show", "r-3-14", "--same", "user_id,tenant", "--limit", 2, "--format", "json")
    found = lines_of(done)
    assert [record["started_at"] for record in found] == sorted(
        record["started_at"] for record in found
    )
    paths = [record["path"] for record in found if record["variables"]["user_id"] == "u-2"]
    assert paths == ["/products/2", "/products/8", "/checkout/14"]
    table = ask("show", "r-3-14", "--same", "user_id").stdout
    assert '\nsame user_id: "u-2"\nstarted_at ' in table
    missing = ask("show", "r-3-14", "--same", "trace_id")
    assert "trace_id of this request is not there" in missing.stderr


def test_a_request_that_is_not_there_is_an_error(ask):
    assert "is no UTF-8" in ask("show", os.fsdecode(b"\xff"), code=2).stderr
    done = ask("show", "r-99", code=1)
    assert done.stdout == ""
    assert "No record has the request ID r-99" in done.stderr
    assert "Nothing was found in sqlite path=" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["query", "--where", "status_code >= '500'"],
            "a text: write 500\n  status_code >= '500'\n                 ^",
        ),
        (["query", "--where", "tenant = 'acme'"], "  tenant = 'acme'\n         ^"),
        (["query", "--order-by", "-(a)b"], "order_by: "),
        (["query", "--columns", "path,1"], "  path,1\n       ^"),
        (["query", "--since", "yesterday"], "'yesterday' is no time. Write ISO 8601"),
        (["query", "--since", "1h", "--until", "2h"], "is before since="),
        (["measure", "p95"], "p95"),
        (["measure", "median(duration_ms)"], "median"),
        (["measure", "count", "--every", "1x"], "1x"),
        (["measure", "count", "--tz", "Mars/Base"], "Mars/Base"),
        (["show", "r-3-14", "--same", "variables"], "name one of them"),
        (["export", "--output", "missing/a.csv"], "there is no folder missing. Create it first"),
        (["top", "a,b"], "write one field or variable"),
        (["compare", "duration_ms >> 5"], "  duration_ms >> 5\n"),
        (["export", "--format", "parquet"], "name the file, --output FILE"),
    ],
)
def test_a_wrong_question_is_an_error_that_points_at_the_place(ask, arguments, said):
    done = ask(*arguments, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_nothing_found_is_said_on_stderr_with_the_place(ask):
    for arguments in (["query", "--format", "json"], ["measure", "count", "--by", "route"]):
        done = ask(*arguments, "--where", "user_id == 'nobody'")
        assert "Nothing was found in sqlite path=" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["measure", "sum(cart_totl)", "--by", "user_id"],
            ["No record of this time has 'cart_totl'. Near: cart_total"],
        ),
        (
            ["measure", "count", "--by", "usr_id,plan.nam"],
            [
                "No record of this time has 'plan.nam'. Near: plan.name",
                "No record of this time has 'usr_id'. Near: user_id",
            ],
        ),
        (["measure", "share(cart_totl > 5)"], ["'cart_totl'. Near: cart_total"]),
        (["measure", "--where", "tenannt == 'acme'"], ["'tenannt'. Near: tenant"]),
        (
            ["query", "--where", "tenannt == 'acme'"],
            ["Nothing was found", "'tenannt'. Near: tenant"],
        ),
        (
            ["query", "--where", "user_id == 1 and tenant in (2, 3.5)"],
            [
                "Nothing was found",
                "user_id is a text here: write '1'",
                "tenant is a text here: write '2', '3.5'",
            ],
        ),
        (["measure", "--where", "plan.name > 1"], ["plan.name is a text here: write '1'"]),
        (["measure", "share(cart_total >= '90')"], ["cart_total is a number here: write 90"]),
        (
            ["query", "--where", "contains(cart_total, '9')"],
            ["Nothing was found", "cart_total is a number here, and no text"],
        ),
        (["top", "tenannt"], ["Nothing was found", "'tenannt'. Near: tenant"]),
        (["top", "zzz", "--since", "7d"], ["Nothing was found", "of this time has 'zzz'"]),
    ],
)
def test_a_name_that_no_record_has_is_said_on_stderr_with_those_near(ask, arguments, said):
    lines = ask(*arguments, "--format", "json").stderr.splitlines()
    assert len(lines) == len(said)
    assert all(text in line for text, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", "sum(cart_total)", "count", "--by", "model"],
        ["measure", "errors", "--where", "status_code == 200"],
        ["query", "--where", "model == 'none'", "--format", "csv"],
        ["query", "--where", "tenannt == 'a'", "--since", "2001-01-01", "--until", "2001-01-02"],
        ["query", "--where", "cart_total > 1e9 or model in ('none', 1)"],
        ["query", "--where", "user_id == 'u-1' and app.release == 'none'"],
    ],
)
def test_nothing_is_said_of_names_that_records_have_or_where_there_is_no_record(ask, arguments):
    said = ask(*arguments).stderr
    assert "of this time has" not in said
    assert " here" not in said


def test_a_time_in_an_error_is_written_as_a_person_writes_it(ask):
    done = ask("query", "--since", "1h", "--until", "2h", code=2)
    assert "datetime" not in done.stderr


def test_of_several_stores_one_is_named(ask, shop):
    done = ask("--store", f"b={shop}", "query", code=2, url=f"a={shop}")
    assert "Error: Say which one to read: --exporter a or --exporter b\n" in done.stderr
    assert ask("--store", f"b={shop}", "query", "--exporter", "b", url=f"a={shop}").stdout


def test_a_histogram_is_drawn_in_a_table_and_whole_elsewhere(ask):
    asked = ("measure", "histogram(duration_ms)", "--by", "model")
    [whole, *_] = lines_of(ask(*asked, "--format", "json"))
    bins = whole["histogram(duration_ms)"]
    assert len(bins) > 1
    assert all(lower < upper and weight >= 1 for lower, upper, weight in bins)
    title, first, *_ = ask(*asked).stdout.splitlines()
    assert title.split() == ["model", "histogram(duration_ms)"]
    assert set(first.split()[-2]) & set("▁▂▃▄▅▆▇█_.-~=+*#")
    [_, row, *_] = csv.reader(ask(*asked, "--format", "csv").stdout.splitlines())
    assert json.loads(row[1]) == bins
