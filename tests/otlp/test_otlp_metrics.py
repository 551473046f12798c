"""Durations as exponential histograms, where metrics are asked for."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
from flask_chest_otlp.metrics import MetricEncoder, bucket_of
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)
from support.otlp_receiver import answer, partial, plain

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Batching
from flask_chest.testing import make_batch, make_record


def points(receiver):
    """Return all data points that arrived, with the name of their metric and their instance."""
    return [
        (metric.name, plain(resource.resource.attributes)["service.instance.id"], point)
        for message in receiver.taken["/v1/metrics"]
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.exponential_histogram.data_points
    ]


def test_without_them_nothing_is_sent_to_their_path(make, receiver):
    exporter = make()
    exporter.export(make_batch(make_record()))
    assert {request.path for request in receiver.requests} == {"/v1/logs"}
    assert exporter.batching == Batching()


def test_each_route_method_and_status_is_a_series(make, receiver):
    records = [
        make_record(duration_ms=250.0),
        make_record(duration_ms=500.0),
        make_record(status_code=404, route=None, duration_ms=1.0),
        make_record(status_code=500, error="builtins.KeyError", duration_ms=2.0),
        make_record(status_code=503, duration_ms=2.0),
        make_record(method="PROPFIND", duration_ms=3.0),
        make_record(method="MKCOL", duration_ms=4.0),
        make_record(method="JOB", route="nightly", status_code=None, path="", duration_ms=9e3),
    ]
    make(metrics=True).export(make_batch(*records))
    found = {
        tuple(sorted(plain(point.attributes).items())): point for _, _, point in points(receiver)
    }
    base = {"http.request.method": "GET", "http.route": "/cart/<int:id>"}
    status = "http.response.status_code"
    wanted = [
        ({**base, status: 200}, 2, 0.75),
        ({"http.request.method": "GET", status: 404}, 1, 0.001),
        ({**base, status: 500, "error.type": "builtins.KeyError"}, 1, 0.002),
        ({**base, status: 503, "error.type": "503"}, 1, 0.002),
        ({**base, "http.request.method": "_OTHER", status: 200}, 2, 0.007),
        ({"flask_chest.job": "nightly"}, 1, 9.0),
    ]
    assert len(found) == len(wanted)
    for attributes, count, total in wanted:
        point = found[tuple(sorted(attributes.items()))]
        assert point.count == count
        assert point.sum == pytest.approx(total)
        assert point.scale == 4
    names = {name for name, _, _ in points(receiver)}
    assert names == {"http.server.request.duration", "flask_chest.job.duration"}


def test_the_buckets_are_those_of_the_sdk():
    mapping = LogarithmMapping(4)
    randomly = random.Random(4)
    values = [10 ** randomly.uniform(-6, 5) for _ in range(2_000)]
    assert [bucket_of(value) for value in values] == [mapping.map_to_index(v) for v in values]
    powers = [2.0**power for power in range(-20, 20)]  # a border belongs to the bucket below
    assert [bucket_of(value) for value in powers] == [mapping.map_to_index(v) for v in powers]


def test_every_duration_is_in_the_bucket_between_whose_borders_it_is(make, receiver):
    randomly = random.Random(7)
    durations = [10 ** randomly.uniform(-2, 5) for _ in range(500)] + [0.0, 0.0]
    make(metrics=True).export(make_batch(*(make_record(duration_ms=ms) for ms in durations)))
    [(_, _, point)] = points(receiver)
    base = 2 ** (1 / 16)
    wanted = Counter(math.ceil(math.log(ms / 1_000, base)) - 1 for ms in durations if ms)
    offset = point.positive.offset
    found = {offset + at: n for at, n in enumerate(point.positive.bucket_counts) if n}
    assert found == wanted
    assert (point.zero_count, point.count) == (2, 502)
    assert (point.min, point.max) == (0.0, max(durations) / 1_000)


@pytest.mark.parametrize("weight", [10.0, 1.3, 1.5])
def test_a_sampled_record_counts_as_often_as_it_stands_for(make, receiver, weight):
    records = [make_record(duration_ms=float(n + 1), weight=weight) for n in range(200)]
    make(metrics=True).export(make_batch(*records))
    [(_, _, point)] = points(receiver)
    assert point.count == round(200 * weight)
    assert point.sum == pytest.approx(weight * sum(range(201)) / 1_000)


def test_data_points_of_a_process_follow_each_other_without_overlap(make, receiver):
    exporter = make(metrics=True)
    for second in range(4):
        exporter.export(
            make_batch(
                *(
                    make_record(
                        instance=f"web:{process}",
                        started_at=f"2026-11-29T10:00:{second:02}.{number:06}Z",
                        duration_ms=5.0 - number,  # the last one ends before the others
                    )
                    for process in (1, 2)
                    for number in range(3)
                )
            )
        )
    for instance in ("web:1", "web:2"):
        own = [point for _, of, point in points(receiver) if of == instance]
        assert len(own) == 4
        for before, after in pairwise(own):
            assert after.start_time_unix_nano == before.time_unix_nano


def test_records_that_end_before_those_of_an_earlier_batch_still_have_a_length_of_time():
    encoder = MetricEncoder({})
    late, early = make_record(duration_ms=500.0), make_record(duration_ms=1.0)
    encoder.accepted([late])
    message = metrics.ExportMetricsServiceRequest.FromString(encoder.request([early]))
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram
    [point] = point.data_points
    assert point.time_unix_nano == point.start_time_unix_nano + 1


def test_logs_that_the_collector_has_are_not_sent_again_for_their_metrics(make, receiver):
    exporter = make(metrics=True)
    assert exporter.batching.fixed
    receiver.script += [answer(200, body=b""), answer(503)]
    batch = make_batch(make_record(), make_record())
    with pytest.raises(ExporterUnavailable, match="/v1/metrics answered 503"):
        exporter.export(batch)
    exporter.close()
    exporter.open()
    exporter.export(make_batch(*batch.records()))
    assert len(receiver.data("/v1/logs")) == 1
    assert len(receiver.data("/v1/metrics")) == 2
    assert len(receiver.records()) == 2


def test_metrics_that_the_collector_refuses_hold_up_no_record(make, receiver, caplog):
    exporter = make(metrics=True)
    receiver.script += [answer(200, body=b""), answer(400, "no histograms here")]
    exporter.export(make_batch(make_record(), make_record()))
    assert len(receiver.ids()) == 2
    assert "refuses the metrics of 2 records" in caplog.text
    assert "no histograms here" in caplog.text


def test_dropped_data_points_are_logged(make, receiver, caplog):
    exporter = make(metrics=True)
    receiver.script += [answer(200, body=b""), partial(3, "out of order", "/v1/metrics")]
    exporter.export(make_batch(make_record()))
    assert "dropped 3 data points" in caplog.text
    assert "out of order" in caplog.text


def test_a_collector_without_a_pipeline_for_metrics_is_found_when_it_is_opened(backend, receiver):
    exporter = backend.new(metrics=True, url=f"{receiver.url}")
    receiver.to_empty = answer(404)
    with pytest.raises(ExporterUnavailable, match="pipeline for this signal"):
        exporter.check()
