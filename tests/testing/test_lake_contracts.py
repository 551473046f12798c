"""A lake keeps the contracts of every exporter and store, in a folder and in S3."""

from __future__ import annotations

import os

import pytest
from support.keeping_first import KeepsFirst
from support.lake import LakeBucket, LakeFolder

from flask_chest.testing import ExporterContract, SchemaContract, ServerContract, StoreContract

pytestmark = pytest.mark.slow


class TestLakeInFolder(ExporterContract, StoreContract, SchemaContract, KeepsFirst):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, tmp_path):
        return LakeFolder(tmp_path / "lake")


class TestLakeInBucket(ExporterContract, ServerContract):
    moments = 1  # more: test_interrupted_stores.py

    @pytest.fixture
    def backend(self, bucket):
        return LakeBucket(bucket)


if "CHEST_WHOLE_LAKE" in os.environ:  # make test-lake

    class TestWholeLakeInBucket(StoreContract, SchemaContract):
        @pytest.fixture
        def backend(self, bucket):
            return LakeBucket(bucket)
