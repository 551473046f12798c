"""What is wrong with a value, in our words: pydantic says it for those who write models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr
from pydantic_core import PydanticKnownError

from flask_chest.settings.masking import without

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BOOL: Final = "is neither true nor false. Write 1, true or on; or 0, false or off"
_WHOLE: Final = "is no whole number"
_NUMBER: Final = "is no number"
_TEXT: Final = "is no text"
_LIST: Final = 'is no list. Write a list, such as ["user_id"]'
_DICT: Final = 'is no dict. Write a dict, such as {{"name": "value"}}'
_DURATION: Final = "is no duration"
_PATH: Final = "is no path"
_NETWORK: Final = "is no network. Write its first address, and no other, such as 10.0.0.0/8"
_FUNCTION: Final = "is no function"

_SENTENCES: Final = {
    "bool_parsing": _BOOL,
    "bool_type": _BOOL,
    "int_parsing": _WHOLE,
    "int_parsing_size": "is too large a number",
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "is no finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": "is too short: the least number of characters is {min_length}",
    "string_too_long": "is too long: the largest number of characters is {max_length}",
    "string_pattern_mismatch": "has other characters than it may have: {pattern}",
    "literal_error": "is not known. Write {expected}",
    "enum": "is not known. Write {expected}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "deque_type": _LIST,
    "sequence_str": _LIST,
    "iterable_type": _LIST,
    "dict_type": _DICT,
    "mapping_type": _DICT,
    "model_type": _DICT,
    "model_attributes_type": _DICT,
    "too_short": "has too few entries: the least number is {min_length}",
    "too_long": "has too many entries: the largest number is {max_length}",
    "missing": "is missing",
    "time_delta_parsing": _DURATION,
    "time_delta_type": _DURATION,
    "path_type": _PATH,
    "ip_v4_network": _NETWORK,
    "ip_v6_network": _NETWORK,
    "ip_any_network": _NETWORK,
    "callable_type": _FUNCTION,
}
"""What is said of each type of error. Of any other, pydantic's own message is."""


_WITHOUT_TEMPLATE: Final = {
    "path_type": "Input is not a valid path",
    "sequence_str": "instances are not allowed as a Sequence value",
}
"""What pydantic says in those of its errors that pydantic-core does not know."""


def type_of(fault: ErrorDetails) -> str:
    """Return the type of an error of pydantic's own; empty for one that a validator worded.

    A validator may give its `PydanticCustomError` any type, and any context.
    """
    found = fault["type"]
    if found in _WITHOUT_TEMPLATE:
        return found if _WITHOUT_TEMPLATE[found] in fault["msg"] else ""
    try:
        known = PydanticKnownError(found, fault.get("ctx")).message()  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - the type or the context is the validator's
        return ""
    return found if known == fault["msg"] else ""


def said_of(fault: ErrorDetails, secrets: Iterable[str] = ()) -> str:
    """Return what is wrong with a value, as the end of a sentence that begins with it.

    Args:
        fault: One of those of `pydantic.ValidationError.errors`, with its context.
        secrets: Texts that a validator may have repeated in its message.
    """
    context: dict[str, Any] = fault.get("ctx", {})
    found = type_of(fault)
    given = fault["input"]
    is_text = isinstance(given, (str, SecretStr)) and len(given) == context.get("actual_length")
    if found in ("too_short", "too_long") and is_text:  # and not what was read from the text
        found = f"string_{found}"
    sentence = _SENTENCES.get(found)
    if sentence is None:
        return without(fault["msg"].removeprefix("Value error, "), secrets)
    return sentence.format_map(context)
