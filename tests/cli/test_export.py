"""`flask chest export`: files that keep the types, in bounded memory."""

from __future__ import annotations

import csv
import datetime as dt
import errno
import json
import stat
import tracemalloc

import pyarrow.parquet
import pytest

from flask_chest.cli import parquet, spool
from flask_chest.cli.files import whole_file
from flask_chest.cli.listing import csv_lines
from flask_chest.cli.names import name_of, read_names
from flask_chest.cli.spool import Column, Spool
from flask_chest.query import parse
from flask_chest.query.nodes import FIELDS


def test_parquet_has_every_record_with_its_types(ask, tmp_path):
    file = tmp_path / "shop.parquet"
    ask("export", "--output", file)
    table = pyarrow.parquet.read_table(file)
    assert table.num_rows == 280
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["started_at"] == "timestamp[us, tz=UTC]"
    assert kinds["status_code"] == "int64"
    assert kinds["cart_total"] == kinds["duration_ms"] == "double"
    assert kinds["user_id"] == "string"
    rows = table.to_pylist()
    expected = [json.loads(line) for line in ask("export", "--format", "json").stdout.splitlines()]
    assert [row["id"] for row in rows] == [record["id"] for record in expected]
    for row, record in zip(rows, expected, strict=True):
        assert row["started_at"].isoformat() == record["started_at"].replace("Z", "+00:00")
        assert row["cart_total"] == record["variables"].get("cart_total")
        assert row["note"] == record["variables"].get("note"), "exact, without an apostrophe"
        plan = record["variables"].get("plan")
        assert (row["plan"] and json.loads(row["plan"])) == plan
    assert list(tmp_path.iterdir()) == [file]


def test_the_name_of_the_file_says_the_format(ask, tmp_path):
    for name, begins in (("a.csv", '"id","request_id"'), ("a.jsonl", '{"id": '), ("a", '{"id": ')):
        ask("export", "--output", tmp_path / name, "--limit", 2)
        assert (tmp_path / name).read_text("utf-8").startswith(begins)


def test_raw_csv_has_texts_as_they_are(ask, tmp_path):
    file = tmp_path / "a.csv"
    ask("export", "--output", file, "--raw", "--columns", "note", "--where", "exists(note)")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, strict=True))
    assert rows[1] == ['=HYPERLINK("http://evil")\x1b[2J 東京']


@pytest.mark.parametrize("name", ["shop.xlsx", "shop.csv.gz", "shop.TXT"])
def test_an_ending_that_stands_for_no_format_is_refused(ask, tmp_path, name):
    done = ask("export", "--output", tmp_path / name, code=2)
    assert f"{name[name.rindex('.') :].lower()} stands for no format. Write .csv" in done.stderr
    assert not list(tmp_path.glob("shop.*"))
    ask("export", "--output", tmp_path / name, "--format", "csv", "--limit", 1)
    assert (tmp_path / name).read_text().startswith('"id",')


def test_a_failed_export_leaves_the_file_that_was_there(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("before")
    with pytest.raises(OSError, match="full"), whole_file(file) as writing:
        writing.write(b"half")
        raise OSError("the disk is full")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_part_that_another_export_writes_or_has_left_is_not_touched(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in each container
    with whole_file(file) as other:
        other.write(b"of the other")
        with whole_file(file) as writing:
            writing.write(b"ours")
        assert file.read_bytes() == b"ours"
        with pytest.raises(OSError, match="full"), whole_file(file):
            raise OSError("the disk is full")
    assert file.read_bytes() == b"of the other"
    monkeypatch.setattr("secrets.token_hex", lambda _: "same")
    with whole_file(file) as other:
        other.write(b"whole")
        with pytest.raises(FileExistsError), whole_file(file):
            pass
    assert file.read_bytes() == b"whole"


def test_a_name_as_long_as_the_disk_takes_is_written(tmp_path):
    file = tmp_path / f"{'ü' * 125}.csv"
    with whole_file(file) as writing:
        writing.write(b"all")
    assert file.read_bytes() == b"all"


def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to("file")
    with whole_file(tmp_path / "link") as writing:
        writing.write(b"all")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"all"


def record(**variables):
    fields = dict.fromkeys(FIELDS, "x") | {"status_code": 200, "duration_ms": 1.0, "weight": 1.0}
    return {**fields, "started_at": "2026-01-31T12:00:00.000001Z", "variables": variables}


def columns_of(*records, names=None):
    with Spool(names) as kept:
        for each in records:
            kept.add(each)
        return {c.title: c.kind for c in kept.columns if c.title not in FIELDS}, list(kept.rows())


@pytest.mark.parametrize("name", ["größe", "数量", "_x", "a1"])
def test_a_column_is_called_as_a_question_calls_the_variable(name):
    kinds, _ = columns_of(record(**{name: 1}))
    assert list(kinds) == [name]
    assert parse(f"{name} == 1").matches(record(**{name: 1}))


@pytest.mark.parametrize("name", ["ﬁt", "ª", "1a", "a b", "a.b", ""])
def test_a_variable_whose_name_python_reads_as_another_is_in_brackets(name):
    kinds, _ = columns_of(record(**{name: 1}))
    assert list(kinds) == [f"variables[{name!r}]"]
    assert parse(f"variables[{name!r}] == 1").matches(record(**{name: 1}))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None], "int"),
        ([1, 1.5], "float"),
        ([2**53 + 1, 1.5], "json"),
        ([2**64], "json"),
        ([True], "bool"),
        ([True, 1], "json"),
        (["a", 1], "json"),
        ([[1]], "json"),
        ([None], "text"),
    ],
)
def test_a_column_has_the_type_that_keeps_all_its_values(values, kind):
    kinds, rows = columns_of(*(record(a=value) for value in values))
    assert kinds == {"a": kind}
    assert [row[-1] for row in rows] == values


