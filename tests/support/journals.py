"""Records in a journal, and ways to take them out again."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

ALL = 1_000_000
MIB = 1024 * 1024
SMALLEST = MIB  # the least that CHEST_JOURNAL_MAX_BYTES may be


def line(number, size=0):
    """Return a line as long as `size`, or as short as it can be."""
    text = json.dumps({"n": number, "pad": ""})
    pad = max(size - len(text) - 1, 0)
    return json.dumps({"n": number, "pad": "x" * pad}).encode() + b"\n"


def unread(journal, exporter="main", max_bytes=ALL):
    """Return the lines that wait, without acknowledging them."""
    taken = {}
    reader = journal.reader(exporter)
    with reader.lease() as held:
        assert held
        for chunk in reader.chunks(ALL, max_bytes):
            if chunk.parts in taken:
                break  # the one in memory has but one segment, and repeats it
            taken[chunk.parts] = chunk.lines
    return b"".join(taken.values()).splitlines(keepends=True)


def deliver(journal, exporter="main", max_records=ALL, max_bytes=ALL, chunks=ALL):
    """Take and acknowledge a number of chunks; return their lines."""
    taken = []
    reader = journal.reader(exporter)
    with reader.lease() as held:
        assert held
        for number, chunk in enumerate(reader.chunks(max_records, max_bytes)):
            if number == chunks:
                break
            assert chunk.count == chunk.lines.count(b"\n") > 0
            reader.acknowledge(chunk)
            taken += chunk.lines.splitlines(keepends=True)
    return taken


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def segment_files(folder):
    return sorted((folder / "segments").glob("*.jsonl"))


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def numbers(lines):
    return [json.loads(each)["n"] for each in lines]


def asked(client, wanted):
    for number in wanted:
        response = client.get(f"/{number}")
        assert (response.status_code, response.text) == (200, str(number))


def variables(rows):
    return sorted(row["variables"]["number"] for row in rows)


@contextlib.contextmanager
def reader_of(journal, exporter="main"):
    """Give the block a reader with the delivery lease."""
    reader = journal.reader(exporter)
    with reader.lease() as held:
        assert held
        yield reader
