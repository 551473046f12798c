"""The record's own fields that may say too much are kept, redacted or omitted by CHEST_FIELDS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, cast

from flask_chest.encode.limits import MAX_TEXT
from flask_chest.encode.masked_names import Masked
from flask_chest.encode.text import clean_text
from flask_chest.redaction import DROPPED, PATH_STEPS, Budget, Redactor

_MAX_NAME: Final = 255

FieldName: TypeAlias = Literal["path", "instance", "error"]
FieldRule: TypeAlias = Literal["keep", "redact", "omit"]


class RecordFields:
    """Gives the fields of records that may hold a secret, and the names of jobs.

    Args:
        rules: `redact` replaces a field as if it were a secret. `omit` leaves an empty text, and
            null for `error`.
        redact: Takes secrets out of paths that are kept, of request IDs, of names of exceptions and
            of names of jobs, such as a token or a card number.
        masked: Called with what was masked of a field.
    """

    def __init__(
        self,
        rules: Mapping[FieldName, FieldRule],
        redact: Redactor,
        masked: Masked,
    ) -> None:
        self._rules = rules
        self._redact = redact
        self._masked = masked
        self._keeps_path = rules.get("path", "keep") == "keep"

    def path(self, path: str) -> str:
        """Return the field `path`."""
        if self._keeps_path:
            return self._searched("path", path, MAX_TEXT)
        return self._by_rule("path", clean_text(path)) or ""

    def job(self, name: str) -> str:
        """Return the field `route` of a job, whose name may hold anything."""
        return self._searched("route", name, _MAX_NAME)

    def request_id(self, request_id: str) -> str:
        """Return the field `request_id` of an ID that came from outside or from a generator."""
        return self._searched("request_id", request_id, _MAX_NAME)

    def instance(self, instance: str) -> str:
        """Return the field `instance`."""
        return self._by_rule("instance", instance) or ""

    def error(self, error: BaseException | None) -> str | None:
        """Return the field `error`: the qualified name of an exception's class, or None."""
        if error is None:
            return None
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        name = self._searched("error", f"{module}{kind.__qualname__}", _MAX_NAME)
        return self._by_rule("error", name)

    def _searched(self, field: str, text: str, limit: int) -> str:
        if self._redact.is_harmless(text):
            return text
        budget = Budget(PATH_STEPS)
        budget.variable = field
        text = clean_text(text, limit, self._redact, budget)
        if budget.masked:
            self._masked(budget.masked, budget.forms)
        return text

    def _by_rule(self, field: FieldName, text: str) -> str | None:
        rule = self._rules.get(field, "keep")
        if rule == "keep":
            return text
        substitute = self._redact.instead(text) if rule == "redact" else DROPPED
        return None if substitute is DROPPED else cast("str", substitute)
