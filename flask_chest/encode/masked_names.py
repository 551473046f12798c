"""What was masked is counted by name, and each name is said once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from flask_chest.redaction import PLAIN, STRONG
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask_chest.redaction import SecretKeys
    from flask_chest.runtime.counters import Counters

Masked: TypeAlias = Callable[[Mapping[str, int], Mapping[str, Collection[str]]], None]
"""Called with how many values of a record were masked, by name; and by which forms, by name."""

_MAX_COUNTED: Final = 1_000
_MAX_LOGGED: Final = 50
_MAX_LENGTH: Final = 100
_OTHERS: Final = "…"
_BY_KEY: Final = ("",)
_OWN_KEY: Final = "own key"
_LOOKS: Final = {
    "credentials": "like a credential, such as a token or the password of a URL",
    "jwt": "like a JSON Web Token",
    "card": "like the number of a payment card",
    "email": "like an e-mail address",
}


class MaskedNames:
    """Counts masked values by name, and logs each name once in a process for each form of secret.

    A name is that of a variable, or `variable.key` for a key within it. A client may invent any
    number of keys: the counts of all beyond the first thousand stand under `…`. What the
    application itself has named as secret, a key or a kind, is counted and not logged.

    Args:
        keys: Decides which keys are secret.
        counters: Have the counts, as `redacted`.
        own_kinds: Kinds of secrets that the application has named.
    """

    def __init__(
        self, keys: SecretKeys, counters: Counters, own_kinds: Collection[str] = ()
    ) -> None:
        self._keys = keys
        self._counters = counters
        self._own_kinds = own_kinds
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._logged = 0

    def add(self, masked: Mapping[str, int], forms: Mapping[str, Collection[str]]) -> None:
        """Count values of one record.

        Args:
            masked: How many, by name.
            forms: By which forms they were found, by name; without those that their names hid.
        """
        for full, number in masked.items():
            name = full if len(full) <= _MAX_LENGTH else f"{full[:_MAX_LENGTH]}…"
            if name not in self._seen and not self._is_new(name):
                name = _OTHERS
            else:
                for form in forms.get(full, _BY_KEY):
                    if (name, form) not in self._said:
                        self._say(name, form)
            self._counters.add("redacted", name, number)

    def _is_new(self, name: str) -> bool:
        """Remember a name. False when there are too many."""
        with self._lock:
            if len(self._seen) >= _MAX_COUNTED:
                return name in self._seen
            self._seen.add(name)
        return True

    def _say(self, name: str, form: str) -> None:
        """Log a name, once for each form."""
        with self._lock:
            if (name, form) in self._said:
                return
            self._said.add((name, form))
            if self._is_own(name, form) or self._logged > _MAX_LOGGED:
                return
            self._logged += 1
            message = _of_form(name, form) if form else _of_key(name, self._keys)
            if self._logged > _MAX_LOGGED:
                message = "More names are masked in records. chest.stats().redacted has them"
        logger.warning("%s", message)

    def _is_own(self, name: str, form: str) -> bool:
        if form:
            return form == _OWN_KEY or form in self._own_kinds
        return self._keys.is_own(name.rpartition(".")[2])


def _of_key(name: str, keys: SecretKeys) -> str:
    key = name.rpartition(".")[2]
    verdict = keys.verdict(key)
    if verdict == PLAIN:  # an argument behind `--password`, for example
        return _of_form(name, "key")
    exactly = f"name it exactly, as in @chest.track({name!r}), or " if verdict != STRONG else ""
    if name != key:
        exactly = ""  # within a variable
    return (
        f"{name!r} is masked in records: its name looks secret. To keep it, {exactly}set "
        f"CHEST_REDACT_KEYS = [{'!' + key!r}]. To agree, and hear no more of it, "
        f"set CHEST_REDACT_KEYS = [{'=' + key!r}], or exclude it"
    )


def _of_form(name: str, form: str) -> str:
    if form not in _LOOKS:
        return (
            f"A part of {name!r} is masked in records: a secret key stands beside it, as in "
            "password=... To keep it, make an exception of that key, such as "
            "CHEST_REDACT_KEYS = ['!session']. To hear no more of it, exclude the variable"
        )
    return (
        f"A part of {name!r} is masked in records: it looks {_LOOKS[form]}. To keep such values in "
        f"all variables, set CHEST_REDACT_VALUES = [{'!' + form!r}]. To agree, and hear no more of "
        f"it, set CHEST_REDACT_VALUES = [{form!r}], or exclude the variable"
    )
