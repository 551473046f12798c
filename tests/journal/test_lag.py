"""For how long the oldest waiting record has been there, in a segment that is much older."""

from __future__ import annotations

import time

import pytest
from support.journals import deliver

from flask_chest.journal import own_segment
from flask_chest.record import encode, uuid7
from flask_chest.testing import make_record

HOUR = 3_600.0


def id_of(seconds_ago):
    return uuid7(int((time.time() - seconds_ago) * 1e6))


def line(began, **fields):
    return encode(make_record(id=id_of(began), **fields))


@pytest.fixture
def journal(make_disk, monkeypatch):
    """Return a journal whose process has written to one segment for two hours; all is delivered."""
    monkeypatch.setattr(own_segment, "uuid7", lambda: id_of(2 * HOUR))
    journal = make_disk("main")
    assert journal.append(line(2 * HOUR))
    deliver(journal)
    return journal


def lag(journal, exporter="main"):
    return journal.reader(exporter).pending()[1]


def test_a_record_that_has_just_come_has_waited_for_a_moment(journal):
    assert lag(journal) == 0
    journal.append(line(30, duration_ms=0.5))
    journal.append(line(10, duration_ms=0.5))
    assert 25 <= lag(journal) < HOUR
    deliver(journal)
    assert lag(journal) == 0


def test_the_time_of_the_request_itself_is_no_wait(journal):
    path = '/"duration_ms":1,'
    journal.append(line(HOUR, duration_ms=(HOUR - 30) * 1e3, path=path))
    assert 25 <= lag(journal) < HOUR / 2


def test_what_a_backlog_of_a_whole_segment_waits_is_the_age_of_the_segment(make_disk, journal):
    make_disk("other")
    assert journal.append(line(5))
    assert make_disk("other").reader("other").pending()[1] >= 2 * HOUR


@pytest.mark.parametrize("content", [b"{}\n", b"no record\n", b'{"id":"1"}\n'])
def test_of_what_is_no_record_the_age_of_the_segment_is_known(journal, content):
    journal.append(content)
    assert lag(journal) >= 2 * HOUR


def erase(journal, *paths):
    with journal.erase(lambda record: record["path"] in paths):
        pass


def test_a_record_that_was_erased_waits_no_longer(journal):
    for path, seconds in (("/a", 3_000), ("/b", 2_000), ("/c", 30)):
        journal.append(line(seconds, path=path, duration_ms=0.5))
    erase(journal, "/a")
    assert 1_900 < lag(journal) < 2_900
    erase(journal, "/b")
    assert 25 <= lag(journal) < 1_900
    erase(journal, "/c")
    assert lag(journal) == 0
    assert journal.reader("main").pending_records() == 0
    journal.append(line(10, duration_ms=0.5))
    assert 5 <= lag(journal) < 1_900


def test_where_all_was_erased_nothing_waits(make_disk, journal):
    new = make_disk("other")  # which has got nothing of what the segment has
    assert new.append(line(5))
    assert lag(new, "other") >= 2 * HOUR
    with new.erase(lambda _: True):
        pass
    assert lag(new, "other") == 0
