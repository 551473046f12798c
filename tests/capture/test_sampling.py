"""Sampling: which requests are kept, decided at their end, and whose weights stay true."""

from __future__ import annotations

import random
import threading

import pytest
from flask import abort, g
from hypothesis import given
from hypothesis import strategies as st

from flask_chest.capture import sampling
from flask_chest.capture.sampling import Draws, RateLimit
from flask_chest.errors import ConfigurationError

TRACES = [f"{random.Random(n).getrandbits(128) | 1:032x}" for n in range(400)]


def traced(trace_id):
    return {"traceparent": f"00-{trace_id}-{'1' * 16}-01"}


@pytest.fixture
def shop(app, make_chest):
    """Return what makes a tracked application with some routes, and asks it."""

    def make(**options):
        chest = make_chest(**options)
        chest.init_app(app)

        @app.get("/")
        @chest.track
        def index():
            g.n = 1
            return ""

        @app.get("/often")
        @chest.track(sample_rate=0)
        def often():
            return ""

        @app.get("/fails")
        @chest.track
        def fails():
            raise ZeroDivisionError

        @app.get("/refuses/<int:status>")
        @chest.track
        def refuses(status):
            abort(status)

        app.config["PROPAGATE_EXCEPTIONS"] = False
        client = app.test_client()
        return chest, lambda path="/", **headers: client.get(path, headers=headers)

    return make


def test_everything_is_kept_by_default_with_a_weight_of_one(shop, recorded):
    chest, ask = shop()
    for _ in range(20):
        ask()
    assert [row["weight"] for row in recorded(chest, 20)] == [1.0] * 20
    assert chest.stats().sampled_out == 0


def test_a_share_is_kept_and_the_weights_make_up_for_the_rest(shop, recorded):
    chest, ask = shop(sample_rate=0.25)
    for trace_id in TRACES:
        assert ask(**traced(trace_id)).headers["X-Request-ID"]
    rows = recorded(chest)
    assert {row["weight"] for row in rows} == {4.0}
    assert 60 < len(rows) < 140
    assert chest.stats().sampled_out == 400 - len(rows)
    assert chest.store().routes()[0].count == 4 * len(rows)


@pytest.mark.parametrize("redact_key", [None, "shared"])
def test_services_agree_by_the_trace_and_a_higher_rate_keeps_what_a_lower_keeps(
    app, shop, recorded, redact_key
):
    app.secret_key = "of this service alone" if redact_key else "shared"
    chest, ask = shop(sample_rate=0.25, redact_key=redact_key)
    for trace_id in TRACES:
        ask(**traced(trace_id))
    kept = {row["trace_id"] for row in recorded(chest)}
    another = Draws(b"shared")
    drawn = {each: another.draw(each, "another") for each in TRACES}
    assert kept == {each for each in TRACES if drawn[each] >= 0.75}
    assert kept < {each for each in TRACES if drawn[each] >= 0.5}


def test_services_agree_by_the_request_id_where_there_is_no_trace(shop, recorded):
    chest, ask = shop(sample_rate=0.5)
    for number in range(60):
        ask(**{"X-Request-ID": f"r-{number}"})
        ask(**{"X-Request-ID": f"r-{number}"})
    kept = [row["request_id"] for row in recorded(chest)]
    assert 20 < len(kept) < 100
    assert all(kept.count(each) == 2 for each in kept)


DRAWS = Draws(b"key")


@given(st.text(min_size=1), st.none() | st.sampled_from(TRACES))
def test_a_number_is_from_zero_to_below_one(request_id, trace_id):
    assert 0 <= DRAWS.draw(trace_id, request_id) < 1


def test_numbers_are_spread_evenly():
    draws = Draws(b"key")
    for trace in (None, "trace"):
        tenths = [0] * 10
        for n in range(5_000):
            given_trace = f"{n:032x}" if trace else None  # even where the IDs are not random
            tenths[int(draws.draw(given_trace, f"r-{n}") * 10)] += 1
        assert all(400 < count < 600 for count in tenths)


