"""The time-outs of a MySQL connection, one of which PyMySQL has in private attributes alone."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from support.backends import Mysql

from flask_chest.testing import make_batch, make_record

SLEEP = "SELECT SLEEP(1.5)"


@pytest.fixture
def store(mysql):
    store = Mysql(mysql).new(connect_timeout_seconds=1.0, timeout_seconds=20.0)
    yield store
    store.close()


def test_an_answer_may_take_longer_than_the_sign_in(store):
    store.open()
    with store.reading() as connection:
        connection.exec_driver_sql(SLEEP)


def test_without_pymysqls_private_attributes_an_answer_has_the_time_of_the_sign_in(
    store, monkeypatch
):
    monkeypatch.setattr("flask_chest_mysql.connection._TIMEOUTS", ("_renamed",))
    store.open()
    store.export(make_batch(make_record()))
    assert store.count() == 1
    with (
        pytest.raises(OperationalError, match="timed out"),
        store.reading() as connection,
    ):
        connection.exec_driver_sql(SLEEP)
