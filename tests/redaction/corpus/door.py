"""The one door of the corpus to Flask-Chest: whatever changes inside, only this module follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from flask import Flask, g
from werkzeug.test import Client

from flask_chest import FlaskChest
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.record_fields import RecordFields
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import Redactor, SecretKeys, SecretKinds
from flask_chest.testing import Collector, RecordingExporter, collect

from .forms import Form

NOTHING: Final[Mapping[str, Any]] = {"redact_keys": ["!*"], "redact_values": ["!*"]}
"""Settings with which nothing is secret."""


# -- What a developer runs -------------------------------------------------------------------


class Shop:
    """A Flask application that puts forms into requests.

    Args:
        chest: Records the requests.
        forms: The forms that it will be asked for.
    """

    def __init__(self, chest: FlaskChest, forms: Iterable[Form]) -> None:
        self.app = Flask("corpus")
        self.app.config["PROPAGATE_EXCEPTIONS"] = False
        self.app.logger.disabled = True
        chest.init_app(self.app)
        patterns = dict.fromkeys(map(_pattern, forms))
        self._paths = {pattern: f"/at/{number}" for number, pattern in enumerate(patterns)}
        for pattern, path in self._paths.items():
            self.app.add_url_rule(path, path[1:], chest.track(pattern)(self._view))
        self.app.add_url_rule("/<path:rest>", "any", chest.track(self._view))
        self._form: Form | None = None

    def _view(self, **_parts: str) -> str:
        form = self._form
        if form is not None and form.place == "variable":
            vars(g)[form.name] = form.value
        if form is not None and form.place == "error":
            raise type(str(form.value), (Exception,), {"__module__": "shop"})
        return ""

    def ask(self, client: Client, collector: Collector, form: Form) -> object:
        """Send a request with a form in it, and return what the record has of it."""
        self._form, path, name = form, self._paths[_pattern(form)], form.name.rpartition(".")[2]
        headers: dict[str, str] = {}
        parameters: dict[str, str] = {}
        if form.place == "path":
            path = quote(str(form.value))
        elif form.place == "request_id":
            headers["X-Request-ID"] = str(form.value)
        elif form.place == "header":
            headers[name] = str(form.value)
        elif form.place == "query":
            parameters[name] = str(form.value)
        collector.clear()
        client.get(path, headers=headers, query_string=parameters)
        [record] = collector.records
        if form.place in {"path", "request_id", "error"}:
            return getattr(record, form.place)
        return record.variables


@contextmanager
def recorded(forms: Iterable[Form], **settings: Any) -> Iterator[Iterator[tuple[Form, object]]]:
    """Send each form in a request of its own, and give it with what the record has of it.

    Args:
        forms: The forms.
        settings: Of FlaskChest, in addition to its defaults.
    """
    asked = list(forms)
    chest = FlaskChest(
        exporters={"main": "recording://"},
        journal="memory",
        export_interval_seconds=3_600,
        **settings,
    )
    chest.register_plugin(RecordingExporter())
    shop = Shop(chest, asked)
    try:
        with collect(shop.app) as collector:
            client = shop.app.test_client()
            yield ((form, shop.ask(client, collector, form)) for form in asked)
    finally:
        chest.close()


def _pattern(form: Form) -> str:
    """Return the pattern of the route that takes a form."""
    prefix, dot, _ = form.name.rpartition(".")
    is_variable = form.place == "variable"
    if form.named and (form.name.isidentifier() if is_variable else dot):
        return form.name
    return f"{prefix}.*" if dot and not is_variable else "*"


# -- The same without a request --------------------------------------------------------------


class Filter:
    """Takes variables as the filter of a request does, thousands of times a second.

    Args:
        patterns: What the route names.
        kinds: Of secrets, as CHEST_REDACT_VALUES has them.
        settings: Of the redactor, in addition to its defaults.
    """

    def __init__(self, *patterns: str, kinds: Iterable[str] = (), **settings: Any) -> None:
        redact = Redactor(SecretKeys(), SecretKinds(kinds), **settings)
        self._filter = VariableFilter(redact, lambda _skipped: None, lambda *_masked: None)
        self._patterns = Patterns(patterns, setting="corpus")
        self._fields = RecordFields({}, redact, lambda *_masked: None)

    def take(self, variables: Mapping[str, object]) -> Mapping[str, object]:
        """Return what a record has of variables on `g`."""
        return self._filter.take(variables, self._patterns)

    def path(self, path: str) -> str:
        """Return what a record has of a path."""
        return self._fields.path(path)
