"""Replace secrets with a mask, with a keyed hash, or with nothing."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, Literal, TypeAlias

from pydantic_core import to_json

from flask_chest.record import JsonValue
from flask_chest.redaction.assignments import assignments, passwords
from flask_chest.redaction.budget import PATH_STEPS, SEARCH_STEPS, SHORT_STEPS, VALUE_STEPS, Budget
from flask_chest.redaction.cards import cards, is_card
from flask_chest.redaction.command_lines import command_lines
from flask_chest.redaction.credentials import credentials
from flask_chest.redaction.emails import emails
from flask_chest.redaction.issuers import issuers
from flask_chest.redaction.keys import PLAIN, STRONG, SecretKeys
from flask_chest.redaction.kinds import SecretKind, SecretKinds
from flask_chest.redaction.markup import markup
from flask_chest.redaction.private_keys import private_keys
from flask_chest.redaction.scan import Finder, Scan
from flask_chest.redaction.sql import sql
from flask_chest.redaction.tokens import json_web_tokens
from flask_chest.redaction.urls import url_passwords, url_signatures
from flask_chest.redaction.value_fields import value_fields

RedactWith: TypeAlias = Literal["mask", "hash", "drop"]
"""The values of CHEST_REDACT_WITH."""

Form: TypeAlias = Literal["credentials", "jwt", "card", "email", "key", "own key"]
"""By what a secret was found in a text: its kind, or the secret key that stands beside it.

