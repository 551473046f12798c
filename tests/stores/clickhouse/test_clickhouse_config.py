"""The configuration of the ClickHouse store: URLs, fields, and what contradicts itself."""

from __future__ import annotations

import pytest
from flask_chest_clickhouse import ClickHouseConfig, ClickHouseStore
from flask_chest_clickhouse.hooks import ClickHouse

from flask_chest.errors import ConfigurationError
from flask_chest.settings.exporters import make_exporters


def test_a_url_gives_the_fields():
    config = ClickHouseConfig(
        url="clickhouse://us%40er:p%2Fw%3A@ch.example:81/shop?secure=true&cluster=c&sharded=true"
        "&replicated=1&insert_quorum=2&table_prefix=c_&pool_size=7",
        timeout_seconds=9,
        settings={"max_memory_usage": 1_000_000},
    )
    assert config.location == "ClickHouse at ch.example:81/shop"
    assert (config.user, config.password.get_secret_value()) == ("us@er", "p/w:")
    assert (config.secure, config.cluster, config.sharded, config.replicated) == (
        *(True, "c"),
        *(True, True),
    )
    assert (config.insert_quorum, config.table_prefix, config.pool_size) == (2, "c_", 7)
    assert config.timeout_seconds == 9.0


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({}, "ClickHouse at localhost:8123/default"),
        ({"host": "::1"}, "ClickHouse at [::1]:8123/default"),
        ({"url": "clickhouse://h/d"}, "ClickHouse at h:8123/d"),
        ({"url": "clickhouse://h/d?secure=1"}, "ClickHouse at h:8443/d"),
        ({"url": "clickhouses://h/d"}, "ClickHouse at h:8443/d"),
        ({"url": "https://h/d"}, "ClickHouse at h:8443/d"),
        ({"url": "http://h:99/d"}, "ClickHouse at h:99/d"),
        ({"url": "clickhouse://h:1/d", "port": 5}, "ClickHouse at h:5/d"),
    ],
    ids=str,
)
def test_the_location_names_host_port_and_database(fields, location):
    assert ClickHouseConfig(**fields).location == location


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("clickhouse://h:9000/d", "9000 is the port of ClickHouse's native protocol"),
        ({"type": "clickhouse", "port": 9440}, "Name that of its HTTP interface: 8123, or 8443"),
        ("clickhouse://h/d?sharded=1", "sharded: needs `cluster`"),
        ("clickhouse://h/d?insert_quorum=2", "insert_quorum: needs `replicated`"),
        ("clickhouse://h/d?tls_ca_file=/nowhere", "tls_ca_file: needs `secure`"),
        ("clickhouse://h/d?secure=1&tls_ca_file=/nowhere", "the file /nowhere is not there"),
        ("clickhouse://h/d?min_batch_records=200000", "must not be more than `max_batch_records`"),
        ("clickhouse://h/d?partition_by=week", "partition_by"),
        ("clickhouse://u:pass/word@h/d", "cannot be read"),
        ({"type": "clickhouse", "user": "a:b"}, "has a colon, which basic"),
        ({"type": "clickhouse", "settings": {"wait_end_of_query": 0}}, "not to be changed here"),
        ({"type": "clickhouse", "settings": {"param_x": 0}}, "not to be changed here"),
        ({"type": "clickhouse", "settings": {"a=1&query": "x"}}, "is no setting of ClickHouse"),
        (
            "clickhouse://h/d?compresion=1",
            "no fields: compresion. Did you mean 'compress'?",
        ),
        (
            "clickhouse://h/d?compresion=1&zzz=2",
            "no fields: compresion, zzz. Did you mean 'compress'? Known: ['cluster'",
        ),
    ],
    ids=str,
)
def test_a_mistake_is_named_at_the_start_and_no_password_is_shown(entry, message):
    with pytest.raises(ConfigurationError) as raised:
        make_exporters({"main": entry}, {"clickhouse": ClickHouse}, "")
    assert message in str(raised.value)
    assert "word" not in str(raised.value).replace("password", "")


def test_the_exporter_asks_for_few_and_large_batches_with_fixed_borders():
    entries = {"main": "clickhouse://h/d?max_wait_seconds=2"}
    [exporter] = make_exporters(entries, {"clickhouse": ClickHouse}, "").values()
    for each in (exporter, ClickHouseStore(exporter.config)):
        assert (each.batching.min_records, each.batching.max_records) == (10_000, 100_000)
        assert each.batching.max_seconds == 2.0
        assert each.batching.fixed
