"""Stdout and stderr, whose reader may have ended, as that of ``| head``."""

from __future__ import annotations

import codecs
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import click

_lost: Final[set[str]] = set()
_ESCAPES: Final = "flask_chest_json"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding does not have; JSON is read back as the same value."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_ESCAPES, _escaped)


def write(text: str, *, err: bool = False) -> None:
    r"""Print a line. Without a reader, nothing is printed, and the command goes on.

    A character that the stream's encoding does not have is written as JSON does, as ``\u03a9``.

    Raises:
        click.ClickException: Stdout cannot be written for another reason, such as a full disk.
    """
    try:
        try:
            click.echo(text, err=err)
        except UnicodeEncodeError:
            encoding = (sys.stderr if err else sys.stdout).encoding
            click.echo(text.encode(encoding, _ESCAPES).decode(encoding), err=err)
    except BrokenPipeError:
        _lose(err=err)
    except OSError as error:
        _lose(err=err)
        if not err:
            raise click.ClickException(f"Stdout cannot be written: {error.strerror}") from error


def has_reader() -> bool:
    """Return whether somebody may still read what is printed to stdout."""
    return "stdout" not in _lost


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End the command without an error when what click itself prints, its help, has no reader."""
    try:
        yield
    except BrokenPipeError:
        if not is_broken(sys.stdout):
            raise  # that of a database's connection
        _lose(err=False)
        raise click.exceptions.Exit(0) from None


def is_terminal(stream: IO[Any] | None) -> bool:
    """Return whether a stream is a terminal. Python has none for one that the shell has closed."""
    return stream is not None and stream.isatty()


def is_broken(stream: IO[Any] | None) -> bool:
    """Return whether a stream is a pipe or socket that nobody reads from any more."""
    if stream is None:  # the shell has closed it
        return True
    look = select.poll()
    try:
        look.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in look.poll(0))
    except (OSError, ValueError):  # it has no descriptor
        return False


def _lose(*, err: bool) -> None:
    """Lead a stream nowhere. Python flushes it once more at the end, which would fail again."""
    name = "stderr" if err else "stdout"
    _lost.add(name)
    stream: IO[Any] = getattr(sys, name)
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
