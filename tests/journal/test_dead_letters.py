"""Records that a database refused."""

from __future__ import annotations

import json
import resource

import pytest
from support.journals import (
    SMALLEST,
    line,
    size_of,
)


def test_dead_letters_keep_the_record_and_the_error(make_disk, folder):
    reader = make_disk("main").reader("main")
    with reader.lease():
        reader.dead_letter(line(1), ValueError("too\nlong"))
        reader.dead_letter(b'{"half": "\xff', TypeError("no JSON"))
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert [json.loads(letter) for letter in letters] == [
        {"error": "ValueError: too\nlong", "record": json.loads(line(1))},
        {"error": "TypeError: no JSON", "record": '{"half": "\ufffd'},
    ]


def test_a_dead_letter_that_the_disk_has_no_room_for_leaves_no_half_line(
    make_disk, folder, file_size_limit
):
    reader = make_disk("main").reader("main")
    with reader.lease():
        reader.dead_letter(line(1), ValueError("no"))
        whole = (folder / "dead-letter" / "main.jsonl").read_bytes()
        file_size_limit(len(whole) + 10)
        with pytest.raises(OSError, match="could be written"):
            reader.dead_letter(line(2), ValueError("no"))
        file_size_limit(resource.RLIM_INFINITY)
        assert (folder / "dead-letter" / "main.jsonl").read_bytes() == whole


def test_dead_letters_stop_at_their_limit(make_disk, folder, counters, caplog):
    reader = make_disk("main", max_bytes=SMALLEST).reader("main")
    with reader.lease():
        for number in range(300):
            reader.dead_letter(line(number, 1_000), ValueError("no"))
    letters = (folder / "dead-letter" / "main.jsonl").read_text().splitlines()
    assert SMALLEST // 8 <= size_of(folder / "dead-letter") < SMALLEST // 8 + 2_000
    assert counters.by_reason("dropped main") == {"dead_letters_full": 300 - len(letters)}
    assert "Look into it, and delete it" in caplog.text
