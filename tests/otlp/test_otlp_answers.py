"""What the exporter does with each answer of a collector, as OTLP/HTTP demands it."""

from __future__ import annotations

import gzip
import json
from email.utils import formatdate

import pytest
from flask_chest_otlp.answers import Answer
from support.otlp_receiver import answer, partial

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest.testing import make_batch, make_record


def test_requests_are_protobuf_compressed_with_gzip_and_bodies_are_small(make, receiver):
    make().export(make_batch(*(make_record() for _ in range(100))))
    [request] = receiver.data()
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["Content-Encoding"] == "gzip"
    assert int(request.headers["Content-Length"]) < len(request.body) / 5


def test_compression_can_be_switched_off(make, receiver):
    make(compression="none").export(make_batch(make_record()))
    assert all("Content-Encoding" not in request.headers for request in receiver.requests)
    assert len(receiver.ids()) == 1


# -- 2xx -------------------------------------------------------------------------------------------


def test_what_a_partial_success_leaves_out_is_logged_and_never_sent_again(make, receiver, caplog):
    exporter = make()
    receiver.script.append(partial(2, "attribute limit"))
    exporter.export(make_batch(*(make_record() for _ in range(5))))
    exporter.export(make_batch(make_record()))
    assert len(receiver.data()) == 2
    assert len(receiver.ids()) == 6
    [line] = caplog.records
    assert line.levelname == "ERROR"
    assert "dropped 2 records" in line.message
    assert "attribute limit" in line.message


def test_a_partial_success_is_understood_although_a_proxy_has_compressed_it(make, receiver, caplog):
    exporter = make()
    told = partial(2, "attribute limit")
    body, encoding = gzip.compress(told.body), {"Content-Encoding": "gzip"}
    receiver.script.append(answer(200, body=body, headers=encoding))
    receiver.script.append(answer(200, body=body[:-12], headers=encoding))
    receiver.script.append(answer(200, body=b"no gzip", headers=encoding))
    for _ in range(3):
        exporter.export(make_batch(*(make_record() for _ in range(5))))
    assert len(receiver.data()) == 3
    assert "dropped 2 records" in caplog.records[0].message


def test_a_warning_of_the_collector_is_logged(make, receiver, caplog):
    exporter = make()
    receiver.script.append(partial(0, "this path is deprecated"))
    exporter.export(make_batch(make_record()))
    [line] = caplog.records
    assert line.levelname == "WARNING"
    assert "this path is deprecated" in line.message


def test_a_partial_success_in_json_is_understood(make, receiver, caplog):
    exporter = make()
    body = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}
    receiver.script.append(answer(200, body=json.dumps(body).encode(), kind="application/json"))
    exporter.export(make_batch(make_record()))
    assert "dropped 1 records" in caplog.text
    assert "too old" in caplog.text


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "application/x-protobuf", b""),
        (200, "application/x-protobuf", b"\xff\xff"),
        (200, "application/json", b"{}"),
        (200, "application/json", b"[1"),
        (200, "application/json", b"[" * 60_000),
        (200, "application/json", b'{"partialSuccess":{"rejectedLogRecords":1e999}}'),
        (202, "", b""),
        (204, "", b""),
        (200, "text/plain; charset=utf-8", b"ok"),
        (200, "application/x-protobuf", b"\x0a\x00" * 100_000),
    ],
)
def test_any_other_2xx_is_a_success(make, receiver, caplog, status, kind, body):
    exporter = make()
    told = answer(status, body=body, kind=kind)
    receiver.script.append(told)
    exporter.export(make_batch(make_record()))
    exporter.export(make_batch(make_record()))
    assert len(receiver.data()) == 2
    assert caplog.records == []


def test_an_answer_whose_body_never_ends_is_a_success_by_its_status(make, receiver):
    exporter = make(timeout_seconds=0.5)
    headers = {"Content-Length": "1000", "Connection": "close"}
    receiver.script.append(answer(200, body=b"\x0a", headers=headers))
    exporter.export(make_batch(make_record()))
    assert len(receiver.data()) == 1


def test_a_page_for_browsers_is_no_success(make, receiver):
    page = answer(200, body=b"<html>Log in</html>", kind="text/html; charset=utf-8")
    exporter = make()
    receiver.script.append(page)
    with pytest.raises(ExporterUnavailable, match=r"page for browsers\. Check `url`"):
        exporter.export(make_batch(make_record()))
    receiver.to_empty = page
    with pytest.raises(ExporterUnavailable, match="page for browsers"):
        make()


