"""What the commands print: no character that a terminal would obey, or that changes the order.

Values come from requests of strangers, and error texts from databases and plugins. An escape
sequence among them could retitle a window, hide lines or answer for the user.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, Final

import click
from flask.cli import AppGroup

from flask_chest.runtime.log import logger
from flask_chest.settings.masking import mask_urls

if TYPE_CHECKING:
    from flask_chest.record import RecordData

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)
"""C0, DEL, C1, bidirectional and other format controls, line separators, lone surrogates.

Source: UAX #9, section 2, and UTS #55, https://www.unicode.org/reports/tr55/
"""


def printable(text: object) -> str:
    r"""Return a text with every control character as ``\uXXXX``, which JSON reads back."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def message(text: object) -> str:
    """Return an error text that may have several lines: none of them looks like one of ours.

    Passwords in URLs are masked: the text may come from a plugin.
    """
    return "\n  ".join(map(printable, mask_urls(str(text)).splitlines()))


def echo(*columns: object) -> None:
    """Print one line of columns, separated by tabs."""
    click.echo("\t".join(map(printable, columns)))


def echo_json(record: RecordData) -> None:
    """Print one line of JSON, which is read back as the record that it was."""
    click.echo(printable(json.dumps(record, ensure_ascii=False)))


def echo_error(text: object) -> None:
    """Print an error text to stderr."""
    click.echo(message(text), err=True)


class Group(AppGroup):
    """A group of commands whose error texts and log are printable, whoever wrote them."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click's own
        """Run a command."""
        with _printable_log():
            try:
                return super().invoke(ctx)
            except click.ClickException as error:
                error.show = partial(_show, error)  # type: ignore[method-assign] # any class's own
                raise
            except (click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise  # click ends quietly when nobody reads any more, as after `| head`
            except Exception:  # noqa: BLE001 - Python would print it as it is
                echo_error(traceback.format_exc())
                sys.exit(1)


def _show(error: click.ClickException, file: IO[Any] | None = None) -> None:
    """Print what an exception of click prints, without what a terminal would obey."""
    buffer = StringIO()
    type(error).show(error, buffer)
    text = buffer.getvalue().rstrip("\n")
    if isinstance(error, click.UsageError):  # several lines of click's own, about what was typed
        text = "\n".join(map(printable, text.split("\n")))
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
