"""What a shell offers while a command line is typed."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from click.shell_completion import ShellComplete
from flask.cli import FlaskGroup

from flask_chest.cli.standalone import main
from flask_chest.query.nodes import FIELDS


def offered(arguments, incomplete, program=main):
    complete = ShellComplete(program, {}, "flask-chest", "_FLASK_CHEST_COMPLETE")
    # Older versions of click leave the context of the application behind.
    found = copy_context().run(complete.get_completions, arguments, incomplete)
    return [item.value for item in found]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        ([], "me", ["measure"]),
        (["query", "--order-by"], "dur", ["duration_ms"]),
        (["query", "--columns"], "path,st", ["path,status_code", "path,started_at"]),
        (["query", "--format"], "c", ["csv"]),
        (["query", "--where"], "tenant == 'a' and dur", ["tenant == 'a' and duration_ms"]),
        (["query", "--where"], "user.pa", []),
        (["query", "--where"], "path == 'st", []),
        (["query", "--where"], "path == ", []),
        (["measure", "--by"], "rou", ["route"]),
        (["measure"], "p9", ["p90(duration_ms)", "p95(duration_ms)", "p99(duration_ms)"]),
        (["measure", "count"], "max(we", ["max(weight)"]),
        (["compare"], "stat", ["status_code"]),
        (["top"], "rou", ["route"]),
        (["--store", "a=sqlite:///x", "--store", "b=sqlite:///y", "tail", "--exporter"], "", "ab"),
    ],
)
def test_names_are_completed(arguments, incomplete, expected):
    assert offered(arguments, incomplete) == list(expected)


def test_a_filter_begins_with_the_name_of_a_field():
    assert offered(["query", "--where"], "") == list(FIELDS)


def test_exporters_are_those_of_the_application(chest, app):
    chest.init_app(app)
    program = FlaskGroup(create_app=lambda: app)
    assert offered(["chest", "query", "--exporter"], "m", program) == ["main"]
