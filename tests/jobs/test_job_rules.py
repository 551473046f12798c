"""Which jobs and variables are kept: sampling, suppression, exclusions, opt-out, plugins."""

from __future__ import annotations

import pytest
from flask import g

from flask_chest import current_request_id, hookimpl


def test_plugins_filter_the_variables_of_a_job(make_chest, app, recorded):
    class Plugin:
        @hookimpl
        def chest_filter_variables(self, variables, request):
            variables["has_request"] = request is not None
            variables.pop("secret_plan", None)

    chest = make_chest()
    chest.register_plugin(Plugin(), "mine")
    chest.init_app(app)
    with chest.record("report", secret_plan="x", rows=1):
        pass
    [row] = recorded(chest, 1)
    assert row["variables"] == {"rows": 1, "has_request": False}


def test_jobs_are_sampled_by_their_names_and_failed_ones_kept(make_chest, app):
    chest = make_chest(sample_rate={"often": 0})
    chest.init_app(app)
    for _ in range(5):
        with chest.record("often"):
            pass
    with chest.record("seldom"):
        pass
    with pytest.raises(ValueError, match="no"), chest.record("often"):
        raise ValueError("no")
    assert chest.flush(10)
    stats = chest.stats()
    assert (stats.recorded, stats.sampled_out) == (2, 5)


def test_a_job_within_a_suppressed_block_leaves_no_record(chest, tracked):
    with chest.suppressed(), chest.record("report"):
        pass
    with chest.record("report") as job:
        job.drop()
    assert chest.flush(10)
    assert chest.stats().recorded == 0
    assert chest.stats().suppressed == 2


def test_exclusions_of_the_application_hold_for_jobs(make_chest, app, recorded):
    chest = make_chest(variables=["*", "!internal"])
    chest.init_app(app)

    @chest.job
    def report():
        g.internal, g.rows = 1, 2

    report()
    with chest.record("block", internal=1, rows=2):
        pass
    assert [row["variables"] for row in recorded(chest, 2)] == [{"rows": 2}, {"rows": 2}]


def test_what_is_put_on_g_in_a_suppressed_block_of_a_job_is_not_recorded(chest, tracked, recorded):
    @chest.job
    def report():
        g.before = 1
        with chest.suppressed():
            g.hidden = 2

    report()
    assert recorded(chest, 1)[0]["variables"] == {"before": 1}


def test_a_job_within_a_request_that_opts_out_leaves_no_record(make_chest, app):
    chest = make_chest(opt_out=["header:DNT"])
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def index():
        with chest.record("block"):
            pass
        return ""

    app.test_client().get("/", headers={"DNT": "1"})
    assert chest.stats().suppressed == 2
    assert chest.stats().recorded == 0


def test_jobs_are_excluded_by_name(make_chest, app, recorded):
    chest = make_chest(exclude_endpoints=["beat*"])
    chest.init_app(app)
    with chest.record("beat-1") as job:
        assert current_request_id() == job.request_id
    with chest.record("report"):
        pass
    assert [row["route"] for row in recorded(chest, 1)] == ["report"]


def test_exclusions_of_every_method_hold_for_jobs(make_chest, app, recorded):
    chest = make_chest(variables={"GET": ["*", "!card"], "POST": ["*", "!pin"]})
    chest.init_app(app)
    with chest.record("block", card=1, pin=2, rows=3):
        pass
    assert recorded(chest, 1)[0]["variables"] == {"rows": 3}


def test_a_rate_of_a_decorated_function_takes_precedence(make_chest, app):
    chest = make_chest(sample_rate={"report": 0})
    chest.init_app(app)
    chest.job(name="report", sample_rate=1.0)(lambda: None)()
    chest.job(name="report")(lambda: None)()
    assert (chest.stats().recorded, chest.stats().sampled_out) == (1, 1)
