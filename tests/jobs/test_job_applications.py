"""Which application a job belongs to."""

from __future__ import annotations

import gc
import weakref

import pytest
from flask import Flask

from flask_chest.errors import ChestError


def test_a_job_needs_an_application_and_says_so(make_chest):
    chest = make_chest()

    @chest.job("rows")
    def report():
        return 1

    with pytest.raises(ChestError, match="init_app"), chest.record("report"):
        pass
    with pytest.raises(ChestError, match="init_app"):
        report()


def test_each_chest_records_its_own_jobs(make_chest, tmp_path):
    one, other = (make_chest(journal="memory") for _ in range(2))
    apps = Flask("one"), Flask("other")
    for chest, app in zip((one, other), apps, strict=True):
        chest.init_app(app)
    with apps[0].app_context(), other.record("of-other"):
        pass
    with apps[1].app_context():
        other.job(name="x")(lambda: None)()
    assert (one.stats().recorded, other.stats().recorded) == (0, 2)


def test_of_several_applications_the_current_one_has_the_job(make_chest):
    chest = make_chest(journal="memory")
    apps = [Flask("a"), Flask("b")]
    for app in apps:
        chest.init_app(app)
    with pytest.raises(ChestError, match="app_context"), chest.record("report"):
        pass
    with apps[1].app_context():
        with chest.record("report"):
            pass
        assert chest.stats().recorded == 1


def test_an_application_with_jobs_can_be_collected(make_chest):
    chest = make_chest(journal="memory")
    app = Flask("shop")
    chest.init_app(app)
    job = chest.job(name="report")(lambda: None)
    job()
    chest.close()
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
    with pytest.raises(ChestError, match="init_app"):
        job()
