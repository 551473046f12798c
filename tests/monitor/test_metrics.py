"""Metrics follow the conventions of Prometheus."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import prometheus_client
import pytest
from flask import Flask
from flask_chest_monitor import ChestCollector
from flask_chest_monitor.metrics import METRICS
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse
from support.metrics import exported, scrape

from flask_chest.runtime.counters import ExporterStats, Stats

PLUGIN = Path(__file__).parents[2] / "plugins" / "flask_chest_monitor"
README = (PLUGIN / "README.md").read_text("utf-8")
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def names(app):
    return {name for name, _ in exported(app)}


def test_both_formats_can_be_parsed_and_say_the_same(served):
    app, _ = served
    plain, opened = scrape(app), scrape(app, OPEN_METRICS)
    assert plain.content_type.startswith("text/plain; version=")
    assert opened.content_type.startswith("application/openmetrics-text; version=")
    plainly, openly = (
        {
            (sample.name, *sorted(sample.labels.items()))
            for family in families
            for sample in family.samples
        }
        for families in (parse(plain.text), parse_open(opened.text))
    )
    assert plainly == openly


def test_values_are_those_of_the_counters(served):
    app, chest = served
    samples = exported(app)
    main = ("exporter", "main")
    with app.app_context():
        stats = chest.stats()
    assert samples[("chest_records_total", ())] == stats.recorded == 1
    assert samples[("chest_records_dropped_total", (("reason", "disk_full"),))] == 2
    assert samples[("chest_records_dropped_total", (("reason", "capture"),))] == 0
    assert samples[("chest_export_records_dropped_total", (main, ("reason", "journal_full")))] == 3
    assert samples[("chest_export_records_dropped_total", (main, ("reason", "memory_full")))] == 0
    odd = (("hook", "chest_exported"), ("plugin", 'odd: "name"\n\\'))
    assert samples[("chest_plugin_errors_total", odd)] == 4
    assert samples[("chest_values_masked_total", ())] == 5
    assert samples[("chest_export_backlog_records", (main,))] == 1
    assert samples[("chest_export_backlog_bytes", (main,))] > 100
    assert samples[("chest_export_records_total", (main,))] == 0
    assert samples[("chest_export_last_delivery_timestamp_seconds", (main,))] == 0
    began = time.time()
    assert chest.flush()
    samples = exported(app)
    delivered = samples[("chest_export_last_delivery_timestamp_seconds", (main,))]
    assert began - 0.001 <= delivered <= time.time() + 0.001
    assert samples[("chest_export_records_total", (main,))] == 1
    assert samples[("chest_export_backlog_records", (main,))] == 0


def test_every_counter_of_stats_is_a_metric_or_left_out_on_purpose():
    """So that a new field is not forgotten."""
    source = (PLUGIN / "src" / "flask_chest_monitor" / "metrics.py").read_text("utf-8")
    known = set(re.findall(r"(?:stats|exporter)\.(\w+)", source)) | {"journal"}
    left_out = {"hook_times", "scope", "last_rejection", "failing_since", "next_retry_at", "mode"}
    for kind in (Stats, ExporterStats):
        assert set(kind.__dataclass_fields__) - left_out - {"exporters"} <= known


def test_names_follow_the_conventions(served):
    app, _ = served
    for family in parse(scrape(app).text):
        assert re.fullmatch(r"chest(_[a-z]+)+", family.name)
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge"}
        is_total = {sample.name.endswith("_total") for sample in family.samples}
        assert is_total <= {family.type == "counter"}, family.name
        for unit in ("second", "byte", "ms", "kb"):
            assert not family.name.endswith(f"_{unit}"), family.name
        for sample in family.samples:
            assert not set(sample.labels) & {"job", "instance", "le", "quantile"}, family.name
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_readme_documents_every_metric_with_its_labels(served):
    app, _ = served
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(r"^\| `(chest_\w+)` \| (.*?) \|", README, re.MULTILINE)
    }
    found = {f"{m.name}{'_total' * (m.kind == 'counter')}": set(m.labels) for m in METRICS}
    assert documented == {**found, "chest_journal_writable": set()}
    assert names(app) <= set(documented)


def test_the_reference_has_every_metric_of_a_scrape(served):
    app, _ = served
    page = (PLUGIN.parents[1] / "docs/reference/metrics.md").read_text("utf-8")
    assert names(app) <= set(re.findall(r"^\| `(chest_\w+)` \|", page, re.MULTILINE))


# -- The collector -------------------------------------------------------------------------------


def test_the_collector_can_be_registered_beside_other_metrics(served):
    app, chest = served
    registry = prometheus_client.CollectorRegistry()
    collector = ChestCollector(app, chest)
    registry.register(collector)
    prometheus_client.Counter("orders", "Orders.", registry=registry).inc()
    text = prometheus_client.generate_latest(registry).decode()
    assert "orders_total 1.0" in text
    assert "chest_records_total 1.0" in text
    assert registry.get_sample_value("chest_records_total") == 1
    registry.unregister(collector)


def test_registering_it_asks_nothing(served, monkeypatch):
    app, chest = served
    monkeypatch.setattr(type(chest), "stats", lambda _self: pytest.fail("asked"))
    prometheus_client.CollectorRegistry(auto_describe=True).register(ChestCollector(app, chest))


def test_a_registry_refuses_the_collector_of_a_second_application(served):
    registry = prometheus_client.CollectorRegistry()
    registry.register(ChestCollector(*served))
    with pytest.raises(ValueError, match="chest_info"):
        registry.register(ChestCollector(*served))


def test_a_journal_in_memory_has_metrics_too(make_chest):
    app = Flask("shop")
    make_chest(journal="memory", monitor_open="all").init_app(app)
    samples = exported(app)
    assert samples[("chest_journal_writable", ())] == 1
    assert ("chest_journal_size_bytes", ()) not in samples


def test_an_application_that_is_never_scraped_imports_no_prometheus_client():
    code = (
        "import sys, flask, flask_chest\n"
        "app = flask.Flask('shop', instance_path='/nowhere')\n"
        "flask_chest.FlaskChest(app, journal='memory', monitor_open='all')\n"
        "assert app.test_client().get('/chest/live').json == {'live': True}\n"
        "print([n for n in sys.modules if n.startswith('prometheus')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout == "[]\n", result.stderr


def test_the_plugin_uses_public_names_of_flask_chest_only():
    public = {
        "flask_chest",
        *(f"flask_chest.{n}" for n in ("deferred", "errors", "hookspecs", "views")),
    }
    for path in PLUGIN.rglob("*.py"):
        for name in re.findall(r"from (flask_chest[\w.]*) import", path.read_text("utf-8")):
            assert name in public or name.startswith("flask_chest_monitor"), (path, name)
