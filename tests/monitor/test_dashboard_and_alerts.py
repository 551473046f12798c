"""Dashboard and alerts fit the metrics, and Prometheus accepts them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files

import pytest
from flask_chest_monitor.metrics import METRICS
from support.metrics import scrape
from support.needed_programs import needs_program

FILES = files("flask_chest_monitor") / "files"
DASHBOARD = json.loads((FILES / "grafana-dashboard.json").read_text("utf-8"))
ALERTS = (FILES / "prometheus-alerts.yml").read_text("utf-8")


def expressions():
    """Yield where an expression stands, with the expression."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]
    yield from re.findall(r"- alert: (\w+)\n(?: +#.*\n)* +expr: (.*)", ALERTS)


EXPRESSIONS = list(expressions())


def known():
    found = {}
    for metric in METRICS:
        suffix = "_total" if metric.kind == "counter" else ""
        found[metric.name + suffix] = {*metric.labels, "job", "instance"}
    return {**found, "chest_journal_writable": {"job", "instance"}}


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS)
def test_every_metric_and_label_that_is_used_exists(place, expression):
    used = re.findall(r"\bchest_\w+", expression)
    assert used, place
    assert set(used) <= set(known()), place
    labels = set().union(*(known()[name] for name in used))
    for group in re.findall(r"\bby \((.*?)\)", expression):
        assert {label.strip() for label in group.split(",")} <= labels, place
    for name, matchers in re.findall(r"\b(chest_\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) <= known()[name], place


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS)
def test_counters_are_asked_for_their_increase_and_gauges_are_not(place, expression):
    expression = re.sub(r"\b(\w+) unless \1 offset", "", expression)  # whether it is new
    for function, name in re.findall(r"\b(?:(rate|increase)\()?(chest_\w+)", expression):
        assert bool(function) is name.endswith("_total"), place


def test_every_metric_is_in_the_dashboard():
    used = set(re.findall(r"\bchest_\w+", json.dumps(DASHBOARD)))
    assert used == set(known())


def test_every_loss_has_an_alert():
    for name in ("records_dropped_total", "export_records_dropped_total", "journal_writable"):
        assert f"chest_{name}" in ALERTS
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(alerts) == len(set(alerts)) == ALERTS.count("severity:") == ALERTS.count("summary:")


