"""What the tests of the ClickHouse store share."""

from __future__ import annotations

import pytest
from support.backends import ClickHouse
from support.clickhouse import GuardedServer


@pytest.fixture
def backend(clickhouse):
    return ClickHouse(clickhouse)


@pytest.fixture(scope="session")
def guarded():
    with GuardedServer() as server:
        server.create("shop")
        yield server