# -- What a client can do that chooses its IDs -----------------------------------------------


@pytest.mark.parametrize("bits", ["f" * 14, "0" * 14, "c".ljust(14, "0"), "3f" * 7])
@pytest.mark.parametrize("kind", ["trace", "request"])
def test_who_chooses_an_id_does_not_choose_the_decision(bits, kind):
    """IDs that decided before, under many keys: a share of them is kept, never all or none."""
    text = f"{'a' * 18}{bits}"
    numbers = [
        Draws(f"key {n}".encode()).draw(*((text, "r") if kind == "trace" else (None, text)))
        for n in range(1_000)
    ]
    assert 60 < sum(number >= 0.9 for number in numbers) < 140


def test_without_a_key_nobody_can_know_the_decision_either():
    numbers = [Draws(None).draw("a" * 32, "r") for _ in range(1_000)]
    assert 60 < sum(number >= 0.9 for number in numbers) < 140
    assert Draws(b"").draw("a" * 32, "r") != Draws(b"").draw("a" * 32, "r")


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("others", [0, 1, 50])
def test_a_replayed_id_decides_for_its_first_requests_only(is_kept, others):
    draws = Draws(b"key")
    trace_id = next(t for t in TRACES if (Draws(b"key").draw(t, "") >= 0.75) == is_kept)
    numbers = []
    for n in range(4_000):
        numbers.append(draws.draw(trace_id, "r"))
        for m in range(others):
            draws.draw(f"{n * others + m + 1:032x}", "r")
    kept = sum(number >= 0.75 for number in numbers[draws.MAX_SAME :])
    first = {number >= 0.75 for number in numbers[: draws.MAX_SAME]}
    assert first == {is_kept}
    assert 850 < kept < 1_150


def test_a_client_cannot_flood_an_application_with_one_trace(app, shop, recorded):
    app.secret_key = "key"
    trace_id = next(t for t in TRACES if Draws(b"key").draw(t, "") >= 0.9)
    chest, ask = shop(sample_rate=0.1)
    for _ in range(400):
        ask(**traced(trace_id))
    assert Draws.MAX_SAME < len(recorded(chest)) < 120


def test_the_memory_of_ids_is_bounded():
    draws = Draws(b"key")
    for n in range(20_000):
        draws.draw(f"{n:032x}", "")
    assert len(draws._recent) + len(draws._older) <= 2 * draws.MEMORY


def test_errors_and_slow_requests_are_kept_whatever_the_rate(shop, recorded):
    chest, ask = shop(sample_rate=0, keep_slower_than_ms=0)
    assert ask().status_code == 200
    assert ask("/fails").status_code == 500
    assert [(r["path"], r["weight"]) for r in recorded(chest, 2)] == [("/", 1.0), ("/fails", 1.0)]


def test_a_status_of_500_and_more_is_an_error_and_404_is_none(shop, recorded):
    chest, ask = shop(sample_rate=0)
    for path in ("/", "/refuses/404", "/refuses/503", "/fails"):
        ask(path)
    assert [row["path"] for row in recorded(chest, 2)] == ["/refuses/503", "/fails"]
    assert chest.stats().sampled_out == 2


def test_errors_can_be_sampled_like_others(shop, recorded):
    chest, ask = shop(sample_rate=0, keep_errors=False)
    ask("/fails")
    assert recorded(chest, 0) == []


def test_a_rule_of_the_application_sees_the_finished_record(shop, recorded):
    seen = []

    def rule(record):
        seen.append(record)
        return record["variables"] == {"n": 1}

    chest, ask = shop(sample_rate=0, keep_if=rule)
    ask()
    ask("/often")
    [row] = recorded(chest, 1)
    assert (row["path"], row["weight"]) == ("/", 1.0)
    assert [record["status_code"] for record in seen] == [200, 200]


