"""Secret keys: names of variables, keys and fields whose values must not be stored."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from flask_chest.errors import ConfigurationError

_ADDRESSES: Final = ("ip_address", "remote_addr", "forwarded_for", "real_ip", "client_ip")

DEFAULT_KEYS: Final[tuple[str, ...]] = (
    # Credentials
    "password", "passwd", "passphrase", "passcode", "=pass", "pwd", "secret", "credential",
    "token", "jwt", "bearer", "auth", "authorization", "authorisation", "authentication",
    "api_key", "access_key", "private_key", "signing_key", "encryption_key", "master_key",
    "ssh_key", "service_key", "license_key", "connection_string", "dsn", "=otp", "=totp",
    "=mfa", "=pin", "=salt",
    # Sessions
    "session", "sessid", "connect.sid", "=sid", "cookie", "csrf", "xsrf", "symfony",
    # Addresses of clients
    *_ADDRESSES,
    # Payment and personal data
    "card_number", "credit_card", "=cvv", "=cvc", "=ssn", "social_security", "=iban",
    # Exceptions: harmless words that contain one of these
    "!author", "!tokenizer", "!tokeniser", "!passwordless",
)  # fmt: skip
"""The default patterns, to which CHEST_REDACT_KEYS adds. They cover those of Sentry's scrubber."""

PLAIN: Final = 0
SECRET: Final = 1
COUNT: Final = 2
"""A secret unless the value is a number: `prompt_tokens: 512` is not secret."""

_MAX_KNOWN: Final = 4_096
_MAX_LENGTH: Final = 255


class SecretKeys:
    """Decides which keys are secret.

    A pattern matches any part of a key; with `=` in front, only whole words. Case and separators of
    words do not matter: `api_key` matches `X-Api-Key` and `myApiKey`. A pattern with `!` in front
    is an exception, unless a longer pattern matches at the same place: `!author` makes `author`
    harmless, while `authorization` stays secret.

    Args:
        patterns: Patterns in addition to the default list. `!*` removes the default list.
        setting: Name of the setting with the patterns, for the error.

    Raises:
        ConfigurationError: A pattern has neither a letter nor a digit.
    """

    def __init__(self, patterns: Iterable[str] = (), *, setting: str = "CHEST_REDACT_KEYS") -> None:
        given = tuple(patterns)
        known = DEFAULT_KEYS if "!*" not in given else ()
        given = tuple(each for each in given if each != "!*")
        self._patterns = known, given, setting
        self._search = _compiled(known, given, setting)
        self._known: dict[str, int] = {}

    def verdict(self, key: str) -> int:
        """Return `PLAIN`, `SECRET` or `COUNT`."""
        known = self._known.get(key)
        if known is None:
            known = _look_at(key, self._search)
            if len(self._known) < _MAX_KNOWN and len(key) <= _MAX_LENGTH:
                self._known[key] = known
        return known

    def verdict_of_named(self, key: str) -> int:
        """Return the verdict on a fact about the request that a route lists by its exact name.

        Of the default list, the addresses of clients do not hide it: nobody lists
        `request.client_ip` by accident.
        """
        return _look_at(key, self._search_named)

    @cached_property
    def _search_named(self) -> re.Pattern[str]:
        known, given, setting = self._patterns
        return _compiled([each for each in known if each not in _ADDRESSES], given, setting)


def _compiled(known: Iterable[str], given: Iterable[str], setting: str) -> re.Pattern[str]:
    # Of two equal patterns the later takes precedence, so that `!session` undoes "session".
    kinds: dict[str, str] = {"tokens": "count"} if known else {}
    for pattern in (*known, *given):
        expression = _expression(pattern.removeprefix("!"), setting)
        kinds.pop(expression, None)
        kinds[expression] = "exception" if pattern.startswith("!") else "secret"
    # The longest pattern that matches at a place takes precedence.
    ordered = sorted(kinds, key=lambda each: len(each.replace("_?", "")), reverse=True)
    groups = [f"(?P<{kinds[each]}{n}>{each})" for n, each in enumerate(ordered)]
    return re.compile("|".join(groups) or "(?!)")


def _look_at(key: str, search: re.Pattern[str]) -> int:
    verdict = PLAIN
    for match in search.finditer(_words(key[: 4 * _MAX_LENGTH])):
        group = match.lastgroup or ""
        if group.startswith("secret"):
            return SECRET
        if group.startswith("count"):
            verdict = COUNT
    return verdict


def _words(key: str) -> str:
    """Return a key in lower case, with one `_` between two words.

    >>> _words("X-Api-Key"), _words("myAPIKey"), _words("user[pin]")
    ('x_api_key', 'my_api_key', 'user_pin_')
    """
    text = unicodedata.normalize("NFKC", key)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    return re.sub(r"[\W_]+", "_", text.casefold())


def _expression(pattern: str, setting: str) -> str:
    letters = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", pattern).casefold())
    if not letters:
        raise ConfigurationError(
            f"{setting}: {pattern!r} cannot match any key. Use a part of keys such as 'passport', "
            "whole words such as '=dob', or an exception such as '!session'; '!*' removes the "
            "default list",
            setting=setting,
        )
    expression = "_?".join(map(re.escape, letters))
    return f"(?<![^_]){expression}(?![^_])" if pattern.startswith("=") else expression
