"""The store of MongoDB fulfils every contract, on a real server."""

from __future__ import annotations

import pytest
from support.backends import Mongo

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract


class TestMongo(ExporterContract, ServerContract, StoreContract, SchemaContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, mongo):
        return Mongo(mongo)
