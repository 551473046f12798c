"""A program that interrupts exports at many moments, and exports the same records again."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypedDict

from pydantic_core import from_json, to_json

from flask_chest.exporter import Batch, Exporter
from flask_chest.record import RecordData
from flask_chest.testing.forked import Child
from flask_chest.testing.meeting import Other, OtherProcess, OtherThread
from flask_chest.testing.moments import Moment, Moments
from flask_chest.testing.records import make_batch
from flask_chest.testing.watching import Watched, size_of, some_records

_PAUSES: Final = (0.0, 0.05, 0.2, 1.0, 2.0)
"""Seconds before each new attempt, as Flask-Chest pauses, too."""


class Plan(TypedDict):
    """What the program is asked for.

    Attributes:
        ways: Of interrupting: ``kill``, ``fail``, ``cut``, ``meet``.
        moments: Most interruptions of each way.
        seed: Of the choice among more moments than that.
    """

    ways: Sequence[str]
    moments: int
    seed: int


class Report(TypedDict):
    """One interruption, and what became of the records.

    Attributes:
        what: What was done, and when.
        ids: Of the records, which must all be stored once.
        fault: Why they could not be exported after it; empty when they could.
    """

    what: str
    ids: list[str]
    fault: str


def interrupt(new: Callable[[], Exporter]) -> None:
    """Read a `Plan`, one line of JSON, and print a `Report` for each interruption."""
    plan: Plan = from_json(sys.stdin.readline())
    found = _Interruptions(new, plan["moments"], random.Random(plan["seed"]))  # noqa: S311 - no secret
    ways = {"kill": found.kill, "fail": found.fail, "cut": found.cut, "meet": found.meet}
    for way in plan["ways"]:
        for report in ways[way]():
            print(to_json(report).decode(), flush=True)  # noqa: T201 - the contract reads it
            if report["fault"]:  # all that follow may wait as long
                return


class _Interruptions:
    """Interrupts the export of one batch after another.

    Args:
        new: Returns a new exporter.
        most: Most interruptions of one kind.
        chance: Chooses among more moments than that.
    """

    def __init__(self, new: Callable[[], Exporter], most: int, chance: random.Random) -> None:
        self._new = new
        self._most = most
        self._chance = chance
        self._is_fixed = new().batching.fixed
        kind = type(new())
        ours = {"flask_chest", "builtins", "abc", "typing"}
        self._packages = {base.__module__.partition(".")[0] for base in kind.__mro__} - ours
        self._watched = Watched(new, self._packages, chance)

    def kill(self) -> Iterator[Report]:
        """Kill the process that exports; export again in another."""
        for number in self._watched.moments(self._most):
            records = some_records(self._new())
            answer = Child(self._killed_at(number, records)).wait() or {}
            if answer.get("fault"):  # it was not killed: it raised
                yield _report("an export that nothing interrupted", records, answer["fault"])
                return
            yield self._again(f"killed {answer.get('place', 'after the export')}", records, number)

    def fail(self) -> Iterator[Report]:
        """Let a call of the operating system fail; export again with the same exporter."""
        for number in self._watched.failures(self._most):
            records = some_records(self._new())
            answer = Child(self._failed_at(number, records)).wait() or {}
            place = answer.get("place") or "after the export"
            yield _report(f"an OSError {place}", records, answer.get("fault", ""))

    def cut(self) -> Iterator[Report]:
        """End a file at a byte, as a full disk does, and a kill in the middle of a write."""
        files = self._watched.files
        for number in range(self._most if files else 0):
            records = some_records(self._new())
            growth = int(len(make_batch(*records).lines) * self._chance.uniform(0.05, 1.05))
            base = max(map(size_of, files)) if number % 4 < 2 else 0
            is_killed = bool(number % 2)
            answer = Child(self._cut_at(base + growth, records, is_killed=is_killed)).wait()
            what = f"a file of at most {base + growth:,} bytes"
            if is_killed and answer is None:
                yield self._again(f"killed by {what}", records, number)
            else:
                yield _report(what, records, (answer or {}).get("fault", ""))

    def meet(self) -> Iterator[Report]:
        """Stop an export, until another exporter has had the same batch and one more, or waits."""
        usual = self._watched.seconds
        patience = max(1.0, 20 * usual)
        for number in self._watched.moments(self._most // 3 or 1):
            records, more = some_records(self._new()), some_records(self._new())
            answer = Child(self._met_at(number, records, more, patience)).wait() or {}
            place = answer.get("place") or "after the export"
            if answer.get("has_waited"):  # there is a lock: most others would wait as long
                patience = max(0.05, 3 * usual)
            yield _report(f"met {place}", [*records, *more], answer.get("fault", ""))

    # -- What a child does -----------------------------------------------------------------------

    def _killed_at(self, number: int, records: Sequence[RecordData]) -> Callable[..., Any]:
        def run(answer: Callable[[Any], None]) -> None:
            def kill(moment: Moment) -> None:
                answer({"place": str(moment)})
                os.kill(os.getpid(), signal.SIGKILL)

            exporter = self._new()
            with Moments(_Nth(number, kill, _any), self._packages):
                exporter.open()
                exporter.export(make_batch(*records))

        return run

    def _failed_at(self, number: int, records: Sequence[RecordData]) -> Callable[..., Any]:
        def run(_: object) -> dict[str, str]:
            place = ""

            def fail(moment: Moment) -> None:
                nonlocal place
                place = str(moment)
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            exporter, batch = self._new(), make_batch(*records)
            with Moments(_Nth(number, fail, _may_fail)):
                has_failed = _raises(exporter, batch)
            exporter.close()
            fault = self._deliver(exporter, [batch]) if has_failed else ""
            return {"place": place, "fault": fault}

        return run

    def _cut_at(
        self, size: int, records: Sequence[RecordData], *, is_killed: bool
    ) -> Callable[..., Any]:
        def run(_: object) -> dict[str, str]:
            exporter, batch = self._new(), make_batch(*records)
            if is_killed:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
            has_failed = _raises(exporter, batch)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            exporter.close()
            return {"fault": self._deliver(exporter, [batch]) if has_failed else ""}

        return run

    def _met_at(
        self,
        number: int,
        records: Sequence[RecordData],
        more: Sequence[RecordData],
        patience_seconds: float,
    ) -> Callable[..., Any]:
        batch, another = make_batch(*records), make_batch(*more)

        def run(_: object) -> dict[str, Any]:
            place, has_waited = "", False
            kind = OtherThread if number % 2 else OtherProcess
            other: Other = kind(lambda: self._deliver(self._new(), [batch, another]))

            def meet(moment: Moment) -> None:
                nonlocal place, has_waited
                place = f"{moment} by another {other.kind}"
                has_waited = not other.go(patience_seconds)

            exporter = self._new()
            with Moments(_Nth(number, meet, _any), self._packages):
                has_failed = _raises(exporter, batch)
            exporter.close()
            fault = other.end()
            if has_failed:
                fault = fault or self._deliver(exporter, [batch])
            return {"place": place, "fault": fault, "has_waited": has_waited}

        return run

    # -- Beside the interruptions ----------------------------------------------------------------

    def _deliver(self, exporter: Exporter, batches: Sequence[Batch]) -> str:
        """Export as often as it takes. Return why it cannot be done; empty when it was."""
        fault = ""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                exporter.open()
                for batch in batches:
                    exporter.export(batch)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the records come again
                fault = f"{type(error).__name__}: {error}"
            else:
                fault = ""
            exporter.close()
            if not fault:
                break
        return fault

    def _again(self, what: str, records: Sequence[RecordData], number: int) -> Report:
        """Export in a process of its own: in other batches, where they need not be the same."""
        batches = [make_batch(*records)]
        if number % 2 and len(records) > 2 and not self._is_fixed:
            batches = [make_batch(*records[:2]), make_batch(*records[2:])]
        answer = Child(lambda _: {"fault": self._deliver(self._new(), batches)}).wait()
        return _report(what, records, (answer or {}).get("fault", ""))


class _Nth:
    """Acts at one of the moments that count, by its number."""

    def __init__(
        self, number: int, act: Callable[[Moment], None], counts: Callable[[Moment], bool]
    ) -> None:
        self._left = number
        self._act = act
        self._counts = counts

    def __call__(self, moment: Moment) -> None:
        if self._counts(moment):
            self._left -= 1
            if self._left == -1:
                self._act(moment)


def _any(_: Moment) -> bool:
    return True


def _may_fail(moment: Moment) -> bool:
    return moment.may_fail


def _raises(exporter: Exporter, batch: Batch) -> bool:
    """Export, and return whether it raises anything."""
    try:
        exporter.open()
        exporter.export(batch)
    except Exception:  # noqa: BLE001 - whatever it raises, the records come again
        return True
    return False


def _report(what: str, records: Sequence[RecordData], fault: str) -> Report:
    return {"what": what, "ids": [record["id"] for record in records], "fault": fault}
