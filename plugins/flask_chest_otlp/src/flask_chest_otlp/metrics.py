"""Durations of requests as exponential histograms of OTLP.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from flask_chest.record import JOB
from flask_chest_otlp import names
from flask_chest_otlp.attributes import attribute
from flask_chest_otlp.log_records import clamped, end_ns
from flask_chest_otlp.resources import Origin, by_origin, envelope
from flask_chest_otlp.wire import DOUBLE, FIXED64, VARINT, length_delimited, varint

if TYPE_CHECKING:
    from flask_chest.record import JsonValue, RecordData

SCALE: Final = 4
"""As in the rollups of Flask-Chest: a bucket is 2**(1/16) times as wide as the one below it."""

NAME: Final = "http.server.request.duration"
JOB_NAME: Final = f"{names.OWN}job.duration"

_PER_DOUBLING: Final = 2**SCALE
_DELTA: Final = b"\x10\x01"
_ATTRIBUTES: Final = b"\x0a"
_MAX_ORIGINS: Final = 4_096
_MAX_WEIGHT: Final = 2.0**40
"""The sum of a batch fits into 64 bits."""

_METRICS: Final = {
    name: b"".join(
        (
            length_delimited(b"\x0a", name.encode()),
            length_delimited(b"\x12", description.encode()),
            length_delimited(b"\x1a", b"s"),
        )
    )
    for name, description in (
        (NAME, "Duration of HTTP server requests."),
        (JOB_NAME, "Duration of jobs."),
    )
}


class _Series(NamedTuple):
    """What the durations of one data point have in common."""

    method: str
    route: str | None
    status_code: int | None
    error: str | None

    def attributes(self) -> Iterator[tuple[str, JsonValue]]:
        """Yield the attributes of the data point, as the conventions have them."""
        if self.method == JOB:
            yield f"{names.OWN}job", self.route
        else:
            yield "http.request.method", self.method
            if self.route is not None:
                yield "http.route", self.route
            if self.status_code is not None:
                yield "http.response.status_code", self.status_code
        if self.error is not None:
            yield "error.type", self.error
        elif self.status_code is not None and self.status_code >= 500:
            yield "error.type", str(self.status_code)


class _Histogram:
    """The durations of one data point, in seconds, each as often as its record stands for."""

    def __init__(self) -> None:
        self.buckets: dict[int, float] = {}
        self.zeros = 0.0
        self.sum = 0.0
        self.least, self.most = math.inf, 0.0

    def add(self, seconds: float, weight: float) -> None:
        """Add a duration."""
        weight = min(max(weight, 0.0), _MAX_WEIGHT)
        self.sum += seconds * weight
        self.least, self.most = min(self.least, seconds), max(self.most, seconds)
        if seconds > 0:
            bucket = bucket_of(seconds)
            self.buckets[bucket] = self.buckets.get(bucket, 0.0) + weight
        else:
            self.zeros += weight

    def fields(self) -> bytes:
        """Return the fields of the data point that hold the distribution."""
        # Weights of samples are no integers, and counts of OTLP are. What is rounded off in one
        # bucket is added to the next, so that the sum of the counts is that of the weights.
        reached, count = self.zeros, round(self.zeros)
        zeros, counts = count, {}
        for index, weight in sorted(self.buckets.items()):
            reached += weight
            counts[index] = round(reached) - count
            count += counts[index]
        parts = [
            b"\x21" + FIXED64(count),
            b"\x29" + DOUBLE(self.sum),
            b"\x30" + varint(_zigzag(SCALE)),
            b"\x39" + FIXED64(zeros),
            b"\x61" + DOUBLE(self.least),
            b"\x69" + DOUBLE(self.most),
        ]
        if counts:
            first, last = min(counts), max(counts)
            dense = b"".join(VARINT[counts.get(index, 0)] for index in range(first, last + 1))
            buckets = b"\x08" + varint(_zigzag(first)) + length_delimited(b"\x12", dense)
            parts.append(length_delimited(b"\x42", buckets))
        return b"".join(parts)


def bucket_of(value: float) -> int:
    """Return the index of the bucket of a positive number: ``(base**index, base**(index + 1)]``."""
    return math.ceil(math.log2(value) * _PER_DOUBLING) - 1


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


class MetricEncoder:
    """Encodes batches as requests to `/v1/metrics`: what was added since the batch before.

    The temporality is delta. A process writes records in the order in which its requests end, so
    the end of the newest record of a batch is where the next data point of this process begins.

    Args:
        resource: Further attributes of each resource.
    """

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._resource = resource
        self._ends: OrderedDict[Origin, int] = OrderedDict()

    def request(self, records: Iterable[RecordData]) -> bytes:
        """Return an `ExportMetricsServiceRequest`.

        Args:
            records: Well-formed ones, as `record.decode` returns them.
        """
        return b"".join(
            envelope(origin, self._resource, self._metrics(origin, found))
            for origin, found in by_origin(records).items()
        )

    def accepted(self, records: Iterable[RecordData]) -> None:
        """Note that the collector has these, so that the next data points begin behind them."""
        for origin, found in by_origin(records).items():
            _, self._ends[origin] = self._span(origin, found)
            self._ends.move_to_end(origin)
        while len(self._ends) > _MAX_ORIGINS:
            self._ends.popitem(last=False)

    def _span(self, origin: Origin, records: Iterable[RecordData]) -> tuple[int, int]:
        """Return between which times the records ended, without those of the batch before."""
        ends = [end_ns(record) for record in records]
        begin = self._ends.get(origin, min(ends) - 1)
        return begin, max(*ends, begin + 1)

    def _metrics(self, origin: Origin, records: Sequence[RecordData]) -> Iterator[bytes]:
        begin, end = map(clamped, self._span(origin, records))
        times = b"\x11" + FIXED64(begin) + b"\x19" + FIXED64(end)
        found: dict[str, dict[_Series, _Histogram]] = {}
        for record in records:
            name = JOB_NAME if record["method"] == JOB else NAME
            series = _Series(
                names.method(record["method"]),
                record["route"],
                record["status_code"],
                record["error"],
            )
            histogram = found.setdefault(name, {}).setdefault(series, _Histogram())
            histogram.add(record["duration_ms"] / 1_000, record["weight"])
        for name, points in found.items():
            data = [
                length_delimited(
                    b"\x0a",
                    b"".join(
                        (
                            *(attribute(_ATTRIBUTES, *told) for told in series.attributes()),
                            times,
                            histogram.fields(),
                        )
                    ),
                )
                for series, histogram in points.items()
            ]
            content = length_delimited(b"\x52", b"".join((*data, _DELTA)))
            yield length_delimited(b"\x12", _METRICS[name] + content)
