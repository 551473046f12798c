"""docs/reference/status.md has every counter and name in JSON, and each command says what it does.

docs/how-to/without-the-application.md has the options of `flask-chest`.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timezone
from pathlib import Path

import click
import pytest

from flask_chest.cli.findings import Found
from flask_chest.cli.group import group
from flask_chest.cli.standalone import main
from flask_chest.cli.status import lines
from flask_chest.cli.status_data import status_data
from flask_chest.runtime.counters import NO_EXPORTS, ExporterStats, JournalStats, Leader, Stats

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "status.md").read_text("utf-8")


def commands(within=group, words=()):
    """Yield each command with its words."""
    context = click.Context(within)
    for name in within.list_commands(context):
        command = within.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands())


def long_options(command):
    return {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_in_one_line_what_it_does(name):
    command = COMMANDS[name]
    assert command.get_short_help_str(200).endswith(".")
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter


def test_the_page_has_the_options_of_the_program():
    page = (DOCS / "how-to" / "without-the-application.md").read_text("utf-8")
    for option in long_options(main):
        assert re.search(rf"\| `{option}[ `]", page), option


def _names(data):
    for name, value in data.items():
        yield name
        if isinstance(value, dict):
            yield from _names(value)


def test_the_page_has_every_name_of_the_json():
    now = datetime.now(timezone.utc)
    exporter = ExporterStats(0, 0, 0, {}, 0, 0.0, None)
    data = status_data(
        Stats(
            *(0, {}, 0, 0, 0, {}, 0, 0),
            exporters={"main": exporter},
            leader=Leader(1, now),
            journal=JournalStats("/", 0, 0),
        ),
        None,
    )
    for name in set(_names(data)) - {"main"}:
        assert f"`{name}`" in PAGE, name
    for field in dataclasses.fields(Found):
        assert f"`{field.name}`" in PAGE, field.name


@pytest.mark.parametrize("text", ["nan", "inf", "1e300"])
def test_no_option_takes_a_number_that_is_no_limit(text):
    """No lag is above `nan`, and nothing can wait for ever."""
    options = [
        parameter
        for command in COMMANDS.values()
        for parameter in command.params
        if isinstance(parameter.type, click.types.FloatParamType)
    ]
    assert {option.name for option in options} >= {"timeout", "watch", "max_lag", "max_error_rate"}
    for option in options:
        with pytest.raises(click.BadParameter):
            option.type.convert(text, option, None)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, []), (1_234, ["1,234 variables that are no data"])]
)
def test_skipped_variables_are_in_the_text_where_there_are_any(number, shown):
    stats = Stats(*(0, {}, 0, 0, 0, {}, 0, 0), exporters={})
    stats = dataclasses.replace(stats, variables_skipped=number)
    assert [line[16:] for line in lines(stats, None) if line.startswith("skipped")] == shown


def test_the_last_delivery_is_in_the_text_and_in_the_json_with_the_same_time():
    when = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=timezone.utc)
    used = dataclasses.replace(NO_EXPORTS, last_delivery_at=when)
    stats = Stats(*(0, {}, 0, 0, 0, {}, 0, 0), exporters={"main": used, "new": NO_EXPORTS})
    [shown] = [line for line in lines(stats, None) if "last delivery" in line]
    assert shown.startswith("  last delivery 2026-01-31 12:00:00")
    told = status_data(stats, None)["exporters"]
    assert told["main"]["last_delivery_at"] == "2026-01-31T12:00:00.123Z"
    assert told["new"]["last_delivery_at"] is None
