"""What the commands print: no character that a terminal would obey, or that changes the order.

Values come from requests of strangers, and error texts from databases and plugins. An escape
sequence among them could retitle a window, hide lines or answer for the user.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import IO, Any

import click
from flask.cli import AppGroup

from flask_chest.cli.exits import FAILED, Interrupted
from flask_chest.cli.streams import quiet_pipe, write
from flask_chest.errors import (
    ChestError,
    ConfigurationError,
    QueryError,
    mask_secrets,
    mask_urls,
)
from flask_chest.runtime.log import logger
from flask_chest.runtime.printable import printable


def message(text: object) -> str:
    """Return an error text that may have several lines: none of them looks like one of ours.

    What may be a password is masked: the text may come from a plugin or a driver.
    """
    return "\n  ".join(map(printable, mask_secrets(str(text)).splitlines()))


def one_line(text: object) -> str:
    """Return an error text in one line, with what may be a password masked."""
    return " ".join(mask_secrets(str(text)).split())


def of_file(error: OSError) -> str:
    """Return the text of an error without its number, which nobody knows by heart."""
    if error.strerror is None or error.filename is None:
        return error.strerror or str(error)
    return f"{error.filename}: {error.strerror}"


def echo(*columns: object) -> None:
    """Print one line of columns, separated by tabs."""
    write("\t".join(map(printable, columns)))


def echo_json(value: object) -> None:
    """Print one line of JSON, which is read back as the value that it was."""
    write(printable(json.dumps(value, ensure_ascii=False)))


def echo_error(text: object) -> None:
    """Print an error text to stderr."""
    write(message(text), err=True)


class Group(AppGroup):
    """A group of commands whose error texts and log are printable, whoever wrote them."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the command line."""
        with quiet_pipe():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click's own
        """Run a command."""
        with _printable_log():
            try:
                return _run(super().invoke, ctx)
            except click.ClickException as error:
                error.show = partial(_show, error)  # type: ignore[method-assign] # any class's own
                raise


def _run(invoke: Callable[[click.Context], Any], ctx: click.Context) -> Any:  # noqa: ANN401
    """Run a command, and turn what it raises into what click shows without a traceback."""
    try:
        with quiet_pipe():
            return invoke(ctx)
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    except ChestError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise Interrupted("Nothing was left half done.") from None
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except OSError as error:  # of a file: databases have errors of ours
        raise click.ClickException(of_file(error)) from error
    except Exception:  # noqa: BLE001 - Python would print it as it is
        echo_error(traceback.format_exc())
        raise click.exceptions.Exit(FAILED) from None


def _show(error: click.ClickException, file: IO[Any] | None = None) -> None:
    """Print what an exception of click prints, without what a terminal would obey."""
    buffer = StringIO()
    type(error).show(error, buffer)
    text = buffer.getvalue().rstrip("\n")
    source = error.__cause__ or error
    is_ours = isinstance(source, ConfigurationError) and source.setting is not None
    if is_ours or isinstance(error, click.UsageError):  # click's own lines, about what was typed
        text = "\n".join(map(printable, mask_urls(text).split("\n")))
    else:
        text = message(text)
    click.echo(text, file=file, err=file is None)


@contextmanager
def _printable_log() -> Iterator[None]:
    """Make the messages of our own logger printable, whatever prints them."""

    def clean(record: logging.LogRecord) -> bool:
        record.msg, record.args = message(record.getMessage()), None
        return True

    logger.addFilter(clean)
    try:
        yield
    finally:
        logger.removeFilter(clean)
