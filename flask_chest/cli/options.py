"""Options and arguments that several commands have."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

import click

from flask_chest.query import FilterError, moment, parse
from flask_chest.query.filter import Filter


class Amount(click.FloatRange):
    """A finite number in a range. Click takes `nan` for one, with which no limit is ever exceeded.

    Args:
        min: The smallest.
        max: The largest. The default is 30 years in seconds; a thread cannot wait much longer.
        min_open: Whether `min` itself is left out.
    """

    def __init__(self, *, min: float, max: float = 1e9, min_open: bool = False) -> None:  # noqa: A002 - as click's
        super().__init__(min=min, max=max, min_open=min_open)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


some_exporters: Final = click.option(
    "--exporter",
    "exporters",
    multiple=True,
    metavar="NAME",
    help="Only this exporter, by its name in CHEST_EXPORTERS. May be given several times.",
)

limit: Final = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Maximum number of lines.",
)

as_json: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

yes: Final = click.option("--yes", is_flag=True, help="Do not ask.")

dry_run: Final = click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")

timeout: Final = click.option(
    "--timeout",
    type=Amount(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Maximum time to wait, in seconds.",
)


def read_moment(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    """Read a time, if one is given: ISO 8601, or a distance back, such as 90d.

    Raises:
        click.BadParameter: It is neither.
    """
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def read_text(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Read what a store is given: an argument may have bytes that no database takes for a text.

    Raises:
        click.BadParameter: It is no UTF-8.
    """
    try:
        if text is not None:
            text.encode()
    except UnicodeEncodeError:
        raise click.BadParameter(f"{text!r} is no UTF-8") from None
    return text


def read_filter(_context: click.Context, _parameter: click.Parameter, text: str) -> Filter:
    """Read a filter, such as ``user_id == 'u-17'``.

    Raises:
        click.BadParameter: It cannot be read; the text points at the place.
    """
    try:
        return parse(text)
    except FilterError as error:
        raise click.BadParameter(str(error)) from None
