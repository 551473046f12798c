"""The names of facts about a request, and the patterns that take them.

Facts have reserved prefixes. No pattern takes one by accident: `*` alone takes none.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from typing import Final

from flask_chest.record import FACT_PREFIXES, HEADER_PREFIXES

CLIENT_IP: Final = "request.client_ip"
USER_AGENT: Final = "request.user_agent"
HOST: Final = "request.host"
REQUEST_BYTES: Final = "request.bytes"
RESPONSE_BYTES: Final = "response.bytes"
FIRST_BYTE_MS: Final = "response.first_byte_ms"
RELEASE: Final = "app.release"
SINGLE_FACTS: Final = (
    CLIENT_IP, USER_AGENT, HOST, REQUEST_BYTES, RESPONSE_BYTES, FIRST_BYTE_MS, RELEASE,
)  # fmt: skip

QUERY: Final = "request.query."
REQUEST_HEADERS: Final = HEADER_PREFIXES[0]
RESPONSE_HEADERS: Final = HEADER_PREFIXES[1]
FAMILIES: Final = (QUERY, REQUEST_HEADERS, RESPONSE_HEADERS)
"""Prefixes that the name of a parameter or a header follows."""

RESERVED: Final = FACT_PREFIXES
"""Names with these prefixes are facts. A variable of `flask.g` cannot have one."""

_HEADER: Final = re.compile(r"[!#$%&'*+.^`|~0-9a-z-]+")  # a token of RFC 9110, in lower case


# For hints: the facts by the part after the first dot, and what Flask or others call them.
_SINGLE: Final = {
    part: [name for name in SINGLE_FACTS if name.endswith(f".{part}")]
    for part in (name.partition(".")[2] for name in SINGLE_FACTS)
}
_SYNONYMS: Final = {
    "args": "query", "params": "query", "content_length": "bytes", "size": "bytes",
    "ip": "client_ip", "remote_addr": "client_ip", "version": "release",
}  # fmt: skip


def is_fact(name: str) -> bool:
    """Return whether a name or pattern stands for facts, and not for variables of `flask.g`."""
    return name.startswith(RESERVED)


def family_of(name: str) -> str:
    """Return the prefix of a fact that is one of many, such as a header; empty for others."""
    return next((family for family in FAMILIES if name.startswith(family)), "")


def normal(pattern: str) -> str:
    """Return a pattern of facts in its normal form: for a header, in lower case and with `-`.

    In a WSGI environ, `X-User-ID` and `x_user_id` are one header.
    """
    if family_of(pattern) in {REQUEST_HEADERS, RESPONSE_HEADERS}:
        return pattern.lower().replace("_", "-")
    return pattern


def spellings(name: str) -> tuple[str, ...]:
    """Return the names that an exclusion may mean: of a header, also the one with `_`."""
    if family_of(name) in {REQUEST_HEADERS, RESPONSE_HEADERS}:
        return name, name.replace("-", "_")
    return (name,)


def single_facts(pattern: str) -> tuple[str, ...]:
    """Return the facts outside of families that a pattern takes: its `*` goes into no family."""
    return tuple(name for name in SINGLE_FACTS if fnmatch.fnmatchcase(name, literally(pattern)))


def can_match(pattern: str, *, as_exclusion: bool) -> bool:
    """Return whether a pattern of facts, in its normal form, can match one.

    Args:
        pattern: Without `!`.
        as_exclusion: Whether it excludes. Then `request.*` means parameters and headers, too.
    """
    family = family_of(pattern)
    if family:
        name = pattern.removeprefix(family)
        return bool(name) and (family == QUERY or _HEADER.fullmatch(name) is not None)
    if single_facts(pattern):
        return True
    start, star, _ = pattern.partition("*")
    return as_exclusion and bool(star) and any(each.startswith(start) for each in FAMILIES)


def hint(pattern: str) -> str:
    """Return a sentence about what was meant by a pattern that can match no fact."""
    family = family_of(pattern)
    if family and (name := pattern.removeprefix(family)):
        return f"{name!r} is no name of a header"
    root, _, rest = pattern.lower().partition(".")
    rest = _SYNONYMS.get(rest, rest)
    found = difflib.get_close_matches(rest, _SINGLE, n=1, cutoff=0.7)
    if found:
        near = next((n for n in _SINGLE[found[0]] if n.startswith(root)), _SINGLE[found[0]][0])
        return f"Did you mean {near!r}?"
    kind, _, name = rest.partition(".")
    found = difflib.get_close_matches(_SYNONYMS.get(kind, kind), ("query", "headers"), n=1)
    if found:
        root = root if root == "response" and found[0] == "headers" else "request"
        return f"Did you mean '{root}.{found[0]}.{name or '*'}'?"
    facts = (*SINGLE_FACTS, *(f"{family}<name>" for family in FAMILIES))
    return f"The facts about a request are {', '.join(facts)}"


def literally(pattern: str) -> str:
    """Return a pattern for `fnmatch` in which `*` alone has a meaning: `user[id]` is a name."""
    return re.sub(r"[\[?]", r"[\g<0>]", pattern)
