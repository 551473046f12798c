"""The record's own fields that may say too much are kept, redacted or omitted by CHEST_FIELDS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from flask_chest.encode.text import clean_text
from flask_chest.redaction import DROPPED, Redactor

FieldName: TypeAlias = Literal["path", "instance", "error"]
FieldRule: TypeAlias = Literal["keep", "redact", "omit"]


class RecordFields:
    """Gives the fields `path`, `instance` and `error` of records, and the names of jobs.

    Args:
        rules: `redact` replaces a field as if it were a secret. `omit` leaves an empty text, and
            null for `error`.
        redact: Takes secrets out of paths that are kept, and of names of jobs, such as a token or a
            card number.
    """

    def __init__(self, rules: Mapping[FieldName, FieldRule], redact: Redactor) -> None:
        self._rules = rules
        self._redact = redact
        self._keeps_path = rules.get("path", "keep") == "keep"

    def path(self, path: str) -> str:
        """Return the field `path`."""
        if self._keeps_path:
            return path if self._redact.is_harmless(path) else clean_text(path, redact=self._redact)
        return self._by_rule("path", clean_text(path)) or ""

    def job(self, name: str) -> str:
        """Return the field `route` of a job, whose name may hold anything."""
        return name if self._redact.is_harmless(name) else clean_text(name, 255, self._redact)

    def instance(self, instance: str) -> str:
        """Return the field `instance`."""
        return self._by_rule("instance", instance) or ""

    def error(self, error: BaseException | None) -> str | None:
        """Return the field `error`: the qualified name of an exception's class, or None."""
        if error is None:
            return None
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return self._by_rule("error", clean_text(f"{module}{kind.__qualname__}", 255))

    def _by_rule(self, field: FieldName, text: str) -> str | None:
        rule = self._rules.get(field, "keep")
        if rule == "keep":
            return text
        substitute = self._redact.instead(text) if rule == "redact" else DROPPED
        return None if substitute is DROPPED else cast("str", substitute)
