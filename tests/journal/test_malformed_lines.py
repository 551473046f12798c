"""Lines that are no records are quarantined on their way, and end no query; all others arrive."""

from __future__ import annotations

import json

import pytest
from support.journals import asked
from support.waiting import until

from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batch
from flask_chest.record import fault, uuid7
from flask_chest.testing.records import make_record


def text(**fields):
    """Return a record as a line without its line feed."""
    return json.dumps(make_record(**fields), separators=(",", ":")).encode()


def without(name):
    record = dict(make_record())
    del record[name]
    return json.dumps(record).encode()


FIELDS = tuple(make_record())
MOMENTS = (
    "",
    "garbage",
    "now",
    "infinity",
    "yesterday",
    "2026-13-01T00:00:00.000000Z",
    "2026-02-29T00:00:00.000000Z",
    "2026-04-31T00:00:00.000000Z",
    "2026-01-01T24:00:00.000000Z",
    "2026-01-01T00:60:00.000000Z",
    "2026-01-01T00:00:60.000000Z",
    "0000-01-01T00:00:00.000000Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01 00:00:00.000000Z",
    "2026-01-01T00:00:00.000000",
    "2026-01-01T00:00:00.000000+02:00",
    "2026-01-01T00:00:00.000000Z\n",
    "٢٠٢٦-01-01T00:00:00.000000Z",
    "1e9",
)
MALFORMED = {
    "not JSON": b"no JSON",
    "half": text()[:-20],
    "zeros": b"\0" * 200,
    "invalid UTF-8": text().replace(b"shop", b"sh\xffp"),
    "a control character": text().replace(b"shop", b"sh\x01p"),
    "a byte 0": text().replace(b"shop", b"sh\0p"),
    "the character 0": text(variables={"a": "x\0y"}),
    "two records": text() + b"," + text(),
    "something after it": text() + b"]",
    "a list": b"[1, 2]",
    "a text": b'"text"',
    "null": b"null",
    "empty": b"{}",
    "an empty line": b"",
    **{f"no {name}": without(name) for name in FIELDS},
    **{
        f"{name} is a list": text(**{name: [1]})
        for name in FIELDS
        if name not in ("started_at", "variables")
    },
    **{f"started_at {moment!r}": text(started_at=moment) for moment in MOMENTS},
    "started_at is a number": text(started_at=1_700_000_000),
    "started_at is null": text(started_at=None),
    "status is a text": text(status_code="200"),
    "status is a float": text(status_code=200.5),
    "status is too large": text(status_code=2**70),
    "status is true": text(status_code=True),
    "weight is true": text(weight=True),
    "duration is a text": text(duration_ms="1.5"),
    "duration is NaN": text(duration_ms=float("nan")),
    "duration is infinite": text().replace(b'"duration_ms":1.5', b'"duration_ms":1e999'),
    "variables are a list": text(variables=[1]),
    "variables are a text": text(variables='{"a": 1}'),
    "variables are null": text(variables=None),
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED)
def test_a_line_that_is_no_record_has_a_fault(line):
    reason = fault(line + b"\n")
    assert reason
    assert len(reason) < 200
    good = text() + b"\n"
    for lines in (line + b"\n", good + line + b"\n", line + b"\n" + good):
        with pytest.raises(BatchRejected):
            Batch(lines, lines.count(b"\n")).rows()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"started_at": "2024-02-29T23:59:59.999999Z"},
        {"started_at": "0001-01-01T00:00:00.000000Z"},
        {"started_at": "9999-12-31T23:59:59.999999Z"},
        {"status_code": None, "endpoint": None, "route": None, "error": None},
        {"duration_ms": 3, "weight": 10},
        {"variables": {"a": [1, {"b": None}], "": "\\u0000", "é": 2**70, "s": "\u2028"}},
        {"later": "a field of a newer release"},
    ],
)
def test_a_record_has_none(fields):
    line = text(**fields) + b"\n"
    assert fault(line) is None
    record = json.loads(line)
    [row, other] = Batch(line + text() + b"\n", 2).rows()
    assert row[:-1] == tuple(record[name] for name in FIELDS if name != "variables")
    assert json.loads(row[-1]) == record["variables"]
    assert len(other) == len(FIELDS)


def test_times_that_are_moments_only_together_are_none():
    moment = "2026-01-01T00:00:00.000000Z"
    for first, second in (
        (moment[:-1], f"Z{moment}"),
        (moment * 2, ""),
        (f"{moment}2", moment[1:]),
    ):
        lines = b"".join(text(started_at=each) + b"\n" for each in (first, second))
        with pytest.raises(BatchRejected):
            Batch(lines, 2).rows()


def test_lines_that_are_no_records_reach_no_database_and_hold_up_no_other(
    shop, serve, recorded, said
):
    app, chest, folder = shop
    client = serve(app)
    asked(client, range(3))
    recorded(chest, 3)
    good = []
    planted = folder / "planted"
    with planted.open("wb") as file:
        for number, line in enumerate(MALFORMED.values()):
            good.append(text(id=uuid7(), variables={"number": 100 + number}))
            file.write(line + b"\n" + good[-1] + b"\n")
    planted.rename(folder / "segments" / f"{uuid7()}.jsonl")
    asked(client, range(3, 6))
    until(lambda: not chest.stats().exporters["main"].pending_bytes)
    rows = recorded(chest, 6 + len(good))
    assert sorted(row["variables"]["number"] for row in rows) == [
        *range(6),
        *range(100, 100 + len(good)),
    ]
    with app.app_context():
        assert len(list(chest.store("main").query(limit=1_000))) == 6 + len(good)
    parts = [path for path in (folder / "damaged").iterdir() if path.suffix != ".reason"]
    assert sorted(path.read_bytes() for path in parts) == sorted(
        line + b"\n" for line in MALFORMED.values()
    )
    for path in parts:
        assert "is no record: " in path.with_name(f"{path.name}.reason").read_text()
    stats = chest.stats().exporters["main"]
    assert stats.dropped == {"malformed": len(MALFORMED)}
    assert (stats.rejected, stats.dead_letters, stats.failures) == (0, 0, 0)
    assert any("Lines that are no records are quarantined" in message for message in said())


@pytest.mark.parametrize("database", ["postgres", "mysql", "mongo"])
@pytest.mark.slow
def test_whatever_a_server_takes_of_such_lines_ends_no_query(
    request, make_chest, tmp_path, app, database
):
    """Servers have types: what one takes is a row like any other, as `'now'` is a time."""
    url = request.getfixturevalue(database)
    chest = make_chest(exporters={"main": url}, raise_errors=False)
    chest.init_app(app)
    good = text(id=uuid7(), variables={"number": 1})
    planted = tmp_path / "planted"
    planted.write_bytes(b"\n".join([*MALFORMED.values(), good, b""]))
    planted.rename(tmp_path / "journal" / "segments" / f"{uuid7()}.jsonl")
    with app.app_context():
        assert chest.flush(120)
        found = [record.variables for record in chest.store("main").query(limit=1_000)]
        assert {"number": 1} in found
        stats = chest.stats().exporters["main"]
    assert stats.delivered + stats.dropped["malformed"] + stats.rejected == len(MALFORMED) + 1
    assert stats.rejected == 0, "what was refused was no record"
    assert stats.dropped["malformed"] >= 40
    chest.close()
