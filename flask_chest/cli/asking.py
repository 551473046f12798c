"""Ask before something is deleted."""

from __future__ import annotations

import click

from flask_chest.cli.exits import Interrupted
from flask_chest.runtime.printable import printable

_UNDONE = "Nothing was deleted"


def confirm(question: str, *, yes: bool) -> None:
    """Return when the person at the terminal agrees.

    Args:
        question: Without its question mark.
        yes: Whether `--yes` was given: nothing is asked.

    Raises:
        click.UsageError: There is nobody to ask.
        click.ClickException: The answer is no.
        Interrupted: It is Ctrl-C.
    """
    if yes:
        return
    try:
        agreed = click.confirm(printable(question) + "?", err=True)
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            click.echo(err=True)
            raise Interrupted(f"{_UNDONE}.") from None
        click.echo(err=True)  # the question ends its line with the answer
        raise click.UsageError(
            f"{_UNDONE}: nobody answered. Without a terminal, give --yes"
        ) from None
    if not agreed:
        raise click.ClickException(_UNDONE)
