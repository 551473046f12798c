"""Fifty hosts and one database that was gone, with the real backoff in simulated time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scale_scenario import Costs, Scenario
from benchmarks.scale_simulation import simulate

pytestmark = pytest.mark.opens_nothing

COSTS = Costs(server_us=400.0, client_us=40.0, batch_records=100, rollup_us=100.0)
"""Few records, each of which takes as long as many."""

BEGIN, END = 120.0, 720.0
OUTAGE = Scenario(
    outages=((BEGIN, END),),
    records_per_second=10.0,
    start_seconds=0.0,  # in the same second, as with a new release
    seconds=960.0,
)


def most_in_a_second(seen, since):
    return max(number for second, number in seen.items() if second >= since)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("silent", [False, True])
def test_hosts_come_back_one_after_the_other_and_deliver_everything(silent, seed):
    found = simulate(replace(OUTAGE, silent=silent), COSTS, seed)
    assert found.returned.total() == OUTAGE.hosts
    known = END + (OUTAGE.connect_timeout_seconds if silent else 0.0)  # that the last try failed
    assert max(found.returned) <= known + 61.0, "no pause is longer than its ceiling"
    assert most_in_a_second(found.returned, END) <= 10
    assert most_in_a_second(found.attempts, BEGIN + 120.0) <= 15
    assert found.most_at_once <= OUTAGE.hosts
    assert found.longest_batch < OUTAGE.timeout_seconds / 10
    assert sum(number for second, number in found.failures.items() if second > known) == 0
    assert found.drained is not None
    recorded = OUTAGE.hosts * OUTAGE.records_per_second * OUTAGE.seconds
    assert 0.98 * recorded < found.arrived <= recorded


def test_without_the_random_part_of_a_pause_they_would_come_together():
    found = simulate(replace(OUTAGE, jitter=False), COSTS)
    assert most_in_a_second(found.returned, END) == OUTAGE.hosts


def test_a_database_that_is_slow_at_first_is_not_asked_for_more_than_it_can_do():
    found = simulate(replace(OUTAGE, slow=(END, END + 200.0, 0.1)), COSTS)
    assert found.lost_work == 0.0
    assert found.longest_batch < OUTAGE.timeout_seconds
    assert found.drained is not None


def test_the_rollups_of_many_hosts_cost_what_those_of_one_cost():
    one = simulate(OUTAGE, COSTS).busy["rollups"]
    all_of_them = simulate(replace(OUTAGE, keepers=OUTAGE.hosts), COSTS).busy["rollups"]
    assert all_of_them > 5 * one, "as it was before one host claimed them"
