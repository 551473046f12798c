"""The columns that make variables fast to query: maps from a name to the JSON of its value.

The text of all variables is kept as it came, in the column `variables`. Beside it, each variable
is in one of several maps, which a hash of its name decides. So a question about a variable reads
a few names of each record, not all.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

MAPS: Final = 8
"""Of 8 maps, a group by one of 7 variables takes 28 ms of 600,000 records; of one map 67 ms."""

_PREFIX: Final = "vars_"
_TYPE: Final = "Map(LowCardinality(String), String)"
_RAW: Final = "JSONExtractKeysAndValuesRaw(variables)"
_PAIRS: Final = (
    "if(arrayExists(pair -> length(pair.2) > 16 AND (ascii(pair.2) BETWEEN 45 AND 57 "
    f"OR ascii(pair.2) = 123), {_RAW}), "
    "arrayMap(pair -> multiIf(length(pair.2) <= 16, pair, "
    "match(pair.2, '^-?[0-9]+$') AND JSONType(variables, pair.1) = 'Double', "
    "(pair.1, toString(toInt128(JSONExtractFloat(variables, pair.1)))), "
    "ascii(pair.2) = 123 AND match(pair.2, '[0-9]{17}'), (pair.1, concat(' ', pair.2)), "
    f"pair), {_RAW}), {_RAW})"
)
"""ClickHouse writes 2.0**60 as 1152921504606847000, which is another integer. So such a number gets
all of its digits here, and a dict that may have one a space in front. Its values are then read
from `variables`: ClickHouse cannot even read each dict that it has written so.
"""


class MapColumn(NamedTuple):
    """One of the maps.

    Attributes:
        name: Of the column.
        type: Of the column.
        expression: Computes it from `variables`.
    """

    name: str
    type: str
    expression: str

    @property
    def ddl(self) -> str:
        """The definition of the column in a `CREATE TABLE`."""
        return f"{self.name} {self.type} MATERIALIZED {self.expression} CODEC(ZSTD(1))"


COLUMNS: Final = tuple(
    MapColumn(
        f"{_PREFIX}{number}",
        _TYPE,
        f"CAST(arrayFilter(pair -> CRC32(pair.1) % {MAPS} = {number}, {_PAIRS}), '{_TYPE}')",
    )
    for number in range(MAPS)
)
"""The maps, in the order of the table."""


def column_of(name: str) -> str:
    """Return the column of the map that has a variable."""
    return f"{_PREFIX}{zlib.crc32(name.encode()) % MAPS}"
