"""What Prometheus gets from an application."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families as parse


def scrape(app, accept=""):
    answer = app.test_client().get("/chest/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    return answer


def exported(app):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(scrape(app).text)
        for sample in family.samples
    }
