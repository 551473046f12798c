"""The messages of the errors that the code raises, found in the source."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from typing import Final

from flask_chest import errors
from tools.reference import public
from tools.reference.blocks import table
from tools.reference.logged import sources, text_of

_GROUPS: Final = {
    "configuration": ("ConfigurationError", "SchemaMismatch", "_wrong"),
    "questions": ("QueryError", "FilterError", "QueryTimeout"),
    "delivery": ("ExporterUnavailable", "BatchRejected", "DeliveryBusy", "ChestError"),
    "commands": ("click.ClickException", "click.UsageError", "click.BadParameter"),
}
"""Each part of the page, with what is raised."""

REMEDIES: Final = {
    "BatchRejected": "Nothing: the core halves the batch, and dead-letters the records at fault.",
    "ChestError": "See the class that it is.",
    "ConfigurationError": "Correct what the message names, and start again.",
    "DeliveryBusy": "Call it again later, or with a longer timeout.",
    "ExporterUnavailable": "Look at the database. Records wait; a question is asked again.",
    "FilterError": "Correct the filter at the place that the message points at.",
    "QueryError": "Correct the argument that the message names.",
    "QueryTimeout": "Ask about less, or give `query_timeout_seconds` of the exporter more.",
    "SchemaMismatch": "Update Flask-Chest on this host, or give its tables another prefix.",
}
"""What to do about each class of errors."""


def parts() -> dict[str, Callable[[], str]]:
    """Return what makes the parts of the page."""
    return {"classes": _classes, **{name: functools.partial(_messages, name) for name in _GROUPS}}


def _classes() -> str:
    names = [name for name in public.names("flask_chest.errors") if name[0].isupper()]
    rows = []
    for name in names:
        text = inspect.cleandoc(getattr(errors, name).__doc__).split("\n\n", maxsplit=1)[0]
        rows.append((f"`{name}`", " ".join(text.split()), REMEDIES[name]))
    return table(("class", "meaning", "what to do"), rows)


def _messages(group: str) -> str:
    found: dict[str, str] = {}
    for path, tree in sources("raise "):
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = text_of(node.exc.args[0])
                is_told = len(text.replace("...", "").split()) > 2
                if is_told and ast.unparse(node.exc.func) in _GROUPS[group]:
                    found.setdefault(text, path.parts[0].replace("_", "-"))
    rows = [(f"``{text.replace('`', '')}``",) for text in sorted(found, key=_key)]
    return table(("message",), rows)


def _key(text: str) -> str:
    return text.lstrip(". :=").lower()
