"""Records that a database refused."""

from __future__ import annotations

import json
import resource
import stat
from datetime import datetime, timedelta, timezone

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
    letters = [json.loads(letter) for letter in letters]
    for letter in letters:
        assert datetime.fromisoformat(letter.pop("at")).utcoffset() == timedelta(0)
    assert letters == [
        {"error": "ValueError: too\nlong", "record": json.loads(line(1))},
        {"error": "TypeError: no JSON", "record": '{"half": "\ufffd'},
    ]


REFUSED = [
    b'{"id": "a", "x": 1}\n',
    b'{"id":"b","big":123456789012345678901234567890,"f":1.10,"s":"\xc3\xa4\\u2028"}\n',
    b'{"id": "c", "record": {"record": 1}, "error": "\\"record\\":"}\n',
    b'{"no": "id"}\n',
    b"[1, 2]\n",
    b"no JSON at all\n",
]


def test_dead_letters_come_out_as_the_lines_that_went_in(make_disk):
    reader = make_disk("main").reader("main")
    before = datetime.now(timezone.utc)
    with reader.lease():
        for each in REFUSED:
            reader.dead_letter(each, ValueError('"record": not taken'))
    letters = list(reader.dead_letters())
    assert [letter.line for letter in letters] == REFUSED
    assert [letter.id for letter in letters[:3]] == ["a", "b", "c"]
    assert {letter.error for letter in letters} == {'ValueError: "record": not taken'}
    assert [letter.record is not None for letter in letters] == [True] * 4 + [False] * 2
    for letter in letters:
        assert before - timedelta(seconds=1) <= letter.since <= datetime.now(timezone.utc)
    assert [letter.id for letter in reader.dead_letters()] == [letter.id for letter in letters]
    assert len({letter.id for letter in letters}) == len(letters)


def test_dead_letters_of_an_older_release_and_damaged_ones_are_read_too(make_disk, folder):
    reader = make_disk("main").reader("main")
    path = folder / "dead-letter" / "main.jsonl"
    path.write_text('{"error": "E: old", "record": {"id": "a", "n": 1}}\n{"error": "E: ha')
    with reader.lease():
        reader.dead_letter(b'{"id": "b"}\n', ValueError("no"))
    old, half, new = reader.dead_letters()
    assert (old.id, old.error, old.line, old.since) == (
        "a",
        "E: old",
        b'{"id": "a", "n": 1}\n',
        None,
    )
    assert "cannot be read" in half.error
    assert half.record is None
    assert new.id == "b"
    with reader.lease():
        assert reader.drop_dead_letters([half.id]) == 1
    assert [letter.id for letter in reader.dead_letters()] == ["a", "b"]


def test_dropped_dead_letters_are_gone_and_the_others_stay_as_they_were(make_disk, folder):
    reader = make_disk("main").reader("main")
    path = folder / "dead-letter" / "main.jsonl"
    with reader.lease():
        assert reader.drop_dead_letters(["a"]) == 0
        for each in (*REFUSED, REFUSED[0]):
            reader.dead_letter(each, ValueError("no"))
        whole = path.read_bytes().splitlines(keepends=True)
        assert reader.drop_dead_letters(["a", "c", "unknown"]) == 3
        assert path.read_bytes() == b"".join(whole[number] for number in (1, 3, 4, 5))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert reader.drop_dead_letters([letter.id for letter in reader.dead_letters()]) == 4
    assert not path.exists()
    assert list(reader.dead_letters()) == []


def test_the_error_of_a_dead_letter_is_renewed_and_its_line_stays_as_it_is(make_disk):
    reader = make_disk("main").reader("main")
    with reader.lease():
        for each in REFUSED:
            reader.dead_letter(each, ValueError("once"))
        before = list(reader.dead_letters())
        meant = [letter.id for letter in before[1::2]]
        assert reader.renew_dead_letters({each: TypeError("again") for each in meant}) == 3
        assert reader.renew_dead_letters({"other": TypeError("again")}) == 0
    after = list(reader.dead_letters())
    assert [(letter.id, letter.line) for letter in after] == [
        (letter.id, letter.line) for letter in before
    ]
    assert [letter.error for letter in after] == ["ValueError: once", "TypeError: again"] * 3


def test_dead_letters_that_cannot_be_dropped_are_all_still_there(
    make_disk, folder, file_size_limit
):
    reader = make_disk("main").reader("main")
    with reader.lease():
        for number in range(20):
            reader.dead_letter(b'{"id": "%d", "pad": "%s"}\n' % (number, b"x" * 500), ValueError())
        whole = (folder / "dead-letter" / "main.jsonl").read_bytes()
        file_size_limit(4_096)
        with pytest.raises(OSError, match=r"could be written|too large"):
            reader.drop_dead_letters(["3"])
        file_size_limit(resource.RLIM_INFINITY)
        assert (folder / "dead-letter" / "main.jsonl").read_bytes() == whole
        assert [path.name for path in (folder / "dead-letter").iterdir()] == ["main.jsonl"]
        assert reader.drop_dead_letters(["3"]) == 1


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
    assert "flask chest dead-letter" in caplog.text


def test_the_newest_are_read_from_the_end_of_the_file(make_disk, folder):
    reader = make_disk("main").reader("main")
    assert reader.newest_dead_letters(10) == []
    with reader.lease():
        for number in range(40):
            text = "x" * (100_000 if number % 15 else 2_500_000)  # in one block, and in several
            reader.dead_letter(b'{"id": "%d", "text": "%s"}\n' % (number, text.encode()), OSError())
    everything = list(reader.dead_letters())
    assert [letter.id for letter in everything] == [str(number) for number in range(40)]
    assert reader.newest_dead_letters(100) == everything[::-1]
    assert reader.newest_dead_letters(3) == everything[:-4:-1]
    assert reader.newest_dead_letters(0) == []
    with (folder / "dead-letter" / "main.jsonl").open("ab") as file:
        file.write(b'{"at": "2026-01-31T12:00:00+00:00", "err')  # a power cut
    newest, *others = reader.newest_dead_letters(100)
    assert "cannot be read" in newest.error
    assert others == everything[::-1]
