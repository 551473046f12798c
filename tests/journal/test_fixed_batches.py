"""Batches whose borders are written down: they come again as they were, whatever happens."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import ALL, MIB, line, numbers, reader_of, segment_files

from flask_chest.exporter import Batch
from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

TOKEN = "0" * 32


def take(journal, number=ALL, *, acknowledges=True, max_records=ALL, **policy):
    """Return the token and the numbers of the records of some batches."""
    found = []
    with reader_of(journal) as reader:
        for chunk in reader.chunks(max_records, ALL, fixed=True, **policy):
            found.append((chunk.token, [json.loads(each)["n"] for each in chunk.lines.split()]))
            if acknowledges:
                reader.acknowledge(chunk)
            if not acknowledges or len(found) == number:
                break
    return found


def append(journal, wanted):
    for number in wanted:
        assert journal.append(f'{{"n":{number}}}\n'.encode())


def test_a_batch_that_was_not_acknowledged_comes_again_although_more_records_wait(journal):
    append(journal, range(3))
    first = take(journal, acknowledges=False)
    append(journal, range(3, 6))
    assert [taken for _, taken in first] == [[0, 1, 2]]
    assert first[0][0] == Batch(b'{"n":0}\n{"n":1}\n{"n":2}\n', 3).token
    assert take(journal, acknowledges=False) == first
    again = take(journal)
    assert again[0] == first[0]
    assert [taken for _, taken in again[1:]] == [[3, 4, 5]]
    assert take(journal) == []
    assert journal.reader("main").pending() == (0, 0.0)


def test_it_comes_again_to_another_process_with_another_policy(make_disk):
    one = make_disk("main")
    append(one, range(3))
    one.close()
    append(one, range(3, 6))  # in another segment
    first = take(one, acknowledges=False)
    append(one, range(6, 9))
    two = make_disk("main")
    assert [taken for _, taken in first] == [[0, 1, 2, 3, 4, 5]]
    assert take(two, max_records=2)[:1] == first
    assert take(one) == []


def test_halves_come_again_as_halves(make_disk):
    journal = make_disk("main")
    append(journal, range(8))
    with reader_of(journal) as reader:
        [chunk] = reader.chunks(ALL, ALL, fixed=True)
        first, second = reader.halve(chunk)
        reader.acknowledge(first)
        third, fourth = reader.halve(second)
    append(journal, range(8, 10))
    assert take(make_disk("main")) == [
        (third.token, [4, 5]),
        (fourth.token, [6, 7]),
        (Batch(b'{"n":8}\n{"n":9}\n', 2).token, [8, 9]),
    ]
    tokens = {each.token for each in (chunk, first, second, third, fourth)}
    assert len(tokens) == 5


def test_a_batch_keeps_its_token_when_some_of_its_records_are_erased(journal):
    append(journal, range(5))
    first = take(journal, acknowledges=False)
    append(journal, range(5, 7))
    with journal.erase(lambda record: record["n"] in (1, 6)) as erased:
        assert erased.total == 2
    again = take(journal)
    assert again == [
        (first[0][0], [0, 2, 3, 4]),
        (Batch(b'{"n":5}\n', 1).token, [5]),
    ]
    assert journal.reader("main").pending() == (0, 0.0)


def test_a_batch_of_which_all_records_are_erased_does_not_come_again(journal):
    append(journal, range(2))
    take(journal, acknowledges=False)
    with journal.erase(lambda _: True):
        pass
    append(journal, [2])
    assert [taken for _, taken in take(journal)] == [[2]]
    assert journal.reader("main").pending() == (0, 0.0)


def test_a_batch_keeps_its_token_when_a_segment_of_it_was_dropped(make_disk, folder):
    journal = make_disk("main")
    for part in (range(3), range(3, 6), range(6, 9)):
        append(journal, part)
        journal.close()
    first = take(journal, acknowledges=False)
    segment_files(folder)[1].unlink()
    assert take(make_disk("main")) == [(first[0][0], [0, 1, 2, 6, 7, 8])]
    assert take(make_disk("main")) == []


def test_a_batch_keeps_its_token_when_memory_has_dropped_some_of_it():
    journal = MemoryJournal(["main"], Counters(), Throttle(), max_bytes=100)
    append(journal, range(10))  # 8 bytes each, and 9 from 10 on
    first = take(journal, acknowledges=False)
    append(journal, range(10, 15))
    assert [(token == first[0][0], taken) for token, taken in take(journal)] == [
        (True, list(range(4, 10))),
        (False, list(range(10, 15))),
    ]
    append(journal, range(15, 18))
    take(journal, acknowledges=False)
    append(journal, range(20, 40))
    assert [taken for _, taken in take(journal)] == [list(range(29, 40))]


@pytest.mark.parametrize("left", [b"", b'{"n":0}\n', b'{"n":0}\n{"n"'], ids=len)
def test_a_batch_keeps_its_token_when_a_power_cut_took_some_of_it(make_disk, folder, left):
    journal = make_disk("main")
    append(journal, range(3))
    journal.close()
    append(journal, range(3, 6))
    journal.close()
    first = take(journal, acknowledges=False)
    segment_files(folder)[0].write_bytes(left)
    kept = [0] if left else []
    assert take(make_disk("main")) == [(first[0][0], [*kept, 3, 4, 5])]
    again = make_disk("main")
    assert take(again) == []
    again.prune()
    assert segment_files(folder) == []


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda _: "none",
        lambda _: [1],
        lambda _: [{"token": TOKEN}],
        lambda fixed: [{**fixed[0], "token": "../elsewhere"}],
        lambda _: [{"token": 5, "parts": [["s", 0, 8]]}],
        lambda fixed: [{"token": TOKEN, "parts": [fixed[0]["parts"][0][:2]]}],
        lambda fixed: [{"token": TOKEN, "parts": [[fixed[0]["parts"][0][0], 3, 8]]}],
        lambda fixed: [{"token": TOKEN, "parts": [[fixed[0]["parts"][0][0], 8, 0]]}],
    ],
)
def test_corrupt_borders_lose_no_record(make_disk, folder, corrupt):
    journal = make_disk("main")
    append(journal, range(3))
    take(journal, acknowledges=False)
    cursor = folder / "cursors" / "main.json"
    stored = json.loads(cursor.read_text())
    cursor.write_text(json.dumps({**stored, "fixed": corrupt(stored["fixed"])}))
    lines = b'{"n":0}\n{"n":1}\n{"n":2}\n'
    assert take(make_disk("main")) == [(Batch(lines, 3).token, [0, 1, 2])]


def test_a_release_that_knows_no_fixed_batches_may_deliver_in_between(make_disk, folder):
    journal = make_disk("main")
    append(journal, range(3))
    take(journal, acknowledges=False)
    cursor = folder / "cursors" / "main.json"
    stored = json.loads(cursor.read_text())
    name = segment_files(folder)[0].name
    cursor.write_text(json.dumps({**stored, name: 8}))
    assert [taken for _, taken in take(make_disk("main"))] == [[1, 2]]


def test_without_room_for_the_borders_this_process_remembers_them(
    make_disk, folder, file_size_limit, caplog
):
    journal = make_disk("main")
    append(journal, range(3))
    file_size_limit(10)
    first = take(journal, acknowledges=False)
    assert "cannot be written down" in caplog.text
    assert not (folder / "cursors" / "main.json").exists()
    file_size_limit(10**9)
    append(journal, range(3, 5))
    assert take(journal, acknowledges=False) == first
    assert take(journal)[0] == first[0]
    assert take(make_disk("main")) == []


def test_what_another_process_has_delivered_replaces_borders_that_were_not_written_down(
    make_disk, file_size_limit
):
    journal = make_disk("main")
    append(journal, range(3))
    file_size_limit(10)
    take(journal, acknowledges=False)
    file_size_limit(10**9)
    append(journal, range(3, 5))
    other = make_disk("main")
    assert [taken for _, taken in take(other, acknowledges=False)] == [[0, 1, 2, 3, 4]]
    assert [taken for _, taken in take(journal)] == [[0, 1, 2, 3, 4]]


def test_a_last_batch_with_too_few_records_waits(journal):
    append(journal, range(10))
    assert [taken for _, taken in take(journal, max_records=4, min_records=3)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    assert take(journal, max_records=4, min_records=3) == []
    append(journal, [10])
    assert [taken for _, taken in take(journal, max_records=4, min_records=3)] == [[8, 9, 10]]


def test_a_batch_that_is_full_of_bytes_does_not_wait_for_more_records(journal):
    lines = [line(number, 100) for number in range(5)]
    for each in lines:
        journal.append(each)
    with reader_of(journal) as reader:
        taken = []
        for chunk in reader.chunks(1_000, 250, min_records=1_000):
            taken.append(numbers(chunk.lines.splitlines()))
            reader.acknowledge(chunk)
    assert taken == [[0, 1], [2, 3]]


def test_a_blocked_batch_holds_up_what_follows_it_in_its_segments_and_nothing_else(make_disk):
    journal = make_disk("main")
    for part in (range(3), range(3, 6), range(6, 9)):
        append(journal, part)
        journal.close()
    with reader_of(journal) as reader:
        for chunk in reader.chunks(2, ALL, fixed=True):  # 01 23 45 67 8
            if chunk.lines.startswith(b'{"n":2}'):
                reader.block(chunk)
            else:
                reader.acknowledge(chunk)
    assert [taken for _, taken in take(make_disk("main"))] == [[2, 3], [4, 5]]


def attempt(draw, chunk, reader, tokens):
    """Store a chunk or not; return whether the rest may be delivered, too."""
    what = draw(st.sampled_from(["store", "store", "lose the answer", "end", "halve"]))
    is_new = chunk.token not in tokens.values()  # or the destination has it, and says so
    if what == "halve" and chunk.count > 1 and is_new:
        return all(attempt(draw, half, reader, tokens) for half in reader.halve(chunk))
    if what != "end":
        for number in numbers(chunk.lines.splitlines()):
            assert tokens.setdefault(number, chunk.token) == chunk.token
    if what == "store":
        reader.acknowledge(chunk)
    return what == "store"


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_whatever_happens_each_record_has_one_token(data):
    """Attempts fail or end, chunks are halved, records are appended, processes take over."""
    tokens = {}
    appended = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def process():
            made = DiskJournal(Path(folder), ["main"], Counters(), Throttle(), fsync="never")
            stack.callback(made.close)
            return made

        processes = [process(), process()]
        for _ in range(data.draw(st.integers(1, 8))):
            for _ in range(data.draw(st.integers(0, 6))):
                append(data.draw(st.sampled_from(processes)), [appended])
                appended += 1
            with reader_of(data.draw(st.sampled_from(processes))) as reader:
                limit = data.draw(st.sampled_from([2, 5, 100]))
                for chunk in reader.chunks(limit, ALL, fixed=True):
                    if not attempt(data.draw, chunk, reader, tokens):
                        break
        for token, taken in take(process(), max_records=3):
            for number in taken:
                assert tokens.setdefault(number, token) == token
        assert sorted(tokens) == list(range(appended))


def test_large_batches_take_bounded_memory(make_disk, folder):
    """At most the pieces of a batch and the batch, or the batch and its halves."""
    size = 2 * MIB
    for _ in range(24):  # a segment each
        journal = make_disk("main", max_bytes=64 * MIB)
        for number in range(512):
            journal.append(line(number, 1_024))
        journal.close()
    tracemalloc.start()
    try:
        with reader_of(journal) as reader:
            sizes = []
            for chunk in reader.chunks(ALL, size, fixed=True):
                sizes.append(len(chunk.raw))
                reader.acknowledge(chunk)
                del chunk
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sizes == [size] * 6
    assert peak < 2.75 * size
