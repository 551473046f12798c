"""Replace secrets with a mask, with a keyed hash, or with nothing."""

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
"""The values of CHEST_REDACT_WITH."""

MASK: Final = "[redacted]"

DROPPED: Final = object()
"""Means that a value is omitted, together with its key."""

MAX_NUMBER: Final = 10**12
"""Smaller numbers cannot be card numbers."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Too short for a secret that is found without its key.
_SHORT: Final = re.compile(r"[A-Za-z0-9_.-]{0,11}")
_MAX_KNOWN: Final = 4_096
_MAX_KNOWN_LENGTH: Final = 40  # a text of this length is never cut


class Redactor:
    """Finds and replaces secrets.

    Args:
        keys: Decides which keys are secret.
        values: Kinds of secrets that are found in texts.
        how: `mask`; `hash`, the HMAC-SHA-256 of the value, equal for equal values; or `drop`.
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
        self.verdict_of_named: Callable[[str], int] = keys.verdict_of_named
        self._finders = [FINDERS[kind] for kind in dict.fromkeys(values)]
        self._finds_cards = FINDERS["card"] in self._finders
        self.harmless: set[str] = set()
        """Short texts in which `is_harmless` found no secret. Values repeat, such as countries."""
        self._how = how
        self._secret_key = secret_key

    @staticmethod
    def is_secret(verdict: int, value: object) -> bool:
        """Return whether a value is secret, by the verdict on its key. None and bools are not."""
        if verdict == PLAIN or value is None:
            return False
        kind = type(value)  # an object can fake its __class__
        if kind is bool:
            return False
        return verdict == SECRET or kind not in (int, float)

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

    def is_harmless(self, text: str) -> bool:
        """Fast path: True when the text certainly has no secret and is plain ASCII.

        False means that `text` must look.
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
        """Return a text with its secrets replaced; the same object when there are none."""
        if text in self.harmless:
            return text
        spans: list[Span] = []
        # `\\token=x` is either a tab and "oken", or a backslash and "token". Both are searched.
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
            while (
                spans and spans[0][0] < end
            ):  # overlapping finds, such as a JWT after Bearer, are one secret
                end = max(end, spans.pop(0)[1])
            parts += (text[position:start], self._part(text[start:end]))
            position = end
        return "".join((*parts, text[position:]))

    def number(self, number: float | None) -> JsonValue:
        """Return a number, or the replacement of a card number."""
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
