"""The log says once that the journal takes records again, after how long, and what was lost."""

from __future__ import annotations

import re
import resource
import time

import pytest
from support.journals import deliver, line
from support.waiting import until

AGAIN = "takes records again"


def told(said):
    return [text for text in said() if AGAIN in text]


def test_the_end_of_a_full_disk_is_said_once_with_all_that_was_lost(
    make_disk, said, folder, file_size_limit
):
    journal = make_disk("main")
    journal.start()
    journal.append(line(1))
    file_size_limit(journal._own.writer.size)
    for number in range(229):
        assert not journal.append(line(number))
    time.sleep(2.2)
    assert not told(said), "nothing was kept since"
    file_size_limit(resource.RLIM_INFINITY)
    assert journal.append(line(2))
    until(lambda: told(said))
    assert journal.append(line(3))
    journal.close()
    journal._throttle.flush()
    [text] = told(said)
    found = re.fullmatch(
        rf"The journal in {folder} {AGAIN} after (\d+) s; records lost meanwhile: 229", text
    )
    assert found, text
    assert 2 <= int(found[1]) < 60
    assert said()[-1] == text, "no alarm after it"


@pytest.mark.slow
def test_the_end_of_a_full_journal_is_said(make_disk, said):
    journal = make_disk("main", max_bytes=1024 * 1024, when_full="drop_newest")
    journal.start()
    lost = sum(not journal.append(line(number, 4_000)) for number in range(400))
    assert lost
    deliver(journal, max_bytes=10**8)
    journal.prune()
    until(lambda: journal.append(line(1)))
    until(lambda: told(said))
    [text] = told(said)
    number = int(text.rpartition(" ")[2])
    assert number >= lost


@pytest.mark.slow
def test_a_loss_that_goes_on_has_no_end_though_a_short_record_finds_room(
    make_disk, said, file_size_limit
):
    journal = make_disk("main")
    journal.start()
    journal.append(line(1))
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        file_size_limit(journal._own.writer.size + 200)
        assert journal.append(line(1))
        assert not journal.append(line(1, 4_000))
        time.sleep(0.1)
    assert not told(said)
    file_size_limit(resource.RLIM_INFINITY)


def test_nothing_is_said_where_nothing_was_lost(make_disk, said):
    journal = make_disk("main")
    journal.start()
    journal.append(line(1))
    time.sleep(1.2)
    journal.close()
    assert said() == []
