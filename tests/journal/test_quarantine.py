"""What cannot be read is quarantined, and holds up nothing."""

from __future__ import annotations

import json

import pytest
from support.journals import (
    ALL,
    SMALLEST,
    asked,
    deliver,
    line,
    segment_files,
    size_of,
    unread,
    variables,
)
from support.waiting import until

from flask_chest.record import uuid7


@pytest.mark.parametrize("kind", ["folder", "link to itself"])
def test_a_segment_that_cannot_be_read_hides_no_other(make_disk, folder, kind, caplog, counters):
    journal = make_disk("main")
    journal.append(line(1))
    journal.close()
    bad = folder / "segments" / f"{uuid7()}.jsonl"
    if kind == "folder":
        bad.mkdir()
        (bad / "some file").write_text("")
    else:
        bad.symlink_to(bad)
    journal.append(line(2))
    journal.close()
    taken = []
    reader = journal.reader("main")
    with reader.lease():
        chunks = reader.chunks(1, ALL)
        for _ in range(2):
            chunk = next(chunks)
            taken.append(chunk.lines)
            reader.acknowledge(chunk)
        with pytest.raises(OSError, match=r"directory|symbolic"):
            next(chunks)
    assert taken == [line(1), line(2)]
    journal.prune()
    assert segment_files(folder) == []
    assert sorted(path.name for path in (folder / "damaged").iterdir()) == [
        bad.name,
        f"{bad.name}.reason",
    ]
    assert "cannot be read" in (folder / "damaged" / f"{bad.name}.reason").read_text()
    assert counters.by_reason("dropped") == {"damaged": 1}
    assert "Quarantined" in caplog.text
    assert unread(journal) == []


def test_the_oldest_quarantined_parts_make_room_for_newer_ones(make_disk, folder, counters):
    for _ in range(4):
        journal = make_disk("main", max_bytes=SMALLEST)
        journal.append(line(1))
        with segment_files(folder)[-1].open("ab") as file:
            file.write(b"x" * 50_000)
        newest = segment_files(folder)[-1].name
        journal.close()
        deliver(journal)
        journal.prune()
    assert segment_files(folder) == []
    assert size_of(folder / "damaged") <= SMALLEST // 8 + 1_000
    assert (folder / "damaged" / f"{newest}@{len(line(1))}").read_bytes() == b"x" * 50_000
    assert counters.by_reason("dropped") == {"torn": 4}


def test_whatever_is_corrupt_all_else_is_in_the_database_once(shop, serve, recorded, said, caplog):
    app, chest, folder = shop
    client = serve(app)
    asked(client, range(10))
    recorded(chest, 10)
    chest.close()
    (folder / "cursors" / "main.json").write_bytes(b'{"01a2')
    # What another process left when the power failed.
    good = segment_files(folder)[0].read_bytes() if segment_files(folder) else b""
    dead = folder / "segments" / f"{uuid7()}.jsonl"
    template = {**record_of(app, client, chest), "variables": {"number": 11}}
    lines = [json.dumps({**template, "id": uuid7(), "variables": {"number": n}}) for n in (11, 12)]
    whole = folder / "whole"  # an empty segment of no process is deleted at once
    whole.write_bytes(
        good
        + f"{lines[0]}\n".encode()
        + b"\xff\x00 no JSON at all {{{\n"
        + f"{lines[1]}\n".encode()
        + b'{"id": "half a li'
        + b"\0" * 4096
    )
    whole.rename(dead)
    (folder / "segments" / f"{uuid7()}.jsonl").mkdir()
    asked(client, range(20, 25))
    until(lambda: not chest.stats().exporters["main"].pending_bytes)
    chest.close()
    rows = recorded(chest)
    assert variables(rows) == [*range(13), *range(20, 25)]
    assert not (folder / "dead-letter" / "main.jsonl").exists()
    [garbage] = (path for path in (folder / "damaged").glob("*@*") if b"no JSON" in read(path))
    assert read(garbage) == b"\xff\x00 no JSON at all {{{\n"
    reasons = sorted(path.read_text() for path in (folder / "damaged").glob("*.reason"))
    assert len(reasons) == 3
    assert "is no record" in "".join(reasons)
    assert "4096 of them zeros" in "".join(reasons)
    assert "Is a directory" in "".join(reasons)
    assert (folder / "damaged" / f"{dead.name}@{dead_offset(lines, good)}").read_bytes() == (
        b'{"id": "half a li'
    )


def read(path):
    return path.read_bytes()


def dead_offset(lines, good):
    return len(good) + len(lines[0]) + 1 + len(b"\xff\x00 no JSON at all {{{\n") + len(lines[1]) + 1


def record_of(app, client, chest):
    """Record one more request, whose number is 10, and return its record."""
    with app.app_context():
        asked(client, [10])
        assert chest.flush(60)
        newest = chest.store("main").query(limit=1)
    return newest[0].as_data()
