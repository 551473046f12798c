"""How long, large and deep the variables of a record may be. What is beyond a limit is cut."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 16  # levels of lists and dicts in one variable
MAX_ITEMS: Final = 1_000  # items of one list or dict, and variables of one record
MAX_NAMES: Final = 2_048  # names on `flask.g` that patterns with `*` are compared with
MAX_TEXT: Final = 16_384  # characters of one string, with the mark that it was cut
MAX_KEY: Final = 255  # characters of a variable's name or of a key, with its mark
MAX_VARIABLE: Final = 65_536  # characters of one variable
MAX_RECORD: Final = 262_144  # characters of all variables of one record, and of their names
MAX_FLAT: Final = 16_384  # characters of flat lists and dicts that are copied without a budget

MAX_INTEGER_BITS: Final = 1_024
"""Larger integers are written in hexadecimal: Python refuses to print huge ones in decimal."""

VALUE_COST: Final = 8
"""Room that each value takes in a record besides its text: `[[], [], []]` is not free."""

MAX_SHORT: Final = 256
"""Texts of up to this many characters are converted before larger values."""

MIN_TEXT: Final = 40
"""A text of up to this many characters is kept even without room: a mark, an ID, a country."""
