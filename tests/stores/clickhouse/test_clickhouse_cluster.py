"""The statements for a cluster, run by the engine as far as one server can.

`Distributed` is run for real, with a shard that is this server. A replicated table is created with
a Keeper in memory. What has ON CLUSTER is parsed, and refused by the engine, which has no queue for
it: so the statements run without that clause.
"""

from __future__ import annotations

import re

import pytest
from support.backends import ClickHouse
from support.clickhouse import stored

from flask_chest.testing import make_batch, make_record
from tools.servers import ClickHouseServer

CONFIG = """
<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><shop><shard>
    <internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></shop></remote_servers>
  <zookeeper><implementation>testkeeper</implementation></zookeeper>
  <macros><shard>1</shard><replica>r1</replica></macros>
</clickhouse>
"""
ON_CLUSTER = " ON CLUSTER `shop`"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return a server that knows a cluster, whose only shard it is itself."""
    file = tmp_path_factory.mktemp("clickhouse") / "config.xml"
    file.write_text(CONFIG)
    with ClickHouseServer(options=[f"--config={file}"]) as server:
        yield server


@pytest.fixture
def url(cluster):
    with cluster.database() as url:
        yield url


def test_every_statement_reaches_the_whole_cluster(url):
    backend = ClickHouse(url, cluster="shop", sharded=True)
    *creation, _version = backend.new().ddl()
    assert len(creation) == 4
    for statement in creation:
        assert statement.count(ON_CLUSTER) == 1
        # It is sound SQL: the engine refuses it for its lack of a queue alone.
        with pytest.raises(RuntimeError, match="Replicated DDL queries are disabled"):
            backend.run(statement)
        backend.run(statement.replace(ON_CLUSTER, ""))


def test_a_distributed_table_takes_and_reads_each_record_once(url, opened):
    backend = ClickHouse(url, cluster="shop", sharded=True)
    for statement in backend.new().ddl():
        backend.run(statement.replace(ON_CLUSTER, ""))
    store = opened(backend)
    records = [make_record(variables={"n": n}) for n in range(20)]
    batch = make_batch(*records)
    for _ in range(2):
        store.export(batch)
    assert stored(backend) == 20
    store.export(make_batch(*records[:5], make_record(variables={"n": 100})))
    assert stored(backend) == 26
    assert store.measure("count", "max(n)", where="n > 2") == [{"count": 18.0, "max(n)": 100}]
    assert len(store.query(limit=50)) == 21
    assert len(backend.variables()) == 21
    assert backend.execute("SELECT toUInt32(count()) FROM chest_records_local FINAL") == [(21,)]


def test_replicated_tables_name_their_place_in_keeper(url):
    backend = ClickHouse(url, replicated=True)
    for statement in backend.new().ddl():
        if statement.startswith("CREATE"):
            backend.run(statement)
    found = backend.creation()
    path = "/clickhouse/tables/1/" + backend.config["database"] + "/chest_records"
    assert re.search(r"ENGINE = ReplicatedReplacingMergeTree\('[^']+', '[^']+', kept\)", found)
    assert backend.execute(
        "SELECT zookeeper_path, replica_name FROM system.replicas"
        " WHERE database = currentDatabase() AND table = 'chest_records'"
    ) == [(path, "r1")]
    assert "replicated_deduplication_window = 10000" in found


def test_a_database_with_places_of_its_own_gets_none_from_us(url):
    backend = ClickHouse(url, replicated=True, replica_path="")
    [records] = [s for s in backend.new().ddl() if "`chest_records`" in s and "TABLE" in s][:1]
    assert "ENGINE = ReplicatedReplacingMergeTree(kept)\n" in records
