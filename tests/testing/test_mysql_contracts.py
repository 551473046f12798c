"""The store of MySQL fulfils every contract, on a real server."""

from __future__ import annotations

import pytest
from support.backends import Mysql

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract


class TestMysql(ExporterContract, ServerContract, StoreContract, SchemaContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, mysql):
        return Mysql(mysql)