def test_what_a_rule_keeps_counts_once_also_where_the_rate_would_have_kept_it(shop, recorded):
    chest, ask = shop(sample_rate=0.5, keep_if=lambda record: record["route"] == "/")
    for _ in range(60):
        ask()
        ask("/refuses/404")
    rows = recorded(chest)
    assert [row["weight"] for row in rows if row["route"] == "/"] == [1.0] * 60
    assert {row["weight"] for row in rows if row["route"] != "/"} == {2.0}
    assert sum(row["route"] != "/" for row in rows) < 60


class OddError(BaseException):
    """A class of the application's own, which `except Exception` does not catch."""


@pytest.mark.parametrize("error", [KeyError, OddError, GeneratorExit])
def test_a_rule_that_raises_keeps_the_record_and_is_counted(shop, recorded, said, error):
    def rule(record):
        raise error("s3cret")

    chest, ask = shop(sample_rate=0, keep_if=rule)
    assert ask().status_code == 200
    assert len(recorded(chest, 1)) == 1
    [message] = said()
    assert "CHEST_KEEP_IF failed" in message
    assert error.__name__ in message
    assert "s3cret" not in message


def test_a_rule_may_be_given_by_its_path(shop, recorded):
    chest, ask = shop(sample_rate=0, keep_if="builtins.bool")
    ask()
    assert len(recorded(chest, 1)) == 1


def test_rates_by_endpoint_by_pattern_and_by_route(shop, recorded):
    chest, ask = shop(sample_rate={"index": 1.0, "i*": 0.0, "ref*": 0.0, "*": 1.0}, track_all=True)
    for path in ("/", "/often", "/refuses/404", "/nowhere"):
        ask(path)
    assert [row["path"] for row in recorded(chest, 2)] == ["/", "/nowhere"]


def test_a_job_of_any_name_has_a_rate(app, make_chest, recorded):
    rates = {"nightly report": 0.0, "reports/daily": 0.0, "Löschen *": 0.0}
    chest = make_chest(sample_rate=rates)
    chest.init_app(app)
    for name in ("nightly report", "reports/daily", "Löschen 7", "kept"):
        with app.app_context(), chest.record(name):
            pass
    assert [row["route"] for row in recorded(chest, 1)] == ["kept"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"sample_rate": 1.5}, ["CHEST_SAMPLE_RATE=1.5"]),
        ({"sample_rate": "half"}, ["CHEST_SAMPLE_RATE='half'"]),
        ({"sample_rate": {"/health": 0.5}}, ["CHEST_SAMPLE_RATE", "'/health'"]),
        ({"sample_rate": {" ": 0.5}}, ["CHEST_SAMPLE_RATE", "' '"]),
        (
            {"keep_if": "shop.nowhere:rule"},
            ["CHEST_KEEP_IF='shop.nowhere:rule'", "cannot be imported"],
        ),
        ({"keep_if": "os.sep"}, ["CHEST_KEEP_IF='os.sep'", "not a function"]),
        ({"max_records_per_second": 0}, ["CHEST_MAX_RECORDS_PER_SECOND=0"]),
    ],
)
def test_a_wrong_setting_stops_the_application(app, make_chest, options, parts):
    with pytest.raises(ConfigurationError) as caught:
        make_chest(**options).init_app(app)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("rate", [-0.1, 1.1, "0.5", float("nan")])
def test_a_wrong_rate_of_a_route_is_refused(chest, rate):
    with pytest.raises(ConfigurationError, match=r"sample_rate=.* is not from 0 to 1"):
        chest.track(sample_rate=rate)