An own key is one that the application itself has named.
"""

MASK: Final = "[redacted]"

DROPPED: Final = object()
"""Means that a value is omitted, together with its key."""

MAX_NUMBER: Final = 10**12
"""Smaller numbers cannot be card numbers."""

_FINDERS: Final[dict[SecretKind, tuple[Finder, ...]]] = {
    "credentials": (credentials, url_passwords, url_signatures, private_keys, issuers),
    "jwt": (json_web_tokens,),
    "card": (cards,),
    "email": (emails,),
}
_DEFAULT_KINDS: Final = SecretKinds()
_MAKERS: Final = (value_fields, markup, sql, command_lines)
"""They make finders of values by the names that stand beside them."""

# A function that makes what replaces a match would take ten times as long.
_ESCAPES: Final = tuple(
    (re.compile(expression), "\x01" * length)
    for expression, length in (
        (r"\\[abfnrtv]", 2),
        (r"\\x[0-9a-f]{2}", 4),
        (r"\\u[0-9a-f]{4}", 6),
        (r"\\U[0-9a-f]{8}", 10),
    )
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Too short for a secret that is found without its key.
_SHORT: Final = re.compile(r"[A-Za-z0-9_.-]{0,11}")
_ESCAPE_STEPS: Final = 12  # price of a backslash
_OPTION: Final = re.compile("--?[A-Za-z]")  # of a command line
_MAX_KNOWN: Final = 4_096
_MAX_KNOWN_LENGTH: Final = 40  # a text of this length is never cut
_MAX_HASHED: Final = 65_536


class Redactor:
    """Finds and replaces secrets.

    Args:
        keys: Decides which keys are secret.
        kinds: Which secrets are found in texts by their form.
        how: `mask`; `hash`, the HMAC-SHA-256 of the value, equal for equal values; or `drop`.
        secret_key: Key of the hash.

    Attributes:
        harmless: Short texts in which `is_harmless` found no secret. Values repeat, such as
            countries.
        kinds: Kinds of secrets that are found in texts.
        masks: Whether a secret becomes the same mask, whatever its value.
    """

    def __init__(
        self,
        keys: SecretKeys,
        kinds: SecretKinds = _DEFAULT_KINDS,
        *,
        how: RedactWith = "mask",
        secret_key: bytes = b"",
    ) -> None:
        self.keys = keys
        self.kinds = kinds
        self.verdict = keys.verdict
        self._finders: list[tuple[Form, Sequence[Finder]]] = [
            (kind, _FINDERS[kind]) for kind in kinds.masked
        ]
        if keys.has_secrets:
            self._finders.append(("key", [passwords, *_finders_by(keys)]))
        self._finds_cards = "card" in kinds.masked
        self.harmless: set[str] = set()
        self.masks = how == "mask"
        self._how = how
        self._secret_key = secret_key

    @staticmethod
    def is_secret(verdict: int, value: object) -> bool:
        """Return whether a value is secret, by the verdict on its key.

        None and bools never are, numbers are only under a strong key.
        """
        if verdict == PLAIN or value is None:
            return False
        kind = type(value)  # an object can fake its __class__
        if kind is bool:
            return False
        return verdict == STRONG or not (kind is int or kind is float)

    def instead(self, value: JsonValue) -> JsonValue | object:
        """Return what replaces a secret value; `DROPPED` for nothing."""
        if self._how == "drop":
            return DROPPED
        if self._how == "mask":
            return MASK
        return self._hash(value if isinstance(value, str) else to_json(value).decode())

    @property
    def needs_value(self) -> bool:
        """Whether `instead` uses the value."""
        return self._how == "hash"

    def is_harmless(self, text: str, budget: Budget | None = None) -> bool:
        """Fast path: True when the text certainly has no secret and is plain ASCII.

        False means that `text` must look.

        Args:
            text: The text.
            budget: Pays for the search of a text that has not been seen lately.
        """
        if text in self.harmless or _UUID.fullmatch(text):
            return True
        if len(text) > _MAX_KNOWN_LENGTH or not text.isascii() or "\0" in text:
            return False
        is_short = _SHORT.fullmatch(text) is not None
        if budget is not None:
            budget.steps -= SHORT_STEPS if is_short else SEARCH_STEPS
        if _OPTION.match(text):
            return False  # what it is depends on its neighbours
        if not is_short:
            if budget is not None and budget.steps < 0:
                return False
            steps = self._steps_of_secret(text)
            if budget is not None:
                budget.steps -= steps
            if steps:
                return False
        if len(self.harmless) >= _MAX_KNOWN:
            self.harmless.clear()
        self.harmless.add(text)
        return True

    def _steps_of_secret(self, text: str) -> int:
        """Return 0 when a short text has no secret, else what it cost to find it."""
        scan = Scan(text, PATH_STEPS)
        for _, finders in self._finders:
            for find in finders:
                find(scan)
        return PATH_STEPS - scan.steps + VALUE_STEPS if scan.spans or "\\" in text else 0

    def text(self, text: str, budget: Budget) -> str:
        """Return a text with its secrets replaced; the same object when there are none.

        It is cut where the budget ends: then the result stands for the first characters only, and
        `budget.steps` is below zero.
        """
        if text in self.harmless:
            return text
        spans, end, forms = self._spans(text, budget)
        if spans:
            budget.mask(forms=forms)
        elif end == len(text):
            return text
        spans.sort()
        parts: list[str] = []
        position = 0
        for start, stop in _merged(spans):
            if start >= end:
                break
            parts += (text[position:start], self._part(text[start:stop]))
            position = stop
        return "".join((*parts, text[position:end]))

    def finds(self, text: str, budget: Budget, start: int = 0) -> bool:
        """Return whether a text has a secret in it that goes on behind `start`."""
        return any(end > start for _, end in self._spans(text, budget)[0])

    def _spans(
        self, text: str, budget: Budget
    ) -> tuple[list[tuple[int, int]], int, tuple[Form, ...]]:
        """Return where the secrets of a text are, up to where it was searched, and their forms."""
        if budget.steps < 0:
            return [], 0, ()
        forms: tuple[Form, ...] = ()
        spans: list[tuple[int, int]] = []
        end = len(text)
        budget.steps -= _ESCAPE_STEPS * text.count("\\")
        # `\\token=x` is either a tab and "oken", or a backslash and "token". Both are searched.
        for seen in {text, _without_escapes(text)}:
            scan = Scan(seen, budget.steps)
            if scan.look(0, len(seen)):
                found = 0
                for form, finders in self._finders:
                    for find in finders:
                        find(scan)
                    if scan.spans and len(scan.spans) > found:
                        found = len(scan.spans)
                        forms += (form,)
                if "key" in forms and self.keys.has_own and not self._finds_others(scan):
                    forms = (*(form for form in forms if form != "key"), "own key")
            budget.steps = scan.steps
            spans += scan.spans
            end = min(end, scan.end)
        return spans, end, forms

    def _finds_others(self, scan: Scan) -> bool:
        """Return whether a text has, or may have, values of keys that the application did not name.

        The search is paid for with what is left, and never makes the text one that is cut.
        """
        again = Scan(scan.text, scan.steps)
        if again.look(0, len(scan.text)):
            for find in self._finders_of_others:
                find(again)
        if again.steps >= 0:
            scan.steps = again.steps
        return bool(again.spans) or again.steps < 0

    @cached_property
    def _finders_of_others(self) -> Sequence[Finder]:
        others = self.keys.others
        by_word = [passwords] if others.is_secret("password") else []
        return [*by_word, *_finders_by(others)]

    def number(self, number: float | None, budget: Budget) -> JsonValue:
        """Return a number, or the replacement of a card number."""
        if number is None or number < MAX_NUMBER:
            return number
        budget.steps -= VALUE_STEPS
        if self._finds_cards and number == int(number):
            digits = str(int(number))
            if is_card(digits):
                budget.mask(forms=("card",))
                return self._part(digits)
        return number

    def _part(self, secret: str) -> str:
        if self._how == "hash":
            return self._hash(secret)
        return MASK if self._how == "mask" else ""

    def _hash(self, text: str) -> str:
        if len(text) > _MAX_HASHED:
            text = f"{text[:_MAX_HASHED]}{len(text)}"
        digest = hmac.digest(self._secret_key, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"hmac:{digest[:16].hex()}"


def _finders_by(keys: SecretKeys) -> Sequence[Finder]:
    """Return what finds values by the keys that stand beside them."""
    return [assignments(keys), *(make(keys.is_secret) for make in _MAKERS)]


def _merged(spans: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Join spans that overlap, such as a JWT after Bearer: they are one secret."""
    start, end = 0, 0
    for begin, stop in spans:
        if begin >= end or not end:
            if end:
                yield start, end
            start, end = begin, stop
        else:
            end = max(end, stop)
    if end:
        yield start, end


def _without_escapes(text: str) -> str:
    r"""Return a text of the same length whose escape sequences have no letters and no digits.

    In the `repr` of a text, `\notp=1` is the key "otp" after a line feed, not the key "notp".
    """
    if "\\" not in text:
        return text
    for escape, instead in _ESCAPES:
        text = escape.sub(instead, text)
    return text
