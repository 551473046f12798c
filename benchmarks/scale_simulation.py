"""A simulation of the leaders of many hosts, and of the one database that they deliver to.

Time is simulated, and so is the database: it shares its cores among what it is asked, and fails as
it is told. A leader does what a `Worker` does: it wakes once in an interval, sends what waits in
batches one after the other, and after a failure pauses as long as the real `Backoff` says.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest import mock

from benchmarks.scale_database import Database, Work
from benchmarks.scale_scenario import Costs, Outcome, Scenario
from flask_chest.export import backoff
from flask_chest.export.backoff import Backoff
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

MINUTE: Final = 60.0


def simulate(scenario: Scenario, costs: Costs, seed: int = 1) -> Outcome:
    """Return what is seen in a scenario. The same seed gives the same outcome."""
    return _Simulation(scenario, costs, seed).run()


# -- The database --------------------------------------------------------------------------------


class _Leader:
    """The worker of one exporter in the leader of a host."""

    def __init__(self, simulation: _Simulation, phase: float) -> None:
        self._all = simulation
        most = simulation.scenario.retry_max_seconds
        self.backoff = Backoff("main", 1.0, most, Counters(), _Silent())
        self.delivered = 0
        self.came_back = False
        self._is_busy = self._is_connected = self._is_due = False
        self._goal = 0  # what waited when this pass began
        self._attempt = 0  # what is heard of an earlier one does not count
        self._work: Work | None = None
        self._all.at(phase, self._wake_regularly)

    def waiting(self) -> float:
        """Return how many records wait in the journal."""
        scenario = self._all.scenario
        return self._all.now * scenario.records_per_second - self.delivered

    def _wake_regularly(self) -> None:
        self._all.at(self._all.now + self._all.scenario.interval_seconds, self._wake_regularly)
        self.wake()

    def wake(self) -> None:
        """Deliver, unless that goes on or a pause is under way."""
        if self._is_busy:
            self._is_due = True
            return
        if self.backoff.remaining_seconds() > 0:
            return
        self._goal = self.delivered + int(self.waiting())
        if self._goal == self.delivered:
            return
        self._is_busy = True
        if self._is_connected:
            self._prepare()
            return
        self._all.outcome.attempts[int(self._all.now)] += 1
        self._expect(self._all.scenario.connect_timeout_seconds)
        if not self._all.database.is_down:
            work = self._all.costs.connect_ms / 1e3
            self._work = self._all.ask("connections", work, self._unless(self._open))
        elif not self._all.scenario.silent:
            self._all.at(self._all.now + 0.001, self._unless(self.fail))

    def _unless(self, go_on: Callable[[], None]) -> Callable[[], None]:
        """Return what goes on, unless the attempt has ended meanwhile."""
        attempt = self._attempt

        def run() -> None:
            if self._attempt == attempt:
                go_on()

        return run

    def _expect(self, seconds: float) -> None:
        """Fail unless something is heard within some seconds."""
        self._attempt += 1
        self._all.at(self._all.now + seconds, self._unless(self.fail))

    def _open(self) -> None:
        self._is_connected = True
        self._prepare()

    def _prepare(self) -> None:
        """Read a batch from the journal, and send it."""
        costs = self._all.costs
        number = min(self._goal - self.delivered, costs.batch_records)
        self._attempt += 1
        seconds = (number * costs.client_us / 1e6) + costs.batch_ms / 1e3
        self._all.at(self._all.now + seconds, self._unless(lambda: self._send(number)))

    def _send(self, number: int) -> None:
        if self._all.database.is_down and not self._all.scenario.silent:
            self.fail()
            return
        self._expect(self._all.scenario.timeout_seconds)
        if not self._all.database.is_down:
            began, work = self._all.now, number * self._all.costs.server_us / 1e6
            done = self._unless(lambda: self._arrived(number, began))
            self._work = self._all.ask("records", work, done)

    def _arrived(self, number: int, began: float) -> None:
        self._attempt += 1
        self.backoff.succeeded()
        self._all.note_batch(self, number, began)
        self.delivered += number
        if self.delivered < self._goal:
            self._prepare()
            return
        self._is_busy = False
        if self._is_due:
            self._is_due = False
            self.wake()

    def fail(self) -> None:
        """Notice a failure, and pause."""
        self._attempt += 1
        if self._work is not None:
            self._all.cancel(self._work)
        self._is_busy = self._is_connected = self._is_due = False
        self._all.outcome.failures[int(self._all.now)] += 1
        self.backoff.failed(ConnectionError("down"))
        self._all.at(self._all.now + self.backoff.remaining_seconds(), self.wake)

    def disconnect(self) -> None:
        """Lose the connection: what is under way fails at once."""
        if self._is_busy:
            self.fail()
        self._is_connected = False


class _Keeper:
    """A leader that computes rollups, once a minute."""

    def __init__(self, simulation: _Simulation, phase: float) -> None:
        self._all = simulation
        self._all.at(phase, self._run)

    def _run(self) -> None:
        """Read the marked minutes anew, as the rollups of an hour are computed."""
        pause = MINUTE * self._all.random.uniform(0.9, 1.1)
        marks = {
            minute: version
            for minute, version in self._all.marks.items()
            if (minute + 1) * MINUTE + 15.0 <= self._all.now
        }
        if not marks or self._all.database.is_down:
            self._all.at(self._all.now + pause, self._run)
            return
        revision = self._all.revision
        records = sum(self._all.stored[minute] for minute in marks)
        work = records * self._all.costs.rollup_us / 1e6
        due = self._all.now + pause

        def done() -> None:
            if self._all.revision != revision:
                self._all.outcome.lost_work += work  # another one was quicker
            else:
                self._all.revision += 1
                for minute, version in marks.items():
                    if self._all.marks[minute] == version:
                        del self._all.marks[minute]
            self._all.at(max(due, self._all.now), self._run)

        self._all.ask("rollups", work, done)


class _Silent(Throttle):
    """Logs nothing."""

    def log(self, *_given: object, **_options: object) -> None:
        """Do nothing."""

    def forget(self, kind: str) -> None:
        """Do nothing."""


# -- The whole -----------------------------------------------------------------------------------


class _Longest(random.Random):
    """Random numbers that are always the largest: pauses without jitter."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - as `random.Random` has it
        """Return the largest."""
        return b


