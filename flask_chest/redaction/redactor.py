"""What stands in the place of a secret: a mask, a keyed hash that still joins, or nothing."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

from pydantic_core import to_json

from flask_chest.record import JsonValue
from flask_chest.redaction.keys import PLAIN, SECRET, SecretKeys
from flask_chest.redaction.texts import (
    DEFAULT_VALUES,
    FINDERS,
    SecretKind,
    Span,
    is_card,
    keyed,
    without_escapes,
)

RedactWith: TypeAlias = Literal["mask", "hash", "drop"]
"""What CHEST_REDACT_WITH may be."""

MASK: Final = "[redacted]"

DROPPED: Final = object()
"""Stands for a value that is to be left out with its key."""

MAX_NUMBER: Final = 10**12
"""Smaller numbers are no card numbers."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHORT: Final = re.compile(r"[A-Za-z0-9_.-]{0,11}")  # too short for a secret that needs no key
_MAX_KNOWN: Final = 4_096
_MAX_KNOWN_LENGTH: Final = 40  # so long a text has room in any record


class Redactor:
    """Finds what is secret, and puts something else in its place.

    Args:
        keys: Which keys are secret.
        values: Which secrets are looked for in texts.
        how: `mask`; `hash`, HMAC-SHA-256 of the value, so that equal values stay equal; or `drop`.
        secret_key: Key of the hash.
    """

    def __init__(
        self,
        keys: SecretKeys,
        values: Iterable[SecretKind] = DEFAULT_VALUES,
        *,
        how: RedactWith = "mask",
        secret_key: bytes = b"",
    ) -> None:
        self.verdict: Callable[[str], int] = keys.verdict
        self._finders = [FINDERS[kind] for kind in dict.fromkeys(values)]
        self._finds_cards = FINDERS["card"] in self._finders
        self.harmless: set[str] = set()
        """Short texts in which `is_harmless` found nothing: values repeat, such as countries."""
        self._how = how
        self._secret_key = secret_key

    @staticmethod
    def is_secret(verdict: int, value: object) -> bool:
        """Tell whether a value is secret, by the verdict on its key. None and booleans are not."""
        if verdict == PLAIN or value is None:
            return False
        kind = type(value)  # which it cannot fake
        if kind is bool:
            return False
        return verdict == SECRET or kind not in (int, float)

    def instead(self, value: JsonValue) -> JsonValue | object:
        """Return what is stored instead of a secret value; `DROPPED` for nothing."""
        if self._how == "drop":
            return DROPPED
        if self._how == "mask":
            return MASK
        return self._hash(value if isinstance(value, str) else to_json(value).decode())

    @property
    def needs_value(self) -> bool:
        """Whether `instead` looks at the value."""
        return self._how == "hash"

    def is_harmless(self, text: str) -> bool:
        """Tell quickly of most texts that go into JSON as they are that nothing in them is secret.

        False means nothing.
        """
        if text in self.harmless or _UUID.fullmatch(text):
            return True
        if len(text) > _MAX_KNOWN_LENGTH or not text.isascii() or "\0" in text:
            return False
        if not _SHORT.fullmatch(text) and self.text(text) is not text:
            return False
        if len(self.harmless) >= _MAX_KNOWN:
            self.harmless.clear()
        self.harmless.add(text)
        return True

    def text(self, text: str) -> str:
        """Return a text with what is secret in it replaced; the very text when nothing is."""
        if text in self.harmless:
            return text
        spans: list[Span] = []
        # `\\token=x` may be a tab and "oken", or a text with a backslash of its own.
        for seen in {text, without_escapes(text)}:
            for find in self._finders:
                spans += find(seen)
            spans += keyed(seen, self.verdict)
        if not spans:
            return text
        spans.sort()
        parts: list[str] = []
        position = 0
        while spans:
            start, end = spans.pop(0)
            while spans and spans[0][0] < end:  # a JWT after Bearer is one secret
                end = max(end, spans.pop(0)[1])
            parts += (text[position:start], self._part(text[start:end]))
            position = end
        return "".join((*parts, text[position:]))

    def number(self, number: float | None) -> JsonValue:
        """Return a number, or what stands for one that is the number of a payment card."""
        if number is None or number < MAX_NUMBER:
            return number
        if self._finds_cards and number == int(number):
            digits = str(int(number))
            if is_card(digits):
                return self._part(digits)
        return number

    def _part(self, secret: str) -> str:
        if self._how == "hash":
            return self._hash(secret)
        return MASK if self._how == "mask" else ""

    def _hash(self, text: str) -> str:
        digest = hmac.digest(self._secret_key, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"hmac:{digest[:16].hex()}"