# -- The limit of a second -------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still, and is set."""
    now = [1.0]
    monkeypatch.setattr(sampling, "time", type("T", (), {"monotonic": staticmethod(now.pop)}))

    class Clock:
        at = 1.0

    monkeypatch.setattr(
        sampling, "time", type("T", (), {"monotonic": staticmethod(lambda: Clock.at)})
    )
    return Clock


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 1_000])
@pytest.mark.parametrize("burst", [0.5, 1, 3, 40, 500])
def test_a_burst_is_limited_and_its_weights_add_up(clock, limit, burst):
    requests = max(round(limit * burst), 1)
    rate_limit = RateLimit(limit)
    weights = [rate_limit.admit(1.0) for _ in range(requests)]
    assert sum(weight > 0 for weight in weights) <= limit
    assert all(weight == 0 or weight >= 1 for weight in weights)
    clock.at = 3.0  # the next request speaks for those that are left
    assert sum(weights) + rate_limit.admit(1.0) == requests + 1


def test_up_to_three_quarters_of_the_limit_nothing_is_left_out(clock):
    rate_limit = RateLimit(100)
    assert [rate_limit.admit(1.0) for _ in range(75)] == [1.0] * 75


@pytest.mark.parametrize(("requests", "least"), [(100, 100), (130, 99), (1_000, 95)])
def test_steady_traffic_uses_the_limit_up_and_what_is_below_it_is_kept(clock, requests, least):
    rate_limit, kept = RateLimit(100), []
    for second in range(100):
        clock.at = float(second)
        kept.append(sum(rate_limit.admit(1.0) > 0 for _ in range(requests)))
    assert max(kept) <= 100
    assert sum(kept[1:]) / 99 >= least  # a single second depends on chance


def test_each_route_keeps_its_share_of_the_weight(clock):
    rate_limit = RateLimit(100)
    sums = [0.0, 0.0, 0.0]
    for second in range(200):
        clock.at = float(second)
        for number in range(300):
            route = (0, 0, 1, 0, 0, 1, 0, 0, 2, 0)[number % 10]
            sums[route] += rate_limit.admit(1.0)
    assert sum(sums) == pytest.approx(60_000, rel=0.01)
    assert sums[1] == pytest.approx(12_000, rel=0.15)
    assert sums[2] == pytest.approx(6_000, rel=0.2)


def test_what_is_sampled_at_different_rates_keeps_its_share_of_the_weight(clock):
    """Such as errors, which are all kept, beside a route of which one in a hundred is."""
    rate_limit = RateLimit(100)
    given, kept = {1.0: 0.0, 10.0: 0.0, 100.0: 0.0}, {1.0: 0.0, 10.0: 0.0, 100.0: 0.0}
    for second in range(200):
        clock.at = float(second)
        for number in range(300):
            weight = (1.0, 10.0, 1.0, 1.0, 100.0, 1.0, 10.0)[number % 7]
            given[weight] += weight
            kept[weight] += rate_limit.admit(weight)
    for weight, total in given.items():
        assert kept[weight] == pytest.approx(total, rel=0.01), weight


def test_weights_of_sampling_are_kept_by_the_limit(clock):
    rate_limit = RateLimit(10)
    weights = [rate_limit.admit(4.0) for _ in range(50)]
    clock.at = 9.0
    assert rate_limit.admit(1.0) == 1.0, "it was sampled at another rate"
    assert sum(weights) + rate_limit.admit(4.0) == 204


def test_many_threads_share_one_limit(clock):
    rate_limit, weights = RateLimit(50), []

    def run():
        weights.extend([rate_limit.admit(1.0) for _ in range(500)])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(weight > 0 for weight in weights) <= 50
    clock.at = 5.0
    assert sum(weights) + rate_limit.admit(1.0) == 4_001


def test_a_limited_application_answers_all_and_records_some(shop, recorded):
    chest, ask = shop(max_records_per_second=5)
    for _ in range(60):
        assert ask().status_code == 200
    rows = recorded(chest)
    assert 5 <= len(rows) < 60
    assert chest.stats().sampled_out == 60 - len(rows)
    assert sum(row["weight"] for row in rows) <= 60