def test_panels_of_the_dashboard_have_ids_and_places_of_their_own():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize(
    ("name", "file"),
    [("dashboard", "grafana-dashboard.json"), ("alerts", "prometheus-alerts.yml")],
)
def test_the_files_can_be_printed(name, file):
    command = [sys.executable, "-m", "flask_chest_monitor", name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == (FILES / file).read_text("utf-8")


def test_a_file_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    command = [sys.executable, "-m", "flask_chest_monitor", "x"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "dashboard|alerts" in result.stderr


@needs_program("promtool", "prometheus")
def test_prometheus_itself_accepts_names_rules_and_expressions(served, tmp_path):
    app, _ = served
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scrape(app).text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    rules = {
        "groups": [
            {
                "name": "dashboard",
                "rules": [
                    {"record": f"x{number}", "expr": expression.replace("$__rate_interval", "5m")}
                    for number, (_, expression) in enumerate(EXPRESSIONS)
                    if not expression.startswith("label_values")
                ],
            }
        ]
    }
    (tmp_path / "dashboard.yml").write_text(json.dumps(rules))  # JSON is YAML
    (tmp_path / "alerts.yml").write_text(ALERTS)
    for file in ("dashboard.yml", "alerts.yml"):
        command = ["promtool", "check", "rules", tmp_path / file]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr


FIRING = "ALERTS{alertstate='firing',alertname='%s'}"
FIRES = {
    "ChestCannotRecord": {"chest_journal_writable": "1 0x60"},
    "ChestRecordsDropped": {'chest_records_dropped_total{reason="disk_full"}': "0x57 1x3"},
    "ChestExportRecordsDropped": {
        'chest_export_records_dropped_total{exporter="main",reason="journal_full"}': "0x57 1x3"
    },
    "ChestExportFailing": {'chest_export_failing{exporter="main"}': "1x60"},
    "ChestExportLag": {'chest_export_lag_seconds{exporter="main"}': "0+60x60"},
    "ChestJournalFillsUp": {
        "chest_journal_size_bytes": "81x60", "chest_journal_max_bytes": "100x60"
    },
    "ChestJournalFullSoon": {
        "chest_journal_size_bytes": "0+1x60", "chest_journal_max_bytes": "200x60"
    },
    "ChestDiskFull": {
        "chest_journal_disk_free_bytes": "5000x60",
        "chest_journal_size_bytes": "0x60", "chest_journal_max_bytes": "9000000x60",
    },
    "ChestDiskFullSoon": {"chest_journal_disk_free_bytes": "90000000000-1000000000x60"},
    "ChestDiskSmall": {
        "chest_journal_disk_free_bytes": "500000000x120",
        "chest_journal_size_bytes": "0x120", "chest_journal_max_bytes": "900000000x120",
    },
    "ChestDeadLetters": {'chest_export_records_rejected_total{exporter="main"}': "0x57 1x3"},
    "ChestNoLeader": {
        "chest_leaders": "0x60", 'chest_export_backlog_records{exporter="main"}': "3x60"
    },
    "ChestPluginErrors": {
        "chest_info": "1x60", 'chest_plugin_errors_total{plugin="geo",hook="h"}': "_x57 1x3"
    },
}  # fmt: skip
"""Series of an hour, one sample a minute, at the end of which the alert fires."""

QUIET = {
    "chest_journal_writable": "1x60",
    'chest_records_dropped_total{reason="disk_full"}': "7x60",
    'chest_records_dropped_total{reason="torn"}': "0+1x60",
    'chest_export_records_dropped_total{exporter="main",reason="journal_full"}': "7x60",
    'chest_export_failing{exporter="main"}': "0x40 1x2 0x18",
    'chest_export_lag_seconds{exporter="main"}': "0x30 400 0x29",
    "chest_journal_size_bytes": "79x60",
    "chest_journal_max_bytes": "100x60",
    "chest_journal_disk_free_bytes": "30x60",  # more than the journal may still take
    'chest_export_records_rejected_total{exporter="main"}': "7x60",
    "chest_leaders": "1x20 0x40",
    'chest_export_backlog_records{exporter="main"}': "0+9x20 0x40",
    "chest_info": "1x60",
    'chest_plugin_errors_total{plugin="geo",hook="h"}': "7x60",
}
NEW = {
    "chest_info": "_x57 1x3",
    'chest_plugin_errors_total{plugin="geo",hook="h"}': "_x57 7x3",
    'chest_records_dropped_total{reason="disk_full"}': "_x57 7x3",
}
"""A host that is scraped since a moment ago, and that had errors before."""


@needs_program("promtool", "prometheus")
def test_each_alert_fires_on_its_fault_and_none_on_a_quiet_host(tmp_path):
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    assert set(alerts) == set(FIRES)

    def series(values):
        return [
            {"series": f"{head}{{{tail}job='shop',instance='a'}}", "values": value}
            for name, value in values.items()
            for head, _, rest in [name.partition("{")]
            for tail in [rest.replace("}", ",")]
        ]

    def case(values, expected):
        return {
            "interval": "1m",
            "input_series": series(values),
            "promql_expr_test": [
                {
                    "expr": f"count by (alertname) ({FIRING % name})",
                    "eval_time": "1h",
                    "exp_samples": [{"labels": f"{{alertname='{name}'}}", "value": 1}]
                    * (name in expected),
                }
                for name in (expected or alerts)
            ],
        }

    tests = [
        case(QUIET, []),
        case(NEW, []),
        *(case(values, [name]) for name, values in FIRES.items()),
    ]
    (tmp_path / "alerts.yml").write_text(ALERTS)
    (tmp_path / "tests.yml").write_text(
        json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests})
    )
    command = ["promtool", "test", "rules", "tests.yml"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
