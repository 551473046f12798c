"""Secret keys: names of variables, keys and fields whose values must not be stored."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from flask_chest.errors import ConfigurationError
from flask_chest.redaction.budget import CANDIDATE_STEPS, KEY_STEPS, WIDE_STEPS, Budget
from flask_chest.redaction.default_keys import (
    ADDRESSES,
    DESCRIBING,
    EXCEPTIONS,
    STRONG_KEYS,
    WEAK_KEYS,
)
from flask_chest.redaction.trie import END as _END
from flask_chest.redaction.trie import END_OF_WORD as _END_OF_WORD
from flask_chest.redaction.trie import GAP as _GAP
from flask_chest.redaction.trie import SEPARATOR as _SEPARATOR
from flask_chest.redaction.trie import trie

PLAIN: Final = 0
WEAK: Final = 1
"""Secret in containers and texts, and where a `*` caught it; numbers and bools are not."""
STRONG: Final = 2
"""Always secret."""

_MAX_KNOWN: Final = 4_096
_MAX_LENGTH: Final = 255
_MAX_TAIL: Final = 128
_SHORT: Final = 4
"""A pattern of up to so many characters matches whole words only."""

_WORD_BORDER: Final = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[0-9])(?=[a-z])"
)
_SEPARATORS: Final = re.compile(r"[\W_]+")
_ASCII_SEPARATORS: Final = {ord(each): None for each in "_-. []/:"}


class _Pattern(NamedTuple):
    words: tuple[str, ...]
    is_whole: bool
    verdict: int


class SecretKeys:
    """Decides which keys are secret.

    A pattern matches whole words, and the plural of its last one. A pattern of five letters or more
    without `=` in front also matches a part of a word: `password` is in `dbpasswords`. Case and
    separators do not matter, and `_` also stands for none: `api_key` matches `X-Api-Key`,
    `myApiKey` and `apikey`. A pattern with `!` in front is an exception, unless a longer pattern
    matches at the same place.

    Args:
        patterns: Patterns in addition to the default lists. They are strong. `!*` removes the
            default lists.
        setting: Name of the setting with the patterns, for the error.

    Raises:
        ConfigurationError: A pattern has neither a letter nor a digit.
    """

    def __init__(self, patterns: Iterable[str] = (), *, setting: str = "CHEST_REDACT_KEYS") -> None:
        given = tuple(patterns)
        own = [_parsed(each, STRONG, setting) for each in given if each != "!*"]
        known = [] if "!*" in given else [*_defaults(setting)]
        # Of two equal patterns the later takes precedence, so that `!session` undoes "session".
        self._patterns = [*known, *own]
        self._given = given
        self._own = _Search(own)
        self.has_own = any(each.verdict != PLAIN for each in own)
        self._search = _Search(self._patterns)
        secret = [each for each in self._patterns if each.verdict != PLAIN]
        self.has_secrets = bool(secret)
        self.candidate = re.compile(
            trie(tuple(f"{_GAP.join(each.words)}{_END}" for each in secret)) or "(?!)"
        )
        """Found in every lower-case text that may contain a secret key."""
        self._joined = re.compile(
            trie(tuple(f"{''.join(each.words)}{_END}" for each in secret)) or "(?!)"
        )
        self.known: dict[str, int] = {}
        """Memory of `verdict`."""

    def verdict(self, key: str, budget: Budget | None = None) -> int:
        """Return `PLAIN`, `WEAK` or `STRONG`.

        Args:
            key: The key.
            budget: Pays for a key that has not been seen lately.
        """
        known = self.known.get(key)
        if known is None:
            known = self._verdict(key, self._search, budget)
            if len(key) <= _MAX_LENGTH:
                if len(self.known) >= _MAX_KNOWN:  # keys that strangers made
                    self.known.clear()
                self.known[key] = known
        return known

    def is_secret(self, key: str) -> bool:
        """Return whether a key in a text is secret, strong or weak."""
        return self.verdict(key) != PLAIN

    def verdict_of_fact(self, name: str) -> int:
        """Return the verdict on a fact about the request that a route lists by its exact name.

        Of the default lists, the addresses of clients do not hide it: nobody lists
        `request.client_ip` by accident. A query parameter or a header has its name from a protocol,
        so `request.query.token` stays secret.
        """
        verdict = self._verdict(name, self._search_of_facts)
        return STRONG if verdict == WEAK else verdict

    def is_own(self, key: str) -> bool:
        """Return whether the application's own patterns make a key secret, not the default list."""
        return self._own.best(_words(_bounded(key))) != PLAIN

    @cached_property
    def others(self) -> SecretKeys:
        """The same keys without those that the application's own patterns make secret."""
        return SecretKeys(each if each.startswith("!") else f"!{each}" for each in self._given)

    def _verdict(self, key: str, search: _Search, budget: Budget | None = None) -> int:
        key = _bounded(key)
        if budget is not None:
            budget.steps -= KEY_STEPS + len(key) * (1 if key.isascii() else WIDE_STEPS)
        if key.isascii():
            # Fast path: most keys contain no pattern, even when their words are joined.
            joined = key.lower().translate(_ASCII_SEPARATORS)
            if self._joined.search(joined) is None:
                return PLAIN
        if budget is not None:
            budget.steps -= CANDIDATE_STEPS
        words = _words(key)
        verdict = search.best(words)
        if verdict == WEAK and words[1:-1].rpartition("_")[2] in DESCRIBING:
            return PLAIN
        return verdict

    @cached_property
    def _search_of_facts(self) -> _Search:
        addresses = {_parsed(each, WEAK, "") for each in ADDRESSES}
        return _Search([each for each in self._patterns if each not in addresses])


