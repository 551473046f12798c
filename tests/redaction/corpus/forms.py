"""What a form of the corpus is, and how its made-up secrets are built."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Place: TypeAlias = Literal["variable", "path", "request_id", "error", "header", "query"]
"""Where a request puts a value: on `g` (`variable`), or into a part of itself."""

ALNUM: Final = string.ascii_letters + string.digits
UPPER: Final = string.ascii_uppercase + string.digits
HEX: Final = "0123456789abcdef"


@dataclass(frozen=True)
class Form:
    """One value of a request, and what must become of it.

    Attributes:
        family: The kind of secret or of fact.
        value: The value.
        secrets: Texts of which none may be recorded. Empty for a fact, which is recorded unchanged.
        name: Name of the variable; of the header or parameter where `place` says so.
        named: Whether the route names the variable exactly; otherwise a `*` takes it.
        place: Where the value is.
        kept: Texts around the secret that have to be recorded.
    """

    family: str
    value: object
    secrets: tuple[str, ...] = ()
    name: str = "note"
    named: bool = True
    place: Place = "variable"
    kept: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.family}: {self.name}={self.value!r:.160}"


def made(label: str, length: int = 12, letters: str = ALNUM) -> str:
    """Return a text that is no secret of anyone: the same one each time for the same label.

    No scanner of repositories finds such a text, because it is nowhere written down.
    """
    draw = random.Random(label)
    while True:
        text = "".join(draw.choice(letters) for _ in range(length))
        if letters != ALNUM or length < 8 or any(c.isdigit() for c in text):
            return text


def texts(
    family: str, templates: Iterable[str], *, length: int = 12, kept: tuple[str, ...] = ()
) -> list[Form]:
    """Return a form for each template, in which `{x}` stands for the secret.

    A part of a template after ` ## ` is what must be kept.
    """
    forms = []
    for template in templates:
        text, _, rest = template.partition(" ## ")
        secret = made(family + text, length)
        keeps = (*kept, *filter(None, rest.split(" | ")))
        forms.append(Form(family, text.replace("{x}", secret), (secret,), kept=keeps))
    return forms


def facts(family: str, values: Iterable[object], *, name: str = "note") -> list[Form]:
    """Return a form for each harmless value."""
    return [Form(family, value, name=name) for value in values]


def luhn(digits: str) -> str:
    """Return digits with their check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 if place % 2 else 2)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{digits}{-total % 10}"
