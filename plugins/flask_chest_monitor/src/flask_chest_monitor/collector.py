"""The metrics of a host as a collector of `prometheus_client`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from flask_chest_monitor.metrics import METRICS, WRITABLE

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest import FlaskChest
    from flask_chest_monitor.metrics import ChestMetric


class ChestCollector(Collector):
    """Yields the metrics of the host whenever they are scraped.

    Each process reads what all processes have counted, so any of them may be asked, and
    `prometheus_client` needs no multiprocess mode. Register it where your own metrics are::

        prometheus_client.REGISTRY.register(ChestCollector(app, chest))

    Args:
        app: The application.
        chest: Its FlaskChest.
    """

    def __init__(self, app: Flask, chest: FlaskChest) -> None:
        self._app = app
        self._chest = chest

    def describe(self) -> list[Metric]:
        """Return the metrics without values, so that nothing is read when it is registered.

        A registry refuses a second collector with the same names: Prometheus would refuse the
        scrape.
        """
        return [*map(_family, METRICS), GaugeMetricFamily(*WRITABLE)]

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        with self._app.app_context():
            stats, fault = self._chest.stats(), self._chest.journal_fault()
        for metric in METRICS:
            family = _family(metric)
            for labels, value in metric.samples(stats):
                family.add_metric(labels, value)
            yield family
        yield GaugeMetricFamily(*WRITABLE, float(fault is None))


def _family(metric: ChestMetric) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.text, labels=metric.labels)


def exposition(app: Flask, chest: FlaskChest, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the format that a scraper accepts, and the type of the content."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ChestCollector(app, chest))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
