import pytest
from endpoint import Endpoint
from flask import Flask, g
from flask_chest import BatchRejected, ConfigurationError, ExporterUnavailable, FlaskChest
from flask_chest.testing import Backend, ExporterContract, Relay, make_batch, make_record
from flask_chest_webhook.exporter import WebhookExporter


class Webhook(Backend):
    exporter = WebhookExporter

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.config = {"url": endpoint.url}

    def ids(self):
        return list(self.endpoint.records)


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def backend(endpoint):
    return Webhook(endpoint)


class TestContract(ExporterContract):
    moments = 10  # interruptions of each way; 60 unless set

    @pytest.fixture
    def backend(self, endpoint):
        return Webhook(endpoint)


@pytest.fixture
def make(backend):
    made = []

    def make(**fields):
        exporter = backend.new(**fields)
        exporter.open()
        made.append(exporter)
        return exporter

    yield make
    for exporter in made:
        exporter.close()


def test_the_token_is_sent_and_is_not_shown(make, endpoint):
    exporter = make(token="hunter2")
    exporter.export(make_batch(make_record()))
    assert endpoint.requests[0]["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in repr(exporter.config)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_retried_at_once(make, endpoint, status):
    endpoint.answers = [status, status]
    make(retries=2).export(make_batch(make_record()))
    assert len(endpoint.requests) == 3
    assert len(endpoint.records) == 1


@pytest.mark.parametrize(
    ("status", "attempts"), [(503, 2), (500, 1), (401, 1), (404, 1), (429, 1), (307, 1)]
)
def test_other_answers_leave_the_records_to_a_later_retry(make, endpoint, status, attempts):
    endpoint.answers = [status] * attempts
    with pytest.raises(ExporterUnavailable, match=f"127.0.0.1:{endpoint.server_port}.*{status}"):
        make(retries=1).export(make_batch(make_record()))
    assert (len(endpoint.requests), len(endpoint.records)) == (attempts, 0)


@pytest.mark.parametrize("status", [413, 422])
def test_records_at_fault_are_rejected(make, endpoint, status):
    endpoint.answers = [status]
    with pytest.raises(BatchRejected, match=str(status)):
        make().export(make_batch(make_record()))


def test_lost_connections_are_reopened_and_refused_or_stalled_ones_raise(make, endpoint):
    with Relay("127.0.0.1", endpoint.server_port) as relay:
        host, port = relay.address
        exporter = make(url=f"http://{host}:{port}/", timeout_seconds=0.3, retries=1)
        exporter.export(make_batch(make_record()))
        relay.drop()
        exporter.export(make_batch(make_record()))
        assert len(endpoint.records) == 2
        relay.cut()
        with pytest.raises(ExporterUnavailable, match=f"{host}:{port}"):
            exporter.export(make_batch(make_record()))
        relay.restore()
        relay.stall()
        with pytest.raises(ExporterUnavailable, match=f"{host}:{port}"):
            exporter.export(make_batch(make_record()))
        relay.drop()
        relay.resume()
        exporter.export(make_batch(make_record()))


@pytest.mark.parametrize("fields", [{"tokn": "x"}, {"retries": 9}, {"url": "ftp://x"}])
def test_a_wrong_field_stops_the_application_without_showing_the_token(endpoint, fields):
    entry = {"type": "webhook", "url": endpoint.url, "token": "hunter2", **fields}
    with pytest.raises(ConfigurationError, match=next(iter(fields))) as caught:
        FlaskChest(Flask("shop"), exporters={"hook": entry}, journal="memory")
    assert "hunter2" not in str(caught.value)


def test_an_application_delivers_every_record_but_the_one_at_fault(endpoint):
    app = Flask("shop")
    chest = FlaskChest(app, exporters=endpoint.url, journal="memory", shutdown_seconds=0)

    @app.get("/orders/<int:number>")
    @chest.track
    def order(number):
        g.number = number
        return ""

    endpoint.refused = "/orders/7"
    for number in range(20):
        app.test_client().get(f"/orders/{number}")
    assert chest.flush()
    numbers = [record["variables"]["number"] for record in endpoint.wait_for(19)]
    assert numbers == [number for number in range(20) if number != 7]
    assert chest.stats().exporters["main"].rejected == 1
    chest.close()
