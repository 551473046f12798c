"""Hide secrets in the values that error messages and tracebacks show.

A setting that is wrong may have its password anywhere: under a misspelt name, or in the part of a
URL that looks like a host. So a value is shown only where it cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from flask_chest.errors import IN_QUERY as _IN_QUERY
from flask_chest.errors import MASK as _MASK
from flask_chest.errors import mask_urls

__all__ = [
    "hidden",
    "is_secret_name",
    "keys_to",
    "mask",
    "mask_urls",
    "may_hold_secret",
    "secret_texts",
    "without",
]

_MAX_LENGTH: Final = 200
_MIN_SECRET: Final = 4
"""Characters; a shorter one is part of too many words to be looked for."""

_IS_SECRET_NAME: Final = re.compile("pass|pwd|secret|token|key|credential", re.IGNORECASE)
_IS_ADDRESS_NAME: Final = re.compile(
    "auth|cookie|header|ur[il]|dsn|address|endpoint|webhook|connection", re.IGNORECASE
)
_IS_TLS_FILE: Final = re.compile("(ssl|tls)_?(root|ca|cert|key|crl)(?!.*pass)", re.IGNORECASE)

_SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]*:/*")
_USER: Final = re.compile(r"[^:@/?#\s]*:")
_QUOTED_VALUE: Final = re.compile(
    r"""(?s)((["'])(?:[^"'\\]|\\.)*\2\s*[:=]\s*)"""
    r"""("(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|[^\s\[{"'][^,}\]]*)"""
)


def mask(value: object, shown: Collection[str] = ()) -> str:
    """Return the `repr` of a value for a message, without passwords, at most 200 characters.

    Args:
        value: Of a setting that may hold URLs or the fields of an exporter.
        shown: Keys of a dict whose values may be shown; all others are masked.
    """
    text = repr(_masked(value, shown))
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


def is_secret_name(name: str) -> bool:
    """Return whether a name, such as `api_key`, means that its value is a secret."""
    return _IS_SECRET_NAME.search(name) is not None


def may_hold_secret(name: str) -> bool:
    """Return whether a field of this name is a secret, or an address that may have one in it."""
    return is_secret_name(name) or _IS_ADDRESS_NAME.search(name) is not None


def hidden(value: Any) -> Any:  # noqa: ANN401 - any setting
    """Return an equal value whose `repr`, as in a traceback that shows variables, is masked."""
    if isinstance(value, Mapping):
        return _HiddenDict({name: hidden(inner) for name, inner in value.items()})
    if isinstance(value, str):
        return _HiddenText(value)
    return value


def keys_to(value: object, path: Sequence[int | str], end: object) -> list[int | str]:
    """Return the indexes and keys that lead to a part of a value.

    Under a key, which is anybody's word, there may be a secret.

    Args:
        value: Of a setting.
        path: To the part, as pydantic has it: the types of a union are in it, too.
        end: The part.
    """
    keys: list[int | str] = []
    for key in path:
        if value is end and isinstance(key, str):
            continue  # a type
        if isinstance(value, (Mapping, list, tuple)):
            try:
                value = value[key]  # type: ignore[index]
            except (LookupError, TypeError):
                continue  # a type
        keys.append(key)
    return keys


def secret_texts(value: object, *, is_hidden: bool) -> Iterator[str]:
    """Return the texts in a value that no message may repeat: those that `mask` would not show.

    Args:
        value: Of a setting.
        is_hidden: Whether no part of it may be shown.
    """
    reveal = getattr(value, "get_secret_value", None)
    if isinstance(value, Mapping):
        for key, part in value.items():
            is_path = _IS_TLS_FILE.match(str(key)) and str(part).startswith(("/", "~", "."))
            if not is_path:
                yield from secret_texts(part, is_hidden=True)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from secret_texts(part, is_hidden=is_hidden)
    elif reveal is not None:
        yield from secret_texts(reveal(), is_hidden=True)
    elif isinstance(value, (bytes, bytearray)):
        yield from secret_texts(value.decode("utf-8", "replace"), is_hidden=is_hidden)
    elif isinstance(value, (str, int, float, PurePath)) and not isinstance(value, bool):
        text = str(value)
        if is_hidden or _masked_text(text) != text:
            yield text


def without(message: str, secrets: Iterable[str]) -> str:
    """Return a message with secrets masked, and the parts of those that are lists in one text."""
    found = {
        spelling
        for secret in secrets
        for text in (secret, *re.split(r"[\s,;|]+", secret))
        for spelling in (text, repr(text)[1:-1])
        if len(text) >= _MIN_SECRET
    }
    for text in sorted(found, key=len, reverse=True):
        message = message.replace(text, _MASK)
    return mask_urls(message)


class _HiddenText(str):
    """A URL, or another text of an exporter's entry."""

    __slots__ = ()

    def __repr__(self) -> str:
        return mask(str(self)) if "://" in self else repr(_MASK)


class _HiddenDict(dict[str, Any]):
    """CHEST_EXPORTERS, or one entry of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        inner = ", ".join(
            f"{name!r}: {value!r}"
            if isinstance(value, (_HiddenDict, _HiddenText))
            else f"{name!r}: {_MASK!r}"
            for name, value in self.items()
        )
        return f"{{{inner}}}"


def _masked(value: object, shown: Collection[str]) -> object:
    if isinstance(value, Mapping):
        return {
            key: _masked(part, shown)
            if part is None or (key in shown and not is_secret_name(str(key)))
            else _MASK
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(part, shown) for part in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _masked_text(value) if isinstance(value, str) else value


def _masked_text(text: str) -> str:
    if text.lstrip()[:1] in ("{", "["):
        return _QUOTED_VALUE.sub(rf"\1{_MASK}", text)
    scheme = _SCHEME.match(text)
    before, rest = (text[: scheme.end()], text[scheme.end() :]) if scheme else ("", text)
    if before.lower().startswith("http"):  # the path of a webhook is a secret, too
        return f"{before}{_MASK}"
    # A password may have any character unescaped, so it may reach up to the last `@`.
    userinfo, at, where = rest.rpartition("@")
    if at and _IN_QUERY.search(userinfo):  # a password may go on after it
        return f"{before}{_MASK}"
    if at:
        user = _USER.match(userinfo)
        before += f"{user[0] if user else ''}{_MASK}@"
    where = re.sub(r"(?s)[?#=].*", lambda found: f"{found[0][0]}{_MASK}", where)
    if not at:  # what follows the colon is a port, or the end of a URL that was cut
        where = re.sub(
            r"\A([^:/\[]*:)(?!\d+(?:[/?#,]|\Z))[^/].*", rf"\1{_MASK}", where, flags=re.DOTALL
        )
    return before + where
