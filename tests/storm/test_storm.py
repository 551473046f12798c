"""A short storm, its clean-up, and its verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.storm import chaos
from tests.storm.chaos import Trouble
from tests.storm.client import ERASED, Answer, Failure
from tests.storm.host import until
from tests.storm.verdict import Evidence, Verdict

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def storm(*arguments):
    """Run a storm, and check that it leaves nothing behind, however it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storm", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    first = process.stdout.readline()
    folder = Path(re.search(r" in (/\S+)", first)[1])
    try:
        yield process, folder
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            rest, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            rest, _ = process.communicate()
        sys.stdout.write(first + rest)
        is_clean = not folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        until(lambda: not processes_of(folder), "its processes have ended")
        assert is_clean
        assert str(folder) not in Path("/proc/self/mounts").read_text("utf-8")


def processes_of(folder):
    """Return the command lines of the processes that use a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if str(folder).encode() in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode())
    return found


def test_a_storm_loses_nothing_and_duplicates_nothing(capsys):
    # Half the workers of `make storm` and a seventh of its rate: as many troubles, and as many
    # batches for them to hit.
    with storm("--seconds=14", "--rate=40", "--workers=2") as (process, _):
        # Its output fits into the pipe.
        code = process.wait(timeout=600)
    report = capsys.readouterr().out
    assert code == 0, report
    assert re.search(r"^lost +0$", report, re.MULTILINE), report
    assert re.search(r"^duplicated +0$", report, re.MULTILINE), report


@pytest.mark.slow
def test_an_interrupted_storm_leaves_nothing_behind():
    with storm("--seconds=60", "--rate=30") as (process, folder):
        for line in process.stdout:
            if line.startswith("load"):
                break
        # Two servers, gunicorn and its workers.
        assert len(processes_of(folder)) >= 7
    assert process.returncode == 130


def test_each_kind_of_trouble_is_planned_with_any_seed():
    kinds = ["kill", "refuse", "drop", "stall"]
    for seed in range(50):
        events = chaos.plan(kinds, 54.0, random.Random(seed))
        assert sorted(kind for _, kind, _ in events) == sorted(kinds)
        ends = [at + seconds for at, _, seconds in events]
        starts = [at for at, _, _ in events[1:]] + [54.0]
        assert all(end <= start for end, start in zip(ends, starts, strict=True))


def test_a_lane_that_lags_behind_the_storm_makes_up_for_kinds_and_not_for_numbers():
    acted = []

    def act(kind, seconds, wait):
        del seconds, wait
        acted.append(kind)
        if acted == ["a"]:
            time.sleep(0.05)  # longer than the storm

    events = [(0.0, kind, 0.01) for kind in "abacbc"]
    lane = chaos.Lane("slow", contextlib.nullcontext(), events, act, 0.04)
    lane.start()
    lane.await_ready()
    lane.go()
    lane.await_done(10.0)
    lane.end()
    assert acted == ["a", "b", "c"]
    assert [trouble.kind for trouble in lane.troubles] == acted
    assert lane.left_out == 3


# -- The verdict -----------------------------------------------------------------------------------


def evidence():
    """Return the evidence of a storm without faults."""
    return Evidence(
        answers=[
            *(Answer(name, "/plain", at, 0.01) for at, name in enumerate("abcdefghij")),
            Answer("k", "/plain", 1.0, 0.01, ERASED),
        ],
        failures=[Failure("/plain", 4.0, 4.1, "reset")],
        dropped=[("d", 7, 3.1)],
        counters=[
            {
                "pid": 7,
                "counted": {"disk_full": 1, "torn": 1},
                "plugin_errors": {},
                "exporters": {"one": {"rejected": 0, "dropped": {}}},
            }
        ],
        troubles=[
            Trouble("disk", "full", 3.0, 3.5),
            Trouble("host", "reboot", 3.9, 4.5),
            Trouble("one", "kill", 3.9, 4.5),
        ],
        stored={"one": list("abcefghijx"), "postgres": list("jihgfecbax")},
        quarantined={"s@9": b'{"id": "half', "s@9.reason": b"killed"},
        planned={("disk", "full"), ("one", "kill")},
        copied=list("abcefghijx"),
        erased_in_database={"one": [], "postgres": []},
        host={
            "recorded": 11,
            "dropped": {"disk_full": 1},
            "exporters": {"one": {"delivered": 11}, "postgres": {"delivered": 10}},
        },
    )


def test_the_verdict_of_a_storm_without_faults_has_none():
    verdict = Verdict(evidence())
    assert verdict.faults == []
    report = "\n".join(verdict.report())
    assert re.search(r"^lost +0$", report, re.MULTILINE)
    assert re.search(r"^requests +11 answered, 11 .* 1 interrupted", report, re.MULTILINE)


FAULTS = {
    "lost everywhere": (lambda e: [s.remove("b") for s in e.stored.values()], "lost"),
    "lost in one database": (
        lambda e: e.stored["postgres"].remove("b"),
        "lost: .* not in postgres",
    ),
    "duplicated in one database": (
        lambda e: e.stored["postgres"].append("b"),
        "duplicated in postgres",
    ),
    "duplicated without a response": (
        lambda e: e.stored["one"].append("x"),
        "duplicated in one",
    ),
    "in one database only": (lambda e: e.stored["one"].remove("x"), "another database, not in one"),
    "nothing stored": (lambda e: e.stored.update(one=[], postgres=[]), "nothing is in any"),
    "dropped, yet stored": (lambda e: e.stored["one"].append("d"), "dropped, yet stored in one"),
    "dropped with room": (lambda e: e.dropped.append(("b", 8, 9.0)), "had room"),
    "dropped, not counted": (lambda e: e.counters[0]["counted"].clear(), "process 7 dropped 1"),
    "never resumed": (
        lambda e: e.troubles.append(Trouble("disk", "limit", 8, 9)),
        "had room again",
    ),
    "an ID used twice": (lambda e: e.answers.append(e.answers[0]), "two responses"),
    "a wrong status": (lambda e: e.failures.append(Failure("/", 4, 4, "500", True)), "failed"),
    "reset without a kill": (lambda e: e.failures.append(Failure("/", 6, 7, "reset")), "failed"),
    "capture failed": (lambda e: e.counters[0]["counted"].update(capture=1), "within Flask-Chest"),
    "a plugin failed": (lambda e: e.counters[0]["plugin_errors"].update(x=1), "within Flask-Chest"),
    "a dead letter": (lambda e: e.dead_letters.append(b"{}"), "dead letters"),
    "a whole line quarantined": (
        lambda e: e.quarantined.update({"s@7": b'{"id": 1}\n'}),
        "half a line",
    ),
    "a segment quarantined": (lambda e: e.quarantined.update({"s": b""}), "half a line"),
    "a segment left": (lambda e: e.segments.append("s"), "segments are left"),
    "a trouble left out": (lambda e: e.troubles.pop(), "did not happen"),
    "erased, yet there": (lambda e: e.stored["one"].append("k"), "erased, yet stored in one"),
    "erased, without an answer": (
        lambda e: e.erased_in_database["postgres"].append("y"),
        "customer who was erased are in postgres",
    ),
    "erased, yet in a file": (lambda e: e.erased_in_files.append("s@9"), "name the erased"),
    "purged, yet there": (lambda e: e.stored["one"].append("old-1"), "purged, yet stored in one"),
    "a copy that lacks one": (lambda e: e.copied.remove("a"), "not in its copy"),
    "a copy with a double": (lambda e: e.copied.extend("xx"), "duplicated in the copy"),
    "a copy with more": (lambda e: e.stored["postgres"].remove("b"), "in the copy alone"),
    "too many recorded": (lambda e: e.host.update(recorded=30), "counted 30 recorded"),
    "too few recorded": (lambda e: e.host.update(recorded=2), "counted 2 recorded"),
    "too many dropped": (lambda e: e.host["dropped"].update(journal=4), "counted 5 dropped"),
    "too many delivered": (
        lambda e: e.host["exporters"]["one"].update(delivered=900),
        "counted 900 delivered to one",
    ),
    "no drain": (lambda e: e.errors.append("records are left"), "records are left"),
}


@pytest.mark.parametrize(("spoil", "said"), FAULTS.values(), ids=FAULTS)
def test_the_verdict_finds(spoil, said):
    spoiled = evidence()
    spoil(spoiled)
    verdict = Verdict(spoiled)
    assert any(re.search(said, fault) for fault in verdict.faults), verdict.faults
    assert any("FAULT" in line for line in verdict.report())


@pytest.mark.parametrize(
    ("kind", "ended", "is_excused"),
    [("full", 8.5, True), ("full", 5.9, False), ("limit", 8.5, False)],
)
def test_a_killed_process_may_lose_what_it_counted_since_the_disk_is_full(kind, ended, is_excused):
    found = evidence()
    found.troubles[0] = Trouble("disk", kind, 3.0, ended)
    found.troubles[1] = Trouble("host", "kill -9 worker", 8.0, 8.1)
    found.planned.clear()
    found.counters.clear()
    found.host["dropped"].clear()
    faults = [fault for fault in Verdict(found).faults if "dropped" in fault]
    assert faults == ([] if is_excused else ["the host counted 0 dropped, and not 1 to 1"])


def test_lost_and_duplicated_records_are_named_and_counted():
    spoiled = dataclasses.replace(evidence(), stored={"one": list("acefghijxx")})
    report = "\n".join(Verdict(spoiled).report())
    assert re.search(r"^lost +1$", report, re.MULTILINE)
    assert re.search(r"^duplicated +1$", report, re.MULTILINE)
    assert re.search(r"FAULT +1 lost: .*: b \(/plain at 1.00 s\)", report)
