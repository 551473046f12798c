"""The sentences about delivery, for every state that `chest.stats()` can tell of."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from flask_chest_dashboard.asking import Answered
from flask_chest_dashboard.conditions import conditions, state, wellness
from flask_chest_dashboard.facts import of_capture, of_exporter

from flask_chest import ExporterStats, Stats
from flask_chest.runtime.counters import NO_EXPORTS, JournalStats, Leader

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
ZONE = ZoneInfo("Europe/Berlin")
MIB = 1_024**2
LEADER = Leader(pid=4711, since=NOW)
QUIET = Stats(
    recorded=0,
    dropped={},
    request_ids_replaced=0,
    variables_skipped=0,
    capture_errors=0,
    plugin_errors={},
    suppressed=0,
    sampled_out=0,
    exporters={"main": NO_EXPORTS},
    scope="host",
    leader=LEADER,
    journal=JournalStats("/srv/chest", 10, 100),
)


def with_exporter(**changes):
    leader = changes.pop("leader", LEADER)
    return replace(QUIET, leader=leader, exporters={"main": replace(NO_EXPORTS, **changes)})


def said(stats, fault=None):
    return [f"{each.text} {each.remedy}" for each in conditions(stats, fault, ZONE, NOW)]


def state_of(stats):
    return state(stats.exporters["main"], stats, ZONE, NOW)


def test_nothing_is_said_when_nothing_is_wrong():
    assert said(QUIET) == []
    assert state_of(QUIET).text == "Nothing waits."
    busy = with_exporter(pending_bytes=7, pending_records=1, lag_seconds=3.0)
    assert said(busy) == []
    assert state_of(busy).text == "Delivering."


def test_a_database_that_is_away_is_said_with_its_times_in_the_viewers_zone():
    failing = with_exporter(
        pending_bytes=7,
        pending_records=1_234,
        failing_since=NOW - timedelta(minutes=5),
        next_retry_at=NOW + timedelta(seconds=40),
    )
    assert state_of(failing).text == (
        "Waiting for the database since 2026-01-31 12:55:00 (5 min). "
        "Next attempt at 2026-01-31 13:00:40, in 40 s."
    )
    [text] = said(failing)
    assert "1,234 records wait in the journal" in text
    late = replace(failing.exporters["main"], next_retry_at=NOW - timedelta(seconds=1))
    assert "is due now" in state(late, failing, ZONE, NOW).text


def test_who_tries_again_is_said_where_no_time_is_known():
    """As after a flush in another process has failed: the leader's pause is not that of it."""
    failing = with_exporter(pending_bytes=7, failing_since=NOW, next_retry_at=None)
    assert "Process 4711, the leader, tries again by itself" in state_of(failing).text
    nobody = replace(failing, leader=None)
    assert state_of(nobody).text.endswith("One tries again from its first request on.")
    alone = replace(nobody, scope="process", journal=None)
    assert state_of(alone).text.endswith("This process tries again by itself.")


def test_a_database_that_pages_could_not_reach_is_said_also_when_nothing_waits():
    ago = timedelta(seconds=45)
    away = Answered(NOW - ago, is_reached=False)
    [condition] = conditions(QUIET, None, ZONE, NOW, away)
    assert condition.is_bad
    assert condition.text == (
        "The database that the pages ask could not be reached at 2026-01-31 12:59:15 (45 s ago). "
        "Nothing waits to be delivered now; what is recorded waits in the journal."
    )
    waiting = with_exporter(pending_bytes=7, pending_records=2)
    [condition] = conditions(waiting, None, ZONE, NOW, away)
    assert "2 records wait to be delivered now" in condition.text
    [old] = conditions(QUIET, None, ZONE, NOW + timedelta(hours=1), away)
    assert not old.is_bad
    failing = with_exporter(pending_bytes=7, pending_records=1, failing_since=NOW)
    [condition] = conditions(failing, None, ZONE, NOW, away)
    assert condition.text.startswith("main cannot deliver")


def test_without_a_fault_only_what_is_known_is_said():
    def known(stats, answered=None):
        return wellness(stats, answered, ZONE, NOW).removeprefix("The journal takes records. ")

    assert known(QUIET) == (
        "Nothing waits to be delivered. Until something has to be, this page does not know whether "
        "a database is reached."
    )
    answered = Answered(NOW - timedelta(seconds=3), is_reached=True)
    assert conditions(QUIET, None, ZONE, NOW, answered) == []
    assert known(QUIET, answered) == (
        "Nothing waits to be delivered. The database that the pages ask answered at "
        "2026-01-31 12:59:57 (3 s ago)."
    )
    assert known(with_exporter(pending_records=1)) == "1 record is on the way."


