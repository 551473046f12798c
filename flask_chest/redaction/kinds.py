"""Kinds of secrets that are found in texts by their form: the values of CHEST_REDACT_VALUES."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, get_args

SecretKind: TypeAlias = Literal["credentials", "jwt", "card", "email"]

KINDS: Final[tuple[SecretKind, ...]] = get_args(SecretKind)

DEFAULT_KINDS: Final[tuple[SecretKind, ...]] = ("credentials", "jwt", "card")

_NONE: Final = "!*"


class SecretKinds:
    """The kinds that an application masks.

    Args:
        names: Kinds in addition to the default ones. One with `!` in front is left out; of two
            that contradict each other the later takes precedence. `!*` leaves out all default ones.

    Attributes:
        masked: Those that are masked, each once.
        own: Those of them that the application has named.

    Raises:
        ValueError: A name is that of no kind.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = tuple(names)
        kinds: dict[SecretKind, bool] = (
            {} if _NONE in given else dict.fromkeys(DEFAULT_KINDS, False)
        )
        for name in given:
            if name == _NONE:
                continue
            kind = _kind(name)
            kinds.pop(kind, None)
            if not name.startswith("!"):
                kinds[kind] = True
        self.masked: tuple[SecretKind, ...] = tuple(kinds)
        self.own = frozenset(kind for kind, is_own in kinds.items() if is_own)


def _kind(name: str) -> SecretKind:
    bare = name.removeprefix("!")
    for kind in KINDS:
        if bare == kind:
            return kind
    near = difflib.get_close_matches(bare.lower(), KINDS, n=1)
    mark = "!" if name.startswith("!") else ""
    hint = f"Did you mean {mark + near[0]!r}? " if near else ""
    raise ValueError(
        f"{name!r} is no kind of secret. {hint}The kinds are {', '.join(map(repr, KINDS))}; "
        "'!card' leaves one out, and '!*' all default ones"
    )
