"""Names that no record has: what the commands that ask say of them on stderr."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flask_chest.cli.missing import missing, near_names
from flask_chest.cli.names import name_of
from flask_chest.query.nodes import Variable
from flask_chest.testing import make_record


def said_by(ask, *arguments):
    return ask(*arguments).stderr.splitlines()


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("status", "status_code"),
        ("statuscode", "status_code"),
        ("StatusCode", "status_code"),
        ("duration", "duration_ms"),
        ("ms", "duration_ms"),
        ("requestid", "request_id"),
        ("URL", None),
    ],
)
def test_a_field_is_near_also_by_the_title_that_the_table_gives_it(ask, written, near):
    [nothing, hint] = said_by(ask, "query", "--where", f"{written} == 5")
    assert nothing.startswith("Nothing was found")
    end = f". Near: {near}" if near else ""
    assert hint == f"No record of this time has {written!r}{end}"
    assert said_by(ask, "measure", "count", "--by", written) == [hint]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["query", "--order-by", "-durationms", "--limit", 3], ["durationms"]),
        (["query", "--columns", "path,usr_id,tenant", "--limit", 3], ["usr_id"]),
        (["query", "--columns", "usr_id", "--order-by", "plan.nam"], ["plan.nam", "usr_id"]),
        (["query", "--where", "usr_id is None", "--limit", 3], ["usr_id"]),
        (["export", "--order-by", "durationms"], ["durationms"]),
        (["export", "--columns", "usr_id", "--format", "csv"], ["usr_id"]),
        (["export", "--columns", "usr_id", "--output", "a.jsonl"], ["usr_id"]),
        (["export", "--where", "usr_id == 'u-1'"], ["usr_id"]),
        (["compare", "usr_id == 'u-1'"], ["usr_id"]),
        (["compare", "tenant == 'acme'", "--among", "usr_id"], ["usr_id"]),
        (["compare", "tenant == 'acme'", "--against", "usr_id == 'x'"], ["usr_id"]),
    ],
)
def test_a_misspelt_name_is_said_also_where_records_are_found(
    ask, arguments, names, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said = [line for line in said_by(ask, *arguments) if not line.startswith("Nothing was found")]
    said = [line.partition(" Near: ") for line in said if " has " in line]
    which = "" if arguments[0] == "compare" else " of this time"
    assert [line for line, *_ in said] == [f"No record{which} has {name!r}." for name in names]
    assert all(near for *_, near in said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "--columns", "cart_total,user_id", "--where", "model == 'large'"],
        ["query", "--order-by", "-cost_usd", "--limit", 2],
        ["query", "--where", "cart_total is None", "--limit", 2],
        ["query", "--columns", "variables,path", "--limit", 2],
        ["export", "--columns", "plan.name", "--limit", 1, "--order-by", "duration_ms"],
        ["compare", "tenant == 'acme'", "--among", "user_id,route"],
    ],
)
def test_nothing_is_said_of_names_that_other_records_have(ask, arguments):
    assert said_by(ask, *arguments) == []


@pytest.mark.parametrize(
    ("measure", "hint"),
    [
        ("p95(user_id)", "user_id is a text here, and p95 is of numbers"),
        ("sum(tenant)", "tenant is a text here, and sum is of numbers"),
        ("histogram(plan)", "plan is a dict here, and histogram is of numbers"),
        ("mean(plan.name)", "plan.name is a text here, and mean is of numbers"),
    ],
)
def test_a_measure_of_numbers_says_that_a_variable_has_none(ask, measure, hint):
    assert said_by(ask, "measure", measure) == [hint]
    assert said_by(ask, "measure", measure, "count", "--by", "route") == [hint]


@pytest.mark.parametrize("measure", ["distinct(user_id)", "top(plan.name)", "sum(cart_total)"])
def test_nothing_is_said_of_a_measure_that_takes_what_is_there(ask, measure):
    assert said_by(ask, "measure", measure) == []


def test_tail_says_once_what_no_record_has(shop):
    command = [sys.executable, "-m", "flask_chest", "--store", shop, "tail", "--interval", "0.1"]
    options = ["--where", "status >= 500 and user_id == 1", "--columns", "path,usr_id"]
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*command, *options], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert os.read(reading, 4) == b"path"
    os.close(reading)  # which ends it
    _, said = process.communicate(timeout=300)
    assert said.splitlines() == [
        "No record has 'status'. Near: status_code",
        "No record has 'usr_id'. Near: user_id",
        "user_id is a text here: write '1'",
    ]


def test_a_name_with_a_dot_is_told_in_its_brackets():
    [said] = missing([make_record(variables={"a.b": 1})], [Variable(("a", "b"))])
    assert said == "No record has 'a.b'. Near: variables['a.b']"


@pytest.mark.parametrize("name", ["a.b", "größe x", "x-plan", "it's"])
def test_a_name_that_needs_brackets_is_near_to_the_same_without(name):
    assert near_names(name, [name_of(name)]) == [name_of(name)] == [f"variables[{name!r}]"]
