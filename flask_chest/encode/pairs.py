"""Keys and values that are written in other forms than the pairs of a dict.

Headers are pairs or triples, environments are objects with a name and a value, and the arguments of
a command have the value behind the option.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final, cast

from flask_chest.encode.limits import MAX_KEY
from flask_chest.redaction import PLAIN, WEAK, Budget, Redactor

_NAME_FIELDS: Final = frozenset(
    (
        "name",
        "key",
        "field",
        "header",
        "variable",
        "param",
        "parameter",
        "parameterkey",
        "id",
        "loc",
    )
)
_VALUE_FIELDS: Final = frozenset(
    (
        "value", "values", "val", "content", "default", "data", "parametervalue", "secretstring",
        "input", "old", "new", "old_value", "new_value",
    )
)  # fmt: skip
VALUE_NAMES: Final = frozenset(
    spelling
    for name in _VALUE_FIELDS
    for spelling in (name, name.upper(), name.capitalize(), name.title().replace("_", ""))
) | {"ParameterValue", "SecretString", "oldValue", "newValue"}
"""Fields that may hold the value of a secret name beside them, as people spell them."""
_WORD: Final = re.compile("[a-z_]{1,20}")
_MAX_FIELDS: Final = 16
_MAX_FIELD: Final = 32
_MAX_NUMBERS: Final = 64
_MAX_DIGITS: Final = 12
_MAX_BEFORE: Final = 8
"""Arguments among which the name of the program is looked for."""
# By their IDs: a look-up of a class may run its metaclass.
_NUMBERS: Final = frozenset(map(id, (int, float, bool, type(None), Decimal)))
_CONTAINERS: Final = frozenset(map(id, (dict, list, tuple, set)))


def key_of(key: object) -> str | None:
    """Return a key as a text, where it is one: a str, bytes that are UTF-8, or an enum of these."""
    kind = type(key)
    if kind is str:
        return cast("str", key)
    if issubclass(kind, enum.Enum):
        key = _dict_of(key).get("_value_")
        kind = type(key)
    if issubclass(kind, str):
        return str.__str__(cast("str", key))  # the same text, without overrides
    if issubclass(kind, (bytes, bytearray, memoryview)):
        try:
            return bytes(cast("bytes", key)[: 4 * MAX_KEY]).decode()
        except UnicodeDecodeError:
            return None
    return None


def _dict_of(value: object) -> dict[str, object]:
    try:
        return cast("dict[str, object]", object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return {}


def values_of_pair(items: list[Any], redact: Redactor, budget: Budget) -> tuple[str, int]:
    """Return the key of a list that is a secret key and its value, and the verdict on it.

    Headers are often such pairs, or triples with a flag. The verdict is `PLAIN` for other lists.
    """
    if not 2 <= len(items) <= 3 or (key := key_of(items[0])) is None:
        return "", PLAIN
    verdict = redact.verdict(key, budget)
    if len(items) == 3 and verdict == WEAK and id(type(items[2])) not in _NUMBERS:
        return key, PLAIN
    return key, verdict


def is_plain_word(items: list[Any], item: object) -> bool:
    """Return whether an item of a triple is just a word: `["password", "user", "mail"]`."""
    return len(items) == 3 and type(item) is str and _WORD.fullmatch(item) is not None


def value_fields(pairs: list[Any], redact: Redactor, budget: Budget) -> tuple[Collection[str], int]:
    """Return which fields hold the value of a name that another field has, and the verdict on it.

    As in `{"name": "DB_PASSWORD", "value": "x"}`.
    """
    if len(pairs) > _MAX_FIELDS:
        return (), PLAIN
    verdict, fields = PLAIN, []
    for key, item in pairs:
        if type(key) is str:
            lower = key.lower() if len(key) <= _MAX_FIELD else ""
            if lower in _VALUE_FIELDS or key in VALUE_NAMES:
                fields.append(key)
            elif lower in _NAME_FIELDS and (name := _name_of(item)) is not None:
                verdict = max(verdict, redact.verdict(name, budget))
            elif lower == "path" and type(item) is str and any(each == "op" for each, _ in pairs):
                name = item[-MAX_KEY:].rpartition("/")[2]  # of a JSON patch
                verdict = max(verdict, redact.verdict(name, budget))
    return fields, verdict


def _name_of(item: object) -> str | None:
    """Return a name as a text; of a place in a body, such as pydantic's `loc`, its last one."""
    if type(item) is list or type(item) is tuple:
        return key_of(item[-1]) if item else None
    return key_of(item)


def is_secret_argument(items: list[Any], index: int, redact: Redactor, budget: Budget) -> bool:
    """Return whether an item is the secret of a command line, as in `["--password", "x"]`."""
    if index == 0:
        return False
    item, before = _argument(items[index]), _argument(items[index - 1])
    is_option = item[:1] == "-"
    if not item or (not is_option and before[:1] != "-"):
        return False
    is_named = not is_option and len(before) > 2 and "=" not in before
    if is_named and redact.verdict(before, budget) != PLAIN:
        return True
    # By the name of the program, as in `sudo mysql -pSECRET` and `curl -u user:password`.
    start = "".join(
        f"{_argument(each)[-64:]} " for each in items[max(index - _MAX_BEFORE, 0) : index]
    )
    line = start + item[:256]
    return redact.finds(line, budget, len(start)) and not redact.finds(item, budget)


def _argument(item: object) -> str:
    if type(item) is str:
        return item
    return item[:MAX_KEY].decode("utf-8", "replace") if type(item) is bytes else ""


def are_numbers(value: object) -> bool:
    """Return whether a value is a number, or a short flat container of nothing but numbers."""
    kind = type(value)
    if kind is Decimal:
        return True
    if id(kind) not in _CONTAINERS or len(cast("list[object]", value)) > _MAX_NUMBERS:
        return False
    # Copied in one step, as another thread may change it.
    items = dict(value).values() if kind is dict else list(value)  # type: ignore[call-overload] # a container
    return all(id(type(item)) in _NUMBERS for item in items)


def is_count(key: str, value: object) -> bool:
    """Return whether a text is a number of tokens or sessions: `{"prompt_tokens": "512"}`."""
    if type(value) is not str or len(value) > _MAX_DIGITS:
        return False
    return key.lower().endswith(("tokens", "sessions")) and value.replace(",", "").isdecimal()