def test_a_variable_that_is_called_like_a_field_has_a_column_of_its_own():
    kinds, [row] = columns_of(record(**{"path": 1, "variables['path']": 2, "a b": 3, "if": 4}))
    assert list(kinds) == [
        "variables['path']",
        "variables[\"variables['path']\"]",
        "variables['a b']",
        "variables['if']",
    ]
    assert row[-4:] == [1, 2, 3, 4]
    for title in kinds:
        [name] = read_names([title])
        assert name_of(name.operand.path[0]) == title


def test_variables_beyond_the_columns_share_one(monkeypatch):
    monkeypatch.setattr(spool, "MOST_VARIABLES", 2)
    kinds, rows = columns_of(record(a=1, b=2), record(a=3, c=4, d=None))
    assert kinds == {"a": "int", "b": "int", "variables": "json"}
    assert [row[-3:] for row in rows] == [[1, 2, None], [3, None, {"c": 4, "d": None}]]


def test_a_parquet_file_is_written_a_group_of_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 4_000)
    file = tmp_path / "a.parquet"
    columns = [Column("number", "int"), Column("at", "time"), Column("odd", "json")]
    rows = ([n, "2026-01-31T12:00:00.000001Z", {"n": n}] for n in range(10_000))
    with whole_file(file) as writing:
        parquet.write_parquet(writing, columns, rows)
    found = pyarrow.parquet.ParquetFile(file)
    assert [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)] == [
        *(4_000, 4_000, 2_000)
    ]
    last = found.read().to_pylist()[-1]
    moment = dt.datetime(2026, 1, 31, 12, 0, 0, 1, dt.timezone.utc)
    assert last == {"number": 9_999, "at": moment, "odd": '{"n": 9999}'}
    assert found.schema_arrow.field("odd").metadata == {b"flask_chest": b"json"}
    found.close()


def test_no_records_make_a_file_that_can_be_read(ask, tmp_path):
    file = tmp_path / "none.parquet"
    done = ask("export", "--output", file, "--where", "user_id == 'nobody'")
    assert "Nothing was found" in done.stderr
    assert pyarrow.parquet.read_table(file).num_rows == 0


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_the_memory_of_an_export_does_not_grow_with_the_records(tmp_path, monkeypatch, format_):
    monkeypatch.setattr(spool, "_IN_MEMORY_BYTES", 100_000)
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 500)
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 100)

    def peak(number):
        records = (record(text="x" * 1_000, number=n) for n in range(number))
        tracemalloc.start()
        with whole_file(tmp_path / "out") as file:
            if format_ == "csv":
                file.writelines(line.encode() for line in csv_lines(records))
            else:
                with Spool() as kept:
                    for each in records:
                        kept.add(each)
                    parquet.write_parquet(file, kept.columns, kept.rows())
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    peak(100)  # what is imported
    assert peak(5_000) - peak(500) < 1_000_000, "of 4.5 MB"


def test_a_private_file_stays_private(tmp_path):
    file = tmp_path / "a.csv"
    file.touch(0o600)
    with whole_file(file) as writing:
        [part] = set(tmp_path.iterdir()) - {file}
        assert part.stat().st_mode == file.stat().st_mode
        writing.write(b"all")
    assert file.read_bytes() == b"all"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    file = tmp_path / "a.csv"
    with pytest.raises(OSError, match="No space") as full, whole_file(file):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError) as missing, whole_file(tmp_path / "b" / "a.csv"):
        pass
    assert full.value.filename == str(file)
    assert missing.value.filename == str(tmp_path / "b" / "a.csv")
