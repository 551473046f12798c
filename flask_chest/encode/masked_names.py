"""What was masked is counted by name, and each name is said once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.redaction import PLAIN, STRONG
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask_chest.redaction import SecretKeys
    from flask_chest.runtime.counters import Counters

_MAX_COUNTED: Final = 1_000
_MAX_LOGGED: Final = 50
_MAX_LENGTH: Final = 100
_OTHERS: Final = "…"


class MaskedNames:
    """Counts masked values by name, and logs each name once in a process.

    A name is that of a variable, or `variable.key` for a key within it. A client may invent any
    number of keys: the counts of all beyond the first thousand stand under `…`.

    Args:
        keys: Decides which keys are secret. What the application's own patterns make secret is
            counted and not logged.
        counters: Have the counts, as `redacted`.
    """

    def __init__(self, keys: SecretKeys, counters: Counters) -> None:
        self._keys = keys
        self._counters = counters
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._logged = 0

    def add(self, masked: Mapping[str, int]) -> None:
        """Count values of one record.

        Args:
            masked: How many, by name.
        """
        for name, number in masked.items():
            if len(name) > _MAX_LENGTH:
                name = f"{name[:_MAX_LENGTH]}…"  # noqa: PLW2901 - what is counted
            if name not in self._seen and not self._is_new(name):
                name = _OTHERS  # noqa: PLW2901 - what is counted
            self._counters.add("redacted", name, number)

    def _is_new(self, name: str) -> bool:
        """Remember a name, and log it. False when there are too many."""
        with self._lock:
            if len(self._seen) >= _MAX_COUNTED:
                return False
            if name in self._seen:
                return True
            self._seen.add(name)
            key = name.rpartition(".")[2]
            message = _of_key(name, key, self._keys) or _of_form(name)
            if self._keys.is_own(key) or self._logged > _MAX_LOGGED:
                return True
            self._logged += 1
            if self._logged > _MAX_LOGGED:
                message = "More names are masked in records. chest.stats().redacted has them"
        logger.warning("%s", message)
        return True


def _of_key(name: str, key: str, keys: SecretKeys) -> str:
    verdict = keys.verdict(key)
    if verdict == PLAIN:
        return ""
    exactly = f"name it exactly, as in @chest.track({name!r}), or " if verdict != STRONG else ""
    if name != key:
        exactly = ""  # within a variable
    return (
        f"{name!r} is masked in records: its name looks secret. To keep it, {exactly}set "
        f"CHEST_REDACT_KEYS = [{'!' + key!r}]. To agree, and hear no more of it, "
        f"set CHEST_REDACT_KEYS = [{'=' + key!r}], or exclude it"
    )


def _of_form(name: str) -> str:
    return (
        f"A part of {name!r} is masked in records: it has the form of a secret, such as a token, a "
        "password or a card number. CHEST_REDACT_VALUES names the forms that are looked for"
    )