class _Simulation:
    """The clock, the database, and what is to happen when."""

    def __init__(self, scenario: Scenario, costs: Costs, seed: int) -> None:
        self.scenario = scenario
        self.costs = costs
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.pauses = random.Random(seed) if scenario.jitter else _Longest()  # noqa: S311 - as above
        self.now = 0.0
        self.outcome = Outcome()
        self.database = Database(scenario.cores)
        self.marks: dict[int, int] = {}
        self.stored: Counter[int] = Counter()
        self.revision = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        phases = [self.random.uniform(0.0, scenario.start_seconds) for _ in range(scenario.hosts)]
        self.leaders = [_Leader(self, phase) for phase in phases]
        if costs.rollup_us:
            for phase in phases[: scenario.keepers]:
                _Keeper(self, 20.0 + phase)
        for begin, end in scenario.outages:
            self.at(begin, self._go_down)
            self.at(end, self._come_up)
        if scenario.slow is not None:
            begin, end, factor = scenario.slow
            self.at(begin, lambda: self._change_speed(factor))
            self.at(end, lambda: self._change_speed(1.0))
        self._last_up = max((end for _, end in scenario.outages), default=0.0)

    def monotonic(self) -> float:
        """Return the simulated time, as `time.monotonic` does for `Backoff`."""
        return self.now

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Do something at a moment."""
        heapq.heappush(self._events, (moment, next(self._order), do))

    def ask(self, kind: str, seconds: float, done: Callable[[], None]) -> Work:
        """Let the database do something that takes some core seconds."""
        work = Work(kind, seconds, done)
        self.database.works[work] = None
        if kind == "records":
            at_once = sum(each.kind == kind for each in self.database.works)
            self.outcome.most_at_once = max(self.outcome.most_at_once, at_once)
        return work

    def cancel(self, work: Work) -> None:
        """Let the database drop something, unless it is done."""
        if work in self.database.works:
            del self.database.works[work]
            self.outcome.lost_work += work.whole - work.left

    def note_batch(self, leader: _Leader, number: int, began: float) -> None:
        """Note that a batch has arrived."""
        outcome = self.outcome
        outcome.arrived += number
        outcome.longest_batch = max(outcome.longest_batch, self.now - began)
        minute = int(leader.delivered / self.scenario.records_per_second // MINUTE)
        self.stored[minute] += number
        self.marks[minute] = self.marks.get(minute, 0) + 1
        if self.now >= self._last_up > 0 and not leader.came_back:
            leader.came_back = True
            outcome.returned[int(self.now)] += 1

    def _change_speed(self, factor: float) -> None:
        self.database.speed = factor

    def _go_down(self) -> None:
        self.database.is_down = True
        for work in list(self.database.works):
            if work.kind == "rollups":
                work.done()  # its leader asks again a minute later
            self.cancel(work)
        if not self.scenario.silent:
            for leader in self.leaders:
                leader.disconnect()

    def _come_up(self) -> None:
        self.database.is_down = False

    def _look(self) -> None:
        """Look at all hosts, once in a while."""
        waiting = max(leader.waiting() for leader in self.leaders)
        self.outcome.most_waiting = max(self.outcome.most_waiting, waiting)
        scenario = self.scenario
        is_drained = waiting <= 2 * scenario.interval_seconds * scenario.records_per_second + 1
        if is_drained and self.now > self._last_up and self.outcome.drained is None:
            self.outcome.drained = self.now
        self.at(self.now + 1.0, self._look)

    def run(self) -> Outcome:
        """Let all happen."""
        with self._simulated_time():
            self._look()
            while self.now < self.scenario.seconds:
                seconds = min(self.database.seconds_to_next(), self._events[0][0] - self.now)
                self.database.advance(seconds)
                self.now += seconds
                for work in self.database.finished():
                    work.done()
                while self._events[0][0] <= self.now:
                    heapq.heappop(self._events)[2]()
        self.outcome.busy = self.database.busy
        return self.outcome

    @contextmanager
    def _simulated_time(self) -> Iterator[None]:
        """Let `Backoff` see the simulated time, and random numbers that come again."""
        with (
            mock.patch.object(backoff, "time", self),
            mock.patch.object(backoff, "chance", self.pauses),
        ):
            yield
