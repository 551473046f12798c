"""The exit codes of all commands, and the errors that lead to them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from flask_chest.runtime.command import GROUP, STANDALONE

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

MEANINGS: Final = {
    DONE: "done, without an error; the text may warn",
    FAILED: "something is wrong, or not all was done: the text says what",
    USAGE: "the command line is wrong; nothing was done",
    INTERRUPTED: "interrupted by Ctrl-C; the text says how to go on",
}
"""What docs/reference/commands.md says of each."""


class Interrupted(click.ClickException):
    """Ctrl-C ended a command. The message says how to go on."""

    exit_code = INTERRUPTED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, without the word "Error"."""
        click.echo(f"Interrupted. {self.message}", file=file, err=file is None)


@contextmanager
def going_on(text: str) -> Iterator[None]:
    """Say, when Ctrl-C ends the block, how to go on.

    Args:
        text: One or two sentences.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(text) from None


def way(command: str, *arguments: str, exporters: Iterable[str] = ()) -> str:
    """Return how another of our commands is called, the way that this one was.

    Args:
        command: With its group, such as ``dead-letter list``; as it is.
        arguments: Further ones, which are quoted for a shell.
        exporters: Names of those that it is for; all if none is named.
    """
    options = [option for name in exporters for option in ("--exporter", name)]
    command = " ".join([command, *map(shlex.quote, (*arguments, *options))])
    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().command.name == STANDALONE:
        return f"{STANDALONE} ... {command}"
    return f"flask {GROUP} {command}"
