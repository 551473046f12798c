"""Copies between real stores: complete, resumable, and bounded in what they touch."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.list_store import ListStore

from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.store import another
from flask_chest.testing import RecordingExporter, make_batch, make_record, reference
from flask_chest.testing.records import START, as_stored
from flask_chest.testing.samples import VALUES
from flask_chest.upkeep.copying import CopyReport, copy

PROGRAM = Path(__file__).parent / "programs" / "copying.py"


def everything(store):
    found, after = [], None
    while page := store.page(after=after):
        found += page
        after = page[-1].started_at, page[-1].id
    return found


def many(number, **fields):
    """Return records, ten of each moment."""
    return [
        make_record(started_at=START + timedelta(seconds=n // 10), variables={"n": n}, **fields)
        for n in range(number)
    ]


def test_a_round_trip_through_every_database_changes_no_record(open_backend):
    first = open_backend("sqlite", "first")
    stored = [
        *reference.some_records(3, 200),
        *(make_record(variables={"value": value}) for value in VALUES.values()),
    ]
    first.export(make_batch(*stored))
    expected = sorted(map(as_stored, stored), key=lambda r: (r.started_at, r.id))
    assert everything(first) == expected
    before = first
    for name in ("postgres", "mongo", "mysql"):
        store = open_backend(name)
        assert copy(before, store) == CopyReport(len(stored), 0, 0, 0)
        assert len(everything(store)) == len(stored)
        before = store
    last = open_backend("sqlite", "last")
    copy(before, last)
    assert everything(last) == expected


def test_a_copy_of_many_pages_can_be_repeated_and_writes_nothing_twice(open_backend):
    source, target = open_backend("sqlite", "source"), open_backend("sqlite", "target")
    source.export(make_batch(*many(2_345)))
    steps = []
    assert copy(source, target, progress=steps.append) == CopyReport(2_345, 0, 0, 0)
    assert steps == [1_000, 1_000, 345]
    assert everything(target) == everything(source)
    source.export(make_batch(*many(5)))
    assert copy(source, target) == CopyReport(5, 2_345, 0, 0)


def test_a_copy_may_be_bounded_in_time(open_backend):
    source, target = open_backend("sqlite", "source"), open_backend("sqlite", "target")
    source.export(make_batch(*many(100)))
    since, until = START + timedelta(seconds=3), START + timedelta(seconds=7)
    assert copy(source, target, since=since, until=until).copied == 40
    assert {record.started_at for record in everything(target)} == {
        START + timedelta(seconds=n) for n in (3, 4, 5, 6)
    }


def test_an_exporter_that_cannot_be_read_gets_all_records(open_backend):
    source, target = open_backend("sqlite"), RecordingExporter()
    source.export(make_batch(*many(1_500)))
    assert copy(source, target) == CopyReport(1_500, 0, 0, 0)
    assert target.records == everything(source)


class Picky(ListStore):
    """Refuses some records, or fails."""

    refused = frozenset()
    fails_after = None

    def export(self, batch):
        if self.fails_after is not None:
            self.fails_after -= 1
            if self.fails_after < 0:
                raise ExporterUnavailable("it is down")
        if self.refused & {record["id"] for record in batch.records()}:
            raise BatchRejected("does not like it")
        super().export(batch)


def test_refused_records_are_counted_and_named_and_all_others_arrive(open_backend, said):
    source, target = open_backend("sqlite"), Picky()
    stored = many(1_200)
    source.export(make_batch(*stored))
    target.refused = {stored[n]["id"] for n in (0, 7, 8, 1_100)}
    named = []
    report = copy(
        source, target, rejected=lambda record, error: named.append((record.id, str(error)))
    )
    assert report == CopyReport(1_196, 0, 4, 0)
    assert {record_id for record_id, _ in named} == target.refused
    assert {error for _, error in named} == {"does not like it"}
    assert len([line for line in said() if "is not copied" in line]) == 4
    assert set(target.kept) == {record["id"] for record in stored} - target.refused


@pytest.mark.parametrize("error", [KeyboardInterrupt, ExporterUnavailable])
def test_an_interrupted_copy_goes_on_where_it_was(open_backend, tmp_path, error):
    source, target, bookmark = open_backend("sqlite"), Picky(), tmp_path / "position"
    source.export(make_batch(*many(2_500)))

    def stop(_number):
        if error is KeyboardInterrupt:
            raise KeyboardInterrupt

    target.fails_after = 1  # a page is a batch here
    with pytest.raises(error):
        copy(source, target, resume=bookmark, progress=stop)
    assert len(target.kept) == 1_000
    assert bookmark.stat().st_mode & 0o777 == 0o600
    target.fails_after = None
    steps = []
    assert copy(source, target, resume=bookmark, progress=steps.append).copied == 1_500
    assert steps == [1_000, 500]
    assert everything(target) == everything(source)
    assert not bookmark.exists()


def test_what_a_run_before_left_out_counts_in_the_one_that_goes_on(open_backend, tmp_path):
    source, target, bookmark = open_backend("sqlite"), Picky(), tmp_path / "position"
    stored = many(2_500)
    for n in (3, 4, 2_400):
        stored[n]["path"] = "/broken"
    source.export(make_batch(*stored))
    with source.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE chest_records SET variables = '{' WHERE path = '/broken'"
        )
    target.refused = {stored[n]["id"] for n in (7, 2_300)}

    def stop(_number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, target, resume=bookmark, progress=stop)
    with closing(another(source)) as again:  # as in another process
        again.open()
        report = copy(again, target, resume=bookmark)
    assert (report.rejected, report.unreadable) == (2, 3)
    assert len(target.kept) == 2_495


def test_the_position_of_another_copy_or_another_file_is_refused(open_backend, tmp_path):
    source, bookmark = open_backend("sqlite"), tmp_path / "position"
    source.export(make_batch(*many(1_500)))
    target = Picky("one")
    target.fails_after = 1
    with pytest.raises(ExporterUnavailable):
        copy(source, target, resume=bookmark)
    with pytest.raises(ConfigurationError, match=r"position of another copy: .*one.*two"):
        copy(source, Picky("two"), resume=bookmark)
    for content in ("", "{}", "[]", "null", "\0", '{"copy": "x", "after": ["2024-01-01", "x"]}'):
        bookmark.write_text(content)
        with pytest.raises(ConfigurationError, match="not the position of a copy"):
            copy(source, target, resume=bookmark)
        assert bookmark.read_text() == content


@pytest.mark.parametrize(
    ("page", "when"),
    [(2, "after"), *(pytest.param(each, "before", marks=pytest.mark.slow) for each in (1, 3))],
    ids=str,
)
@pytest.mark.slow
def test_a_killed_copy_is_resumed_and_brings_back_nothing_that_was_erased(
    open_backend, tmp_path, when, page
):
    source, target = open_backend("sqlite", "source"), open_backend("sqlite", "target")
    source.export(make_batch(*many(2_500)))
    bookmark = tmp_path / "position"
    paths = [source.config.path, target.config.path, bookmark]
    result = subprocess.run(
        [sys.executable, PROGRAM, *map(str, paths), when, str(page)], check=False, timeout=120
    )
    assert result.returncode == -signal.SIGKILL
    written = 1_000 * (page - (when == "before"))
    assert target.count() == min(written, 2_500)
    # The target is no store of the application, so that nobody erases there.
    erased = source.erase("n in (5, 1005, 2005)")
    assert erased == 3
    copied_before = sum(n < written - 1_000 * (when == "after") for n in (5, 1_005, 2_005))
    report = copy(source, target, resume=bookmark)
    assert report.withdrawn == (when == "after")
    left = {record.id for record in everything(target)} - {r.id for r in everything(source)}
    assert len(left) == copied_before, "what was copied and verified before is not a copy's task"
    assert target.erase("n in (5, 1005, 2005)") == copied_before
    assert everything(target) == everything(source)


@pytest.mark.slow
def test_what_the_target_had_already_is_not_withdrawn(open_backend):
    source, target = open_backend("sqlite", "source"), open_backend("sqlite", "target")
    stored = many(30)
    source.export(make_batch(*stored))
    target.export(make_batch(*stored[:10]))
    real = target.export

    def export(batch):
        real(batch)
        source.purge(before=START + timedelta(seconds=2))  # 20 records

    target.export = export
    assert copy(source, target) == CopyReport(20, 10, 0, 10)
    ids = [record["id"] for record in stored]
    assert {record.id for record in everything(target)} == {*ids[:10], *ids[20:]}
