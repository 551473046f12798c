"""Hide secrets in the values that error messages show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_MAX_LENGTH: Final = 200

_HIDDEN_NAME: Final = r"[^=&?'\"]*(?:pass|pwd|secret|token|key|credential)[^=&?'\"]*"
_IS_HIDDEN_NAME: Final = re.compile(f"(?is){_HIDDEN_NAME}")

# A password may hold unescaped `/`, `@` and `:`, so everything from the user's colon to the last
# `@` is masked, also in a URL that is malformed.
_URL_PASSWORD: Final = re.compile(r"(?s):(?!//).*@")
_QUERY_VALUE: Final = re.compile(rf"(?is)([?&]{_HIDDEN_NAME}=)[^&]*")
_JSON_OR_PYTHON_VALUE: Final = re.compile(
    rf"(?is)((['\"]){_HIDDEN_NAME}\2\s*[:=]\s*)(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$))"
)


def mask(value: object) -> str:
    """Return the `repr` of a value for a message: passwords masked, at most 200 characters."""
    text = repr(_masked(value))
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


def is_secret_name(name: str) -> bool:
    """Return whether a name, such as `api_key`, means that its value is a secret."""
    return _IS_HIDDEN_NAME.fullmatch(name) is not None


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: "***" if part is not None and is_secret_name(str(key)) else _masked(part)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(part) for part in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    value = _URL_PASSWORD.sub(":***@", value)
    value = _QUERY_VALUE.sub(r"\1***", value)
    return _JSON_OR_PYTHON_VALUE.sub(r"\1***", value)
