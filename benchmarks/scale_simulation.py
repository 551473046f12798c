"""A simulation of the leaders of many hosts, and of the one database that they deliver to.

Time is simulated, and so is the database: it shares its cores among what it is asked, and fails as
it is told. A leader does what a `Worker` does: it wakes once in an interval, sends what waits in
batches one after the other, and after a failure pauses as long as the real `Backoff` says.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

from flask_chest.export import backoff
from flask_chest.export.backoff import Backoff
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

MINUTE: Final = 60.0


@dataclass(frozen=True)
class Costs:
    """What a database and the process that delivers to it spend, as measured.

    Attributes:
        server_us: CPU of the server for a record, in microseconds.
        client_us: CPU of the leader for a record.
        batch_records: Most records in a batch.
        batch_ms: What a batch takes besides, as for its commit; no core is busy meanwhile.
        connect_ms: CPU of the server for a connection, with the look at the tables.
        rollup_us: CPU of the server to roll a record up; 0.0 for a store without rollups.
    """

    server_us: float
    client_us: float
    batch_records: int = 1_000
    batch_ms: float = 2.0
    connect_ms: float = 10.0
    rollup_us: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """What happens.

    Attributes:
        outages: When the database is down, from and until, in seconds.
        silent: Whether it does not answer then; else it refuses.
        slow: When its cores are slower, from and until, and by which factor.
        hosts: How many leaders there are.
        records_per_second: Of each host.
        cores: Of the database.
        seconds: How long it is simulated.
        keepers: How many leaders compute rollups.
        jitter: Whether pauses are random. Without it, each is as long as its ceiling.
        interval_seconds: CHEST_EXPORT_INTERVAL_SECONDS.
        retry_max_seconds: CHEST_RETRY_MAX_SECONDS.
        timeout_seconds: After which a batch counts as failed, and the server cancels it.
        connect_timeout_seconds: The same for a connection.
        start_seconds: Hosts start within so many seconds.
    """

    outages: tuple[tuple[float, float], ...] = ()
    silent: bool = False
    slow: tuple[float, float, float] | None = None
    hosts: int = 50
    records_per_second: float = 1e9 / 86_400 / 50
    cores: int = 8
    seconds: float = 2 * 3_600.0
    keepers: int = 1
    jitter: bool = True
    interval_seconds: float = 5.0
    retry_max_seconds: float = 60.0
    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0
    start_seconds: float = 5.0


@dataclass
class Outcome:
    """What was seen.

    Attributes:
        attempts: Connections that were tried, by second.
        failures: Attempts and batches that failed, by second.
        most_at_once: Most batches at the database at once.
        longest_batch: Seconds of the longest batch that arrived.
        drained: When no host had more than an interval's records, for the first time after the
            last outage; None when that did not come.
        returned: By second, hosts whose first batch after the last outage arrived.
        most_waiting: Most records that waited in one host.
        busy: Core seconds of the database, for records, connections and rollups.
        lost_work: Core seconds for what was thrown away.
        arrived: Records that arrived.
    """

    attempts: Counter[int] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    most_at_once: int = 0
    longest_batch: float = 0.0
    drained: float | None = None
    returned: Counter[int] = field(default_factory=Counter)
    most_waiting: float = 0.0
    busy: dict[str, float] = field(default_factory=dict)
    lost_work: float = 0.0
    arrived: int = 0


def simulate(scenario: Scenario, costs: Costs, seed: int = 1) -> Outcome:
    """Return what is seen in a scenario. The same seed gives the same outcome."""
    return _Simulation(scenario, costs, seed).run()


# -- The database --------------------------------------------------------------------------------


@dataclass(eq=False)
class _Work:
    """Something that the database does, with one core at most."""

    kind: str
    whole: float
    done: Callable[[], None]
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.whole


class _Database:
    """Shares its cores evenly among what it does."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.speed = 1.0
        self.is_down = False
        self.works: dict[_Work, None] = {}
        self.busy: defaultdict[str, float] = defaultdict(float)

    def rate(self) -> float:
        """Return the core seconds that each work gets in a second."""
        return self.speed * min(1.0, self.cores / len(self.works))

    def seconds_to_next(self) -> float:
        """Return how long it takes until something is done."""
        if not self.works:
            return float("inf")
        return max(min(work.left for work in self.works), 0.0) / self.rate()

    def advance(self, seconds: float) -> None:
        """Work for some seconds."""
        if self.works and seconds > 0:
            share = seconds * self.rate()
            for work in self.works:
                work.left -= share
                self.busy[work.kind] += share

    def finished(self) -> list[_Work]:
        """Take out, and return, what is done."""
        done = [work for work in self.works if work.left <= 1e-9]
        for work in done:
            del self.works[work]
        return done


# -- The leaders ---------------------------------------------------------------------------------


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
        self._work: _Work | None = None
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
        self.database = _Database(scenario.cores)
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

    def ask(self, kind: str, seconds: float, done: Callable[[], None]) -> _Work:
        """Let the database do something that takes some core seconds."""
        work = _Work(kind, seconds, done)
        self.database.works[work] = None
        if kind == "records":
            at_once = sum(each.kind == kind for each in self.database.works)
            self.outcome.most_at_once = max(self.outcome.most_at_once, at_once)
        return work

    def cancel(self, work: _Work) -> None:
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
            mock.patch.object(backoff, "random", self.pauses),
        ):
            yield
