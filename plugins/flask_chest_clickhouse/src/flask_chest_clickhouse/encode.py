"""What is said of a batch to the server that unpacks it, and what the server does not find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest.exporter import Batch
    from flask_chest_clickhouse.config import ClickHouseConfig

_SETTINGS: Final[dict[str, str | int]] = {
    "async_insert": 0,  # the answer comes after the commit, and the token counts
    "insert_deduplicate": 1,
    "input_format_json_read_objects_as_strings": 1,  # `variables`, as they are
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 0,
    "precise_float_parsing": 1,
    "date_time_input_format": "best_effort",
    "max_partitions_per_insert_block": 0,  # a backlog may have many days
}

_long_status = re.compile(rb'"status_code":-?[0-9]{5}').search


def settings(config: ClickHouseConfig, token: str) -> dict[str, str | int]:
    """Return the settings of the insertion of a batch.

    Args:
        config: Of the store.
        token: The same in each attempt: the server stores what has it once.
    """
    found = {**_SETTINGS, "insert_deduplication_token": token}
    if config.insert_quorum is not None:
        found["insert_quorum"] = config.insert_quorum
    if config.sharded:
        found["distributed_foreground_insert"] = 1
    return found


def refuse_unsound(batch: Batch) -> None:
    """Refuse what the server would take and no record has.

    Fast path: few batches have a text that looks like it, and only those are decoded.

    Raises:
        BatchRejected: A record is malformed.
    """
    lines = batch.lines
    if (
        b"\n\n" in lines
        or lines[:1] == b"\n"
        or b"\\u0000" in lines
        or not is_utf_8(lines)
        or _long_status(lines)
    ):
        batch.rows()


def is_utf_8(lines: bytes) -> bool:
    """Return whether bytes are UTF-8, which the server does not check."""
    if lines.isascii():
        return True
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True