def _defaults(setting: str) -> Iterator[_Pattern]:
    for verdict, patterns in ((STRONG, STRONG_KEYS), (WEAK, WEAK_KEYS), (PLAIN, EXCEPTIONS)):
        for pattern in patterns:
            yield _parsed(pattern, verdict, setting)


def _parsed(pattern: str, verdict: int, setting: str) -> _Pattern:
    text = pattern.removeprefix("!")
    words = tuple(filter(None, _words(text).split("_")))
    if not words:
        raise ConfigurationError(
            f"{setting}: {pattern!r} cannot match any key. Use a part of keys such as 'passport', "
            "whole words such as '=dob', or an exception such as '!session'; '!*' removes the "
            "default list",
            setting=setting,
        )
    is_whole = text.startswith("=") or sum(map(len, words)) <= _SHORT
    return _Pattern(words, is_whole, PLAIN if pattern.startswith("!") else verdict)


def _bounded(key: str) -> str:
    return key if len(key) <= _MAX_LENGTH else f"{key[:_MAX_LENGTH]}_{key[-_MAX_TAIL:]}"


def _words(key: str) -> str:
    """Return the words of a key in lower case, with one `_` around each.

    >>> _words("X-Api-Key"), _words("myAPIKey"), _words("user[pin]")
    ('_x_api_key_', '_my_api_key_', '_user_pin_')
    """
    if not key.isascii():
        # One character can become 18.
        key = unicodedata.normalize("NFKC", key)[: 2 * _MAX_LENGTH]
    text = _WORD_BORDER.sub("_", key).casefold()
    return f"_{_SEPARATORS.sub('_', text).strip('_')}_"


class _Search:
    """Finds patterns in the words of a key.

    At each place the longest pattern decides; of two equal ones the later.
    """

    def __init__(self, patterns: Iterable[_Pattern]) -> None:
        self._at_border: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        whole, parts = [], []
        for pattern in patterns:
            letters = "".join(pattern.words)
            self._at_border[letters] = pattern.verdict
            if pattern.is_whole:
                whole.append(pattern)
            else:
                parts.append(pattern)
                self._inside[letters] = pattern.verdict
        within = tuple(f"{_SEPARATOR.join(each.words)}{_END}" for each in parts)
        border = tuple(f"{_SEPARATOR.join(each.words)}{_END_OF_WORD}" for each in whole)
        self._expression = re.compile(
            f"(?<=_)(?:{trie((*border, *within)) or '(?!)'})|({trie(within) or '(?!)'})"
        )

    def best(self, words: str) -> int:
        """Return the strongest verdict of the patterns in a key."""
        best = PLAIN
        for match in self._expression.finditer(words):
            letters = match[0].replace("_", "")
            if match[1] is not None:
                verdict = self._inside[letters]
            else:
                known = self._at_border.get(letters)
                verdict = self._at_border[letters[:-1]] if known is None else known  # a plural
            best = max(best, verdict)
        return best
