"""The store of SQLite fulfils every contract."""

from __future__ import annotations

import pytest
from support.backends import Sqlite

from flask_chest.testing import ExporterContract, SchemaContract, StoreContract


class TestSqlite(ExporterContract, StoreContract, SchemaContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, tmp_path):
        return Sqlite(tmp_path / "chest.sqlite3")
