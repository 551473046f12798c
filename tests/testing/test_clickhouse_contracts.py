"""The store of ClickHouse fulfils every contract, on the real engine."""

from __future__ import annotations

import pytest
from support.backends import ClickHouse
from support.keeping_first import KeepsFirst

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract

pytestmark = pytest.mark.slow


class TestClickHouse(ExporterContract, ServerContract, StoreContract, SchemaContract, KeepsFirst):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, clickhouse):
        return ClickHouse(clickhouse)
