"""What a record becomes: fields, severity, semantic conventions, variables, resource."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import opentelemetry.semconv._incubating.attributes as conventions
import pytest
from opentelemetry.semconv.schemas import Schemas

from flask_chest import __version__
from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batch
from flask_chest.testing import make_batch, make_record

NS = 1_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def sent(make, receiver):
    """Return a function that sends one record, and returns the log record that arrived."""

    def sent(record=None, *, config=None, **fields):
        make(**(config or {})).export(make_batch(record or make_record(**fields)))
        return receiver.records()[-1]

    return sent


def test_a_request_becomes_an_event_with_the_attributes_of_the_conventions(sent):
    record = make_record(
        trace_id=TRACE,
        request_id="r-17",
        started_at="2026-11-29T16:40:00.123456Z",
        duration_ms=12.5,
        weight=4.0,
        variables={"user_id": "u-17", "cart_total": 24.5, "items": 3, "is_new": True},
    )
    found = sent(record)
    log = found.log
    assert log.event_name == "flask_chest.request"
    assert log.time_unix_nano == 1_795_970_400 * NS + 123_456_000
    assert log.observed_time_unix_nano - log.time_unix_nano == 12_500_000
    assert (log.severity_number, log.severity_text) == (9, "INFO")
    assert log.trace_id.hex() == TRACE
    assert not log.HasField("body")
    assert found.attributes == {
        "http.request.method": "GET",
        "http.route": "/cart/<int:id>",
        "http.response.status_code": 200,
        "url.path": "/cart/1",
        "log.record.uid": record["id"],
        "flask_chest.request_id": "r-17",
        "flask_chest.endpoint": "cart",
        "flask_chest.duration_ms": 12.5,
        "flask_chest.weight": 4.0,
        "user_id": "u-17",
        "cart_total": 24.5,
        "items": 3,
        "is_new": True,
    }
    types = {each.key: each.value.WhichOneof("value") for each in log.attributes}
    assert types["items"] == types["http.response.status_code"] == "int_value"
    assert types["is_new"] == "bool_value"
    assert types["flask_chest.weight"] == "double_value"


def test_a_job_has_an_event_name_of_its_own_and_no_attribute_of_http(sent):
    found = sent(
        method="JOB", route="nightly-report", endpoint=None, path="", status_code=None, error=None
    )
    assert found.log.event_name == "flask_chest.job"
    assert found.attributes["flask_chest.job"] == "nightly-report"
    assert not [name for name in found.attributes if name.startswith(("http.", "url."))]


@pytest.mark.parametrize(
    ("status", "error", "severity", "error_type"),
    [
        (200, None, "INFO", None),
        (302, None, "INFO", None),
        (None, None, "INFO", None),
        (404, None, "WARN", None),
        (499, None, "WARN", None),
        (500, None, "ERROR", "500"),
        (503, None, "ERROR", "503"),
        (500, "builtins.ValueError", "ERROR", "builtins.ValueError"),
        (200, "builtins.OSError", "ERROR", "builtins.OSError"),
        (None, "builtins.KeyError", "ERROR", "builtins.KeyError"),
    ],
)
def test_severity_and_error_type_follow_from_status_and_error(
    sent, status, error, severity, error_type
):
    found = sent(status_code=status, error=error)
    assert found.log.severity_text == severity
    assert found.attributes.get("error.type") == error_type
    assert found.attributes.get("exception.type") == error
    assert found.attributes.get("http.response.status_code") == status


def test_a_method_that_the_conventions_do_not_know_is_other(sent):
    found = sent(method="PROPFIND")
    assert found.attributes["http.request.method"] == "_OTHER"
    assert found.attributes["http.request.method_original"] == "PROPFIND"


def test_what_is_null_is_left_out_and_a_null_variable_is_a_value_of_nothing(sent):
    found = sent(route=None, endpoint=None, status_code=None, variables={"plan": None})
    assert "http.route" not in found.attributes
    assert found.attributes["plan"] is None
    assert found.log.trace_id == b""


@pytest.mark.parametrize("trace_id", ["0" * 32, "abc", TRACE.upper()])
def test_a_trace_id_that_otlp_cannot_hold_is_an_attribute(sent, trace_id):
    found = sent(trace_id=trace_id)
    assert found.log.trace_id == b""
    assert found.attributes["flask_chest.trace_id"] == trace_id


def test_facts_have_the_names_of_the_conventions(sent):
    facts = {
        "request.client_ip": "192.0.2.0",
        "request.user_agent": "curl/8",
        "request.host": "shop.example:8443",
        "request.bytes": 17,
        "response.bytes": 42,
        "request.headers.x-tenant": "acme",
        "response.headers.vary": "Accept, Cookie",
        "request.query.page": "2",
        "response.first_byte_ms": 1.5,
        "app.release": "2026.11.3",
    }
    found = sent(variables=facts)
    wanted = {
        "client.address": "192.0.2.0",
        "user_agent.original": "curl/8",
        "server.address": "shop.example",
        "server.port": 8443,
        "http.request.body.size": 17,
        "http.response.body.size": 42,
        "http.request.header.x-tenant": ["acme"],
        "http.response.header.vary": ["Accept, Cookie"],
        "request.query.page": "2",
        "response.first_byte_ms": 1.5,
    }
    assert wanted.items() <= found.attributes.items()
    assert not set(facts) - {"request.query.page", "response.first_byte_ms"} & set(found.attributes)
    assert found.resource["service.version"] == "2026.11.3"


def test_a_release_that_is_no_text_is_a_variable(sent):
    found = sent(variables={"app.release": 7})
    assert found.attributes["flask_chest.variables.app.release"] == 7
    assert "service.version" not in found.resource


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 129, 16_384])
def test_texts_of_any_length_arrive(sent, size):
    found = sent(path="/" + "p" * size, variables={"é" * 60: "é" * size, "n" * size or "n": "v"})
    assert found.attributes["url.path"] == "/" + "p" * size
    assert found.attributes["é" * 60] == "é" * size
    assert found.attributes["n" * size or "n"] == "v"


def test_a_fact_that_is_not_known_is_left_out(sent):
    found = sent(variables={"request.client_ip": None, "request.bytes": None, "request.host": None})
    names = {"client.address", "http.request.body.size", "server.address"}
    assert not names & set(found.attributes)


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [("a.example", "a.example", None), ("[::1]:80", "::1", 80), ("a:b:c", "a:b:c", None)],
)
def test_a_host_is_split_where_it_has_a_port(sent, host, address, port):
    found = sent(variables={"request.host": host})
    assert found.attributes["server.address"] == address
    assert found.attributes.get("server.port") == port


def test_a_variable_never_takes_the_name_of_another_attribute(sent):
    variables = {"http.route": "mine", "log.record.uid": "x", "flask_chest.weight": 9, "": "empty"}
    record = make_record(variables={**variables, "request.client_ip": "::1", "client.address": "y"})
    found = sent(record)
    assert found.attributes["http.route"] == record["route"]
    assert found.attributes["log.record.uid"] == record["id"]
    assert found.attributes["flask_chest.weight"] == 1.0
    assert found.attributes["client.address"] == "::1"
    for name, value in {**variables, "client.address": "y"}.items():
        assert found.attributes[f"flask_chest.variables.{name}"] == value


def test_variables_may_have_a_prefix_and_a_record_a_body(sent):
    config = {"variable_prefix": "shop.", "body": True}
    found = sent(config=config, variables={"user_id": "u-1", "request.bytes": 3}, status_code=404)
    assert found.attributes["shop.user_id"] == "u-1"
    assert found.attributes["http.request.body.size"] == 3
    assert found.log.body.string_value == "GET /cart/1 404"
    failed = sent(config=config, status_code=None, error="builtins.KeyError")
    assert failed.log.body.string_value == "GET /cart/1 builtins.KeyError"
    job = sent(config=config, method="JOB", route="nightly", path="", status_code=None)
    assert job.log.body.string_value == "JOB nightly"


def test_each_process_is_a_resource_and_each_record_in_its_own(make, receiver):
    records = [make_record(instance=f"web-{n % 2}:{n % 3 + 1}") for n in range(12)]
    config = {"resource": {"deployment.environment.name": "production"}}
    make(**config).export(make_batch(*records))
    [message] = receiver.taken["/v1/logs"]
    assert len(message.resource_logs) == 6
    of = {record["id"]: record["instance"] for record in records}
    for found in receiver.records():
        host, process = of[found.attributes["log.record.uid"]].split(":")
        assert found.resource == {
            "service.name": "shop",
            "service.instance.id": f"{host}:{process}",
            "host.name": host,
            "process.pid": int(process),
            "deployment.environment.name": "production",
        }
        assert found.scope.version == __version__
        assert found.schema_urls == (Schemas.V1_44_0.value,) * 2


@pytest.mark.parametrize("instance", ["", "***", "a:b"])
def test_an_instance_that_was_redacted_has_neither_host_nor_process(sent, instance):
    found = sent(instance=instance)
    assert found.resource.get("service.instance.id", "") == instance
    assert not {"host.name", "process.pid"} & set(found.resource)


def test_every_name_that_is_not_ours_is_one_of_the_conventions(make, receiver):
    known = set()
    for module in pkgutil.iter_modules(conventions.__path__):
        found = vars(import_module(f"{conventions.__name__}.{module.name}"))
        known |= {value for name, value in found.items() if name.isupper()}
    facts = ("client_ip", "user_agent", "host", "bytes")
    variables = {f"request.{name}": "a:1" for name in facts} | {"response.bytes": 1}
    records = [
        make_record(variables={**variables, "app.release": "1"}),
        make_record(method="X", status_code=500),
        make_record(error="e", variables={"request.headers.a": "b", "response.headers.c": "d"}),
    ]
    make().export(make_batch(*records))
    names = {name for found in receiver.records() for name in (*found.attributes, *found.resource)}
    names = {name.removesuffix(".a").removesuffix(".c") for name in names}
    ours = {name for name in names if name.startswith("flask_chest.")}
    assert len(names - ours) > 15
    assert names - ours <= known


def test_times_before_1970_and_far_ahead_are_cut(sent):
    assert sent(started_at="1969-12-31T23:59:59.000000Z").log.time_unix_nano == 0
    assert sent(started_at="9999-01-01T00:00:00.000000Z").log.time_unix_nano == 2**64 - 1


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_ms": 1e308},
        {"duration_ms": 5e-324},
        {"weight": 1e300},
        {"weight": -1.0},
        {"weight": 0.0},
        {"started_at": "0001-01-01T00:00:00.000000Z"},
        {"started_at": "9999-12-31T23:59:59.999999Z"},
        {"instance": f"web:{'9' * 5_000}"},
        {"status_code": -(2**15)},
        {"variables": {"": -(2**200), "request.host": "[::1", "request.headers.": {"a": 1}}},
    ],
    ids=str,
)
def test_no_record_however_absurd_stops_the_delivery_of_others(make, receiver, fields):
    records = make_record(**fields), make_record()
    make(metrics=True).export(make_batch(*records))
    assert receiver.ids() == [record["id"] for record in records]
    assert len(receiver.data("/v1/metrics")) == 1


@pytest.mark.parametrize(
    "line", [b"{}\n", b"[1]\n", b"x\n", b'{"id": 7}\n'], ids=["empty", "list", "text", "type"]
)
def test_a_line_that_is_no_record_is_rejected_before_anything_is_sent(make, receiver, line):
    exporter = make()
    with pytest.raises(BatchRejected, match="malformed"):
        exporter.export(Batch(line, 1))
    assert receiver.data() == []