# -- What is sent again ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_these_are_sent_again_later(make, receiver, status):
    exporter = make()
    record = make_record()
    receiver.script.append(answer(status, "overloaded"))
    with pytest.raises(ExporterUnavailable, match=f"{status}.*: overloaded"):
        exporter.export(make_batch(record))
    exporter.open()
    exporter.export(make_batch(record))
    assert receiver.ids() == [record["id"]]


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_of_retry_after_is_handed_to_the_core(make, receiver, status):
    exporter = make()
    receiver.script.append(answer(status, after=7))
    with pytest.raises(ExporterUnavailable, match="asked for a pause of 7 s") as raised:
        exporter.export(make_batch(make_record()))
    assert raised.value.retry_after_seconds == 7
    receiver.to_empty = answer(status, after=9)
    with pytest.raises(ExporterUnavailable) as raised:
        make()
    assert raised.value.retry_after_seconds == 9


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("30", 30.0),
        ("-5", 0.0),
        ("1e9", 0.0),
        ("99999999", 99_999_999.0),
        ("9" * 400, 0.0),
        ("soon", 0.0),
        (formatdate(1_000_060, usegmt=True), 60.0),
        (formatdate(999_000, usegmt=True), 0.0),
        ("Fri, 31 Feb 2026 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    told = Answer(503, "", b"", header)
    assert told.pause_seconds(lambda: 1_000_000.0) == seconds


def test_a_connection_that_the_collector_closed_is_opened_again_at_once(make, receiver):
    exporter = make()
    receiver.script.append(answer(200, body=b"", headers={"Connection": "close"}))
    exporter.export(make_batch(make_record()))
    exporter.export(make_batch(make_record()))
    assert len(receiver.ids()) == 2


def test_a_request_whose_answer_never_came_is_sent_again(make, receiver):
    """As it may have been taken, it may be there twice: a backend sees that by its ID."""
    exporter = make()
    record = make_record()
    receiver.script.append(answer(200, hangs_up=True))
    exporter.export(make_batch(record))
    assert len(receiver.records()) == 2
    assert receiver.ids() == [record["id"]]
    receiver.script += [answer(200, hangs_up=True)] * 2
    with pytest.raises(ExporterUnavailable, match="does not answer"):
        exporter.export(make_batch(record))


# -- What is not sent again ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_refusal_is_of_the_data_when_an_empty_request_is_accepted(make, receiver, status):
    exporter = make()
    receiver.script.append(answer(status, "bad data"))
    with pytest.raises(BatchRejected, match=f"{status}.*: bad data"):
        exporter.export(make_batch(make_record(), make_record()))
    assert len(receiver.data()) == 1
    assert receiver.requests[-1].message.ByteSize() == 0


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_refusal_is_not_of_the_data_when_an_empty_request_is_refused_too(make, receiver, status):
    exporter = make()
    receiver.script.append(answer(status))
    receiver.to_empty = answer(status)
    with pytest.raises(ExporterUnavailable, match=str(status)):
        exporter.export(make_batch(make_record()))


@pytest.mark.parametrize("status", [401, 404, 405, 408, 500, 501])
def test_other_refusals_say_nothing_of_the_data_so_records_wait(make, receiver, status):
    exporter = make()
    receiver.script.append(answer(status, "no"))
    with pytest.raises(ExporterUnavailable, match=f"{status}.*: no"):
        exporter.export(make_batch(make_record()))


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_while_an_empty_request_is_refused_no_data_is_sent_again(make, receiver, status):
    exporter = make()
    record = make_record()
    receiver.script.append(answer(status))
    receiver.to_empty = answer(status)
    with pytest.raises(ExporterUnavailable):
        exporter.export(make_batch(record))
    for _ in range(3):
        exporter.close()
        with pytest.raises(ExporterUnavailable, match=str(status)):
            exporter.open()
    assert len(receiver.data()) == 1
    receiver.to_empty = None
    exporter.open()
    exporter.export(make_batch(record))
    assert receiver.ids() == [record["id"]]


def test_a_collector_that_refuses_empty_requests_takes_records_all_the_same(make, receiver):
    receiver.to_empty = answer(400, "empty")
    exporter = make()
    record = make_record()
    receiver.script.append(answer(400))
    with pytest.raises(ExporterUnavailable, match="refuses an empty request, too"):
        exporter.export(make_batch(record))  # nobody knows yet whose fault it is
    exporter.export(make_batch(record))
    receiver.script.append(answer(400))
    with pytest.raises(BatchRejected):
        exporter.export(make_batch(make_record()))


def test_a_redirection_is_not_followed(make, receiver):
    exporter = make(token="s3cr3t-token")
    headers = {"Location": "http://127.0.0.1:9/v1/logs?key=s3cr3t"}
    receiver.script.append(answer(307, headers=headers))
    with pytest.raises(
        ExporterUnavailable, match=r"redirection to http://127.0.0.1:9/v1/logs"
    ) as e:
        exporter.export(make_batch(make_record()))
    assert "s3cr3t" not in str(e.value)


def test_a_batch_above_the_limit_is_halved_before_it_is_sent(make, receiver):
    exporter = make(max_request_bytes=4_096)
    with pytest.raises(BatchRejected, match="max_request_bytes"):
        exporter.export(make_batch(*(make_record() for _ in range(50))))
    assert receiver.data() == []
    exporter.export(make_batch(make_record()))


def test_what_a_collector_says_is_shown_without_control_characters_and_not_in_full():
    told = str(Answer(400, "text/plain", b"line\x1b[31m\n" + b"x" * 5_000))
    assert told.isprintable()
    assert len(told) < 400
    assert str(Answer(400, "text/plain", b"\xff")) == "400 Bad Request"
    assert str(Answer(799, "", b"")) == "799"
