"""TLS: whom the exporter trusts, and as whom it signs in."""

from __future__ import annotations

import ssl

import pytest
from support.certificates import make_authority, make_certificate
from support.otlp import Otlp
from support.otlp_receiver import Receiver

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.testing import make_batch, make_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with an authority, another one, and the certificate of 127.0.0.1."""
    folder = tmp_path_factory.mktemp("otlp-tls")
    make_authority(folder, "other")
    make_certificate(folder, make_authority(folder, "authority"), "127.0.0.1")
    return folder


@pytest.fixture
def tls_receiver(folder, request):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    if getattr(request, "param", None) == "mutual":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "authority.crt")
    receiver = Receiver(context)
    yield receiver
    receiver.close()


def opened(receiver, **fields):
    exporter = Otlp(receiver).new(**fields)
    try:
        exporter.open()
    except BaseException:
        exporter.close()
        raise
    return exporter


def test_a_collector_is_trusted_by_the_authority_that_is_given(tls_receiver, folder):
    exporter = opened(tls_receiver, tls_ca_file=folder / "authority.crt")
    exporter.export(make_batch(make_record()))
    exporter.close()
    assert len(tls_receiver.ids()) == 1


@pytest.mark.parametrize("authority", [None, "other.crt"])
def test_a_collector_of_another_authority_is_not_trusted(tls_receiver, folder, authority):
    fields = {"tls_ca_file": folder / authority} if authority else {}
    with pytest.raises(ExporterUnavailable, match="certificate verify failed"):
        opened(tls_receiver, **fields)
    assert tls_receiver.requests == []


def test_the_name_in_the_certificate_must_be_the_one_of_the_url(tls_receiver, folder):
    fields = {"url": tls_receiver.url.replace("127.0.0.1", "localhost")}
    with pytest.raises(ExporterUnavailable, match="localhost"):
        opened(tls_receiver, tls_ca_file=folder / "authority.crt", **fields)


@pytest.mark.parametrize("tls_receiver", ["mutual"], indirect=True)
def test_a_client_may_have_a_certificate(tls_receiver, folder):
    trusted = {"tls_ca_file": folder / "authority.crt", "timeout_seconds": 5}
    own = {
        "tls_certificate_file": folder / "server.crt",
        "tls_key_file": folder / "server.key",
    }
    with pytest.raises(ExporterUnavailable):
        opened(tls_receiver, **trusted)
    exporter = opened(tls_receiver, **trusted, **own)
    exporter.export(make_batch(make_record()))
    exporter.close()
    assert len(tls_receiver.ids()) == 1


def test_a_file_that_is_no_certificate_is_named_as_the_fault(tls_receiver, tmp_path):
    wrong = tmp_path / "ca.crt"
    wrong.write_text("no certificate")
    with pytest.raises(ConfigurationError, match="files for TLS cannot be used"):
        opened(tls_receiver, tls_ca_file=wrong)
