"""Options of the commands that ask a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from flask_chest.cli import completion, options
from flask_chest.cli.names import Name, read_names
from flask_chest.errors import FilterError
from flask_chest.query import Filter

_Function = TypeVar("_Function", bound=Callable[..., Any])


def read_filter_option(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> Filter | None:
    """Read a filter, if one is given.

    Raises:
        click.BadParameter: It cannot be read; the text points at the place.
    """
    return None if text is None else options.read_filter(context, parameter, text)


def read_names_option(
    _context: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> list[Name]:
    """Read names, such as ``route,user.plan``.

    Raises:
        click.BadParameter: One cannot be read; the text points at the place.
    """
    try:
        return read_names(texts)
    except FilterError as error:
        raise click.BadParameter(str(error)) from None


def read_name_argument(context: click.Context, parameter: click.Parameter, text: str) -> Name:
    """Read one name.

    Raises:
        click.BadParameter: It cannot be read, or is several.
    """
    found = read_names_option(context, parameter, [text])
    if len(found) != 1 or found[0].operand is None:
        raise click.BadParameter("write one field or variable, such as user_id")
    return found[0]


where: Final = click.option(
    "--where",
    callback=read_filter_option,
    metavar="FILTER",
    shell_complete=completion.filters,
    help="Only records that satisfy this, such as \"tenant == 'acme'\".",
)

since: Final = click.option(
    "--since",
    callback=options.read_moment,
    metavar="WHEN",
    help="Only what started then or later: ISO 8601, or a distance back, such as 24h.",
)

until: Final = click.option(
    "--until",
    callback=options.read_moment,
    metavar="WHEN",
    help="Only what started before.",
)

exporter: Final = click.option(
    "--exporter",
    default="main",
    show_default=True,
    metavar="NAME",
    shell_complete=completion.exporters,
    help="Exporter to read from, by its name in CHEST_EXPORTERS.",
)

columns: Final = click.option(
    "--columns",
    multiple=True,
    callback=read_names_option,
    metavar="NAMES",
    shell_complete=completion.names,
    help="Fields and variables to show, with commas between.",
)

by: Final = click.option(
    "--by",
    multiple=True,
    callback=read_names_option,
    metavar="NAMES",
    shell_complete=completion.names,
    help="Fields and variables whose values make the groups, with commas between.",
)


def chosen(function: _Function) -> _Function:
    """Give a command the options that choose records, and the store."""
    for option in (exporter, until, since, where):
        function = option(function)
    return function


def order_by(default: str | None, text: str) -> Callable[[_Function], _Function]:
    """Return the option for an order."""
    return click.option(
        "--order-by",
        default=default,
        show_default=default is not None,
        metavar="NAME",
        shell_complete=completion.names,
        help=text,
    )


def limit(default: int | None, what: str = "rows") -> Callable[[_Function], _Function]:
    """Return the option for a limit."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        help=f"Maximum number of {what}.",
    )


def format_(*choices: str) -> Callable[[_Function], _Function]:
    """Return the option for the format, by default the first one."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print it. As json, there is one object a line.",
    )
