"""Tests of an application with the fixture `chest_records`."""

import threading

import pytest
from shop import chest, create_app

app = create_app()


@pytest.mark.parametrize("n", [1, 2])
def test_a_request_is_recorded(chest_records, n):
    records = chest_records(app)
    app.test_client().get("/")
    [record] = records
    assert record.variables == {"user_id": 7}
    assert threading.active_count() == 1


def test_the_application_has_recorded_nothing_itself():
    assert chest.stats().recorded == 0
