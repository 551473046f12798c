"""Each exporter of this project is interrupted at many more moments than in its contract."""

from __future__ import annotations

import pytest
from support import backends
from support.lake import LakeBucket, LakeFolder
from support.otlp import Otlp
from support.otlp_receiver import Receiver

from flask_chest.testing.interruption_contract import InterruptionContract


class Thorough(InterruptionContract):
    moments = 10


class TestSqlite(Thorough):
    @pytest.fixture
    def backend(self, tmp_path):
        return backends.Sqlite(tmp_path / "chest.sqlite3")


class TestPostgres(Thorough):
    @pytest.fixture
    def backend(self, postgres):
        return backends.Postgres(postgres)


class TestMysql(Thorough):
    @pytest.fixture
    def backend(self, mysql):
        return backends.Mysql(mysql)


class TestMongo(Thorough):
    @pytest.fixture
    def backend(self, mongo):
        return backends.Mongo(mongo)


class TestClickHouse(Thorough):
    @pytest.fixture
    def backend(self, clickhouse):
        return backends.ClickHouse(clickhouse)


class TestLakeInFolder(Thorough):
    @pytest.fixture
    def backend(self, tmp_path):
        return LakeFolder(tmp_path / "lake")


class TestLakeInBucket(Thorough):
    @pytest.fixture
    def backend(self, bucket):
        return LakeBucket(bucket)


class TestOtlp(Thorough):
    @pytest.fixture
    def backend(self):
        receiver = Receiver()
        yield Otlp(receiver)
        receiver.close()


pytestmark = pytest.mark.slow