@pytest.mark.parametrize(
    ("free", "is_bad"), [(None, None), (900 * MIB, None), (899 * MIB, False), (7 * MIB, True)]
)
def test_a_disk_that_is_full_before_the_journal_is_said(free, is_bad):
    journal = JournalStats("/srv/chest", 100 * MIB, 1_000 * MIB, free)
    found = conditions(replace(QUIET, journal=journal), None, ZONE, NOW)
    assert [each.is_bad for each in found] == ([] if is_bad is None else [is_bad])
    if found:
        size = f"{free // MIB} MiB"
        assert found[0].text.startswith(
            f"The disk of the journal has {size} free, and the journal may still grow by 900 MiB."
        )
        assert found[0].remedy == "Make room on it, or lower CHEST_JOURNAL_MAX_BYTES."


def test_records_that_wait_for_a_leader_are_said_after_a_while():
    waiting = {"pending_bytes": 7, "pending_records": 1, "leader": None}
    assert said(with_exporter(**waiting, lag_seconds=5.0)) == []
    [text] = said(with_exporter(**waiting, lag_seconds=90.0))
    assert text.startswith("No process delivers, and 1 record waits for main.")
    assert state_of(with_exporter(**waiting, lag_seconds=90.0)).is_bad
    in_memory = replace(with_exporter(**waiting, lag_seconds=90.0), scope="process", journal=None)
    assert said(in_memory) == []


def test_a_journal_that_is_nearly_full_or_takes_nothing_is_said():
    full = replace(QUIET, journal=JournalStats("/srv/chest", 80, 100))
    [text] = said(full)
    assert text.startswith("The journal is nearly full: 80 bytes of 100 bytes.")
    [text] = said(QUIET, "No space left on device")
    assert "takes no records now: No space left on device." in text
    unlimited = replace(QUIET, journal=JournalStats("/srv/chest", 80, 0))
    assert said(unlimited) == []


def test_dead_letters_and_the_mode_are_said():
    [text] = said(with_exporter(dead_letters=1))
    assert text.startswith("main has 1 dead letter:")
    mode = replace(QUIET, mode="TESTING is on")
    [condition] = conditions(mode, None, ZONE, NOW)
    assert (condition.text, condition.is_bad) == ("TESTING is on.", False)
    assert state_of(mode).text == "Nothing is delivered now."


SHOWN_APART = {
    "pending_bytes",
    "pending_records",
    "lag_seconds",
    "dead_letters",
    "dead_letter_bytes",
}
"""Of an exporter: what is no event, and is above its counters."""


def numbers_of(kind, instance):
    """Return the fields of counts, each with a number of its own."""
    found = {}
    for number, each in enumerate(fields(kind), 1_001):
        value = getattr(instance, each.name)
        if each.name in {*SHOWN_APART, "exporters", "hook_times", "processes"}:
            continue
        if isinstance(value, dict):
            found[each.name] = {"a-name": number}
        elif isinstance(value, int):
            found[each.name] = number
    return found


@pytest.mark.parametrize(
    ("kind", "instance", "facts"),
    [(Stats, QUIET, of_capture), (ExporterStats, NO_EXPORTS, of_exporter)],
)
def test_every_counter_has_a_row_with_its_meaning(kind, instance, facts):
    given = numbers_of(kind, instance)
    assert len(given) > 3
    rows = facts(replace(instance, **given))
    shown = {row.number for row in rows}
    for name, value in given.items():
        number = value["a-name"] if isinstance(value, dict) else value
        assert number in shown, name
    for row in rows:
        assert row.meaning.endswith("."), row
        assert not row.is_bad or row.remedy, row


@pytest.mark.parametrize("kind", [Stats, ExporterStats])
def test_every_reason_of_a_loss_has_a_sentence(kind):
    text = re.search(r"dropped: (.*?)\n        \w+:", kind.__doc__, re.DOTALL)[1]
    reasons = set(re.findall(r"``(\w+)``", text))
    assert len(reasons) > 3
    facts = of_capture if kind is Stats else of_exporter
    instance = QUIET if kind is Stats else NO_EXPORTS
    lost = next(
        row
        for row in facts(replace(instance, dropped=dict.fromkeys(reasons, 1)))
        if row.title == "Lost"
    )
    assert lost.number == len(reasons)
    for part in lost.parts:
        assert part.meaning, part.name


def test_of_many_names_the_most_frequent_are_shown():
    stats = replace(QUIET, redacted={f"name-{number}": number for number in range(1, 1_001)})
    masked = next(row for row in of_capture(stats) if row.title == "Masked")
    assert [masked.parts[0].name, len(masked.parts), masked.left_out] == ["name-1000", 50, 950]
    assert masked.number == 500_500


def test_what_became_of_secrets_is_true_of_each_way_to_replace_them():
    masked = next(row for row in of_capture(QUIET) if row.title == "Masked")
    assert "masked, hashed or left out, as CHEST_REDACT_WITH says" in masked.meaning
    assert "[redacted]" not in masked.meaning
