"""What the tests of the ClickHouse store share."""

from __future__ import annotations

import pytest
from support.backends import ClickHouse


@pytest.fixture
def backend(clickhouse):
    return ClickHouse(clickhouse)
