"""The errors of Flask-Chest. Each message says what happened, where, and the remedy."""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = [
    "BatchRejected",
    "ChestError",
    "ConfigurationError",
    "DeliveryBusy",
    "ExporterUnavailable",
    "FilterError",
    "QueryError",
    "QueryTimeout",
    "SchemaMismatch",
    "mask_secrets",
    "mask_urls",
]

MASK: Final = "***"
IN_QUERY: Final = re.compile("[?#]")
_URL_IN_TEXT: Final = re.compile(r"(\w://)(?!user:password@)([^\s'\"]*@)([^\s'\"]*)")
_OPTION: Final = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|(?<!unexpected )token|api_?key)[\"']?\s*"
    r"[=:](?!=\s)\s*)"
    r"(?:\"[^\"\n]*\"|'[^'\n]*'|\S+)"
)


class ChestError(Exception):
    """Base class of all errors that Flask-Chest raises."""


class ConfigurationError(ChestError, click.ClickException):
    """A setting, a plugin or a decorator is wrong. The application must not start with it.

    The command `flask`, which knows errors of click, prints the message and no traceback when it
    loads such an application.

    Attributes:
        setting: Name of the wrong setting, such as ``CHEST_EXPORTERS``; None when the fault is not
            in a setting.
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class SchemaMismatch(ConfigurationError):
    """The tables in the database have a newer schema, or belong to another program."""


class ExporterUnavailable(ChestError):
    """The database cannot take records now. The batch stays in the journal until a retry.

    Attributes:
        retry_after_seconds: How long the destination asks to be left alone. Nothing is sent
            meanwhile, not even for a flush. What is no number, such as a date, asks for nothing.
    """

    def __init__(self, *args: object, retry_after_seconds: float = 0.0) -> None:
        super().__init__(*args)
        self.retry_after_seconds = retry_after_seconds


class BatchRejected(ChestError):
    """The database refuses the data itself, so that a retry cannot help.

    The core halves the batch until it finds the records at fault. These are dead-lettered, and the
    others delivered.
    """


class QueryError(ChestError):
    """A question to a store cannot be read or answered. The message says what to write."""


class QueryTimeout(ChestError):
    """A question took longer than the store allows one, and was cancelled."""


class FilterError(QueryError):
    """A filter cannot be read, or cannot match. The message points at the place.

    Attributes:
        text: The filter.
        position: Index of the place in it.
    """

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class DeliveryBusy(ChestError):
    """Another process or thread delivers to an exporter, and has not ended in time.

    Attributes:
        exporter: Name of the exporter.
    """

    def __init__(self, message: str, *, exporter: str) -> None:
        super().__init__(message)
        self.exporter = exporter


def ended(text: object) -> str:
    """Return a text as a sentence that another one may follow: with a full stop, if it needs one.

    A database or a driver may have ended its own with one, or with ``?``.
    """
    sentence = str(text).rstrip()
    return sentence if sentence.endswith((".", "?", "!", ":")) else f"{sentence}."


def mask_urls(text: str) -> str:
    """Return a text with the user and password of each URL in it masked.

    What follows the last `@` is masked, too, where it may be a part of a password in the query.
    """
    return _URL_IN_TEXT.sub(_masked_url, text)


def mask_secrets(text: str) -> str:
    """Return the text of an error with what may be a password masked.

    That is the user and password of a URL, and what follows ``password=``, ``token:`` and the like:
    drivers, and the exporters of others, put into their errors what they were connected with. The
    condition ``token == 'x'`` of a filter is left as it is.
    """
    return _OPTION.sub(rf"\1{MASK}", mask_urls(text))


def _masked_url(found: re.Match[str]) -> str:
    scheme, userinfo, where = found.groups()
    return f"{scheme}{MASK}" + ("" if IN_QUERY.search(userinfo) else f"@{where}")
