"""Texts and keys that every database takes: bounded, without NUL and lone surrogates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from flask_chest.encode.limits import MAX_KEY, MAX_TEXT
from flask_chest.redaction import PATH_STEPS, Budget, Redactor

_BEYOND: Final = 512
"""Characters after the cut that are searched too, so that a secret which the cut splits is seen."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LONE: Final = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
_SURROGATE_STEPS: Final = 2


def clean_text(
    text: str, limit: int = MAX_TEXT, redact: Redactor | None = None, budget: Budget | None = None
) -> str:
    """Return `text` in at most `limit` characters, NUL and lone surrogates replaced by U+FFFD.

    A cut text says that it was cut and how long it was; a `limit` below 30 is too small for that.
    Secrets are redacted before the cut.

    Args:
        text: Also an instance of a subclass.
        limit: Maximum length of the result.
        redact: Takes out secrets; None for a text that has none.
        budget: Of the record. A text is cut where the budget ends.
    """
    length = str.__len__(text)
    mark = f"…[cut, {length} characters]" if length > limit else ""
    # By the methods of `str`, which also turn an instance of a subclass into a true string.
    text = str.__getitem__(text, slice(limit + _BEYOND)) if mark else str.__str__(text)
    if redact is not None:
        budget = budget or Budget(PATH_STEPS)
        text = redact.text(text, budget)
        if budget.steps < 0:
            mark = mark or f"…[cut, {length} characters]"
    if mark or len(text) > limit:  # a mask may be longer than the secret
        text = text[: max(limit - len(mark), 0)]
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii() and _SURROGATE.search(text) is not None:
        if budget is not None:
            budget.steps -= _SURROGATE_STEPS * len(text)
            if budget.steps < 0:
                text = text[: max(len(text) + budget.steps // _SURROGATE_STEPS, 0)]
                mark = mark or f"…[cut, {length} characters]"
        text = _LONE.sub("\ufffd", text)
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")  # joins pairs
    return text + mark


def unique_key(
    text: str,
    taken: Mapping[str, object],
    repeats: dict[str, int],
    redact: Redactor | None = None,
    budget: Budget | None = None,
) -> str:
    """Return `text` as a key that is not in `taken`, with a number where it has to be.

    Args:
        text: What the key should be.
        taken: The keys that are there already.
        repeats: Remembers the last number of each key, from one call to the next.
        redact: Takes secrets out of the key.
        budget: Of the record.
    """
    key = first = clean_text(text, MAX_KEY, redact, budget)
    if key in taken:  # 1 and "1" are two keys in Python and one in JSON
        short = clean_text(text, MAX_KEY - 8, redact, budget)
        while key in taken:
            repeats[first] = repeats.get(first, 1) + 1
            key = f"{short} ({repeats[first]})"
    return key
