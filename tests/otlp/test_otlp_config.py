"""The configuration: URLs, credentials, headers, and mistakes that stop the application."""

from __future__ import annotations

import base64

import pytest
from flask import Flask
from flask_chest_otlp import OtlpConfig, OtlpExporter

from flask_chest import ConfigurationError, FlaskChest
from flask_chest.testing import make_batch, make_record


def refusal(entry):
    """Return the error that stops an application with this exporter."""
    with pytest.raises(ConfigurationError) as caught:
        FlaskChest(Flask("shop"), exporters={"otel": entry}, journal="memory")
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://c.example:4318", "http://c.example:4318"),
        ("https://c.example", "https://c.example"),
        ("https://c.example/otlp/", "https://c.example/otlp"),
        ("https://c.example/otlp/v1/logs", "https://c.example/otlp"),
        ("http://c.example:4318/v1/metrics/", "http://c.example:4318"),
        ("otlp+http://c.example:4318", "http://c.example:4318"),
        ("otlp+https://[::1]:4318/x", "https://[::1]:4318/x"),
    ],
)
def test_a_url_is_that_of_the_collector_or_of_a_signal(given, url):
    assert OtlpConfig(url=given).url == url


def test_the_default_is_a_collector_on_this_host():
    assert OtlpConfig().url == "http://localhost:4318"


def test_an_entry_may_be_a_url_alone(receiver):
    app = Flask("shop")
    url = receiver.url.replace("http://", "otlp+http://u:p%40ss@")
    chest = FlaskChest(app, exporters={"otel": url}, journal="memory", shutdown_seconds=0)

    @app.get("/")
    @chest.track
    def view():
        return ""

    app.test_client().get("/")
    assert chest.flush()
    chest.close()
    assert len(receiver.ids()) == 1
    wanted = base64.b64encode(b"u:p@ss").decode()
    assert receiver.requests[0].headers["Authorization"] == f"Basic {wanted}"


def test_token_and_headers_are_sent_with_each_request_and_never_shown(make, receiver):
    receiver.token = "Bearer t0ken-abc"
    exporter = make(token="t0ken-abc", headers={"X-Api-Key": "k3y-abc"})
    exporter.export(make_batch(make_record()))
    assert {request.headers["X-Api-Key"] for request in receiver.requests} == {"k3y-abc"}
    assert len(receiver.ids()) == 1
    assert "t0ken-abc" not in repr(exporter.config)
    assert "k3y-abc" not in repr(exporter.config)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"urll": "http://a"}, "urll"),
        ({"url": "ftp://a"}, "https://collector.example:4318"),
        ({"url": "http://"}, "https://collector.example:4318"),
        ({"url": "http://a:99999"}, "cannot be read"),
        ({"url": "http://u:s3cr3t@x@a/"}, "cannot be read"),
        ({"url": "http://a/?key=s3cr3t"}, "query"),
        ({"headers": {"Content-Type": "x"}}, "Content-Type is set by Flask-Chest"),
        ({"headers": {"a b": "s3cr3t"}}, "no name of a header"),
        ({"headers": {"a": "s3cr3t\r\nb: c"}}, "characters other than ASCII"),
        ({"token": "s3cr3t\n"}, "token"),
        ({"token": ""}, "token"),
        ({"token": "s3cr3t", "user": "u"}, "both set the header Authorization"),
        ({"user": "u", "headers": {"authorization": "s3cr3t"}}, "both set the header"),
        ({"password": "s3cr3t"}, "needs a `user`"),
        ({"user": "a:b"}, "colon"),
        ({"resource": {"service.name": "x"}}, "comes from the record"),
        ({"compression": "zstd"}, "compression"),
        ({"tls_ca_file": "/nowhere/ca.crt"}, "/nowhere/ca.crt is not there"),
        ({"tls_ca_file": __file__, "url": "http://a"}, "write `https://`"),
        ({"tls_key_file": __file__}, "tls_certificate_file"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_request_bytes": 1}, "max_request_bytes"),
    ],
)
def test_a_mistake_stops_the_application_and_shows_no_secret(fields, said):
    text = refusal({"type": "otlp", **fields})
    assert said in text
    assert "s3cr3t" not in text


def test_init_app_imports_no_client_for_http(warm_python, tmp_path):
    code = (
        "import sys; from flask import Flask; from flask_chest import FlaskChest; "
        "FlaskChest(Flask('a'), exporters='otlp+http://127.0.0.1:9', journal='memory'); "
        "print([m for m in ('urllib3', 'google.protobuf', 'opentelemetry') if m in sys.modules])"
    )
    done = warm_python.run(["-c", code], cwd=tmp_path, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_missing_client_for_http_stops_the_application(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # as after a broken install
    with pytest.raises(ConfigurationError, match="'urllib3', which is not installed"):
        OtlpExporter(OtlpConfig()).validate()


@pytest.mark.parametrize(
    ("url", "fields", "levels", "said"),
    [
        ("http://127.0.0.1:4318", {"token": "t"}, ["ok"], "accepts requests"),
        ("https://c.example", {"token": "t"}, ["ok"], "accepts requests"),
        ("http://c.example", {"token": "t"}, ["ok", "warning"], "records and credentials"),
        ("http://c.example", {}, ["ok", "warning"], "records are sent unencrypted"),
    ],
)
def test_check_says_when_credentials_or_records_are_sent_in_clear(url, fields, levels, said):
    found = OtlpExporter(OtlpConfig(url=url, **fields)).findings()
    assert [each.level for each in found] == levels
    assert said in " ".join(each.text for each in found)
