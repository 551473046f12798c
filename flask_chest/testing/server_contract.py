"""The contract of every exporter to a server: outages, and lost or stalled connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Exporter
from flask_chest.record import RecordData
from flask_chest.testing.backend import Backend
from flask_chest.testing.records import make_batch, make_record
from flask_chest.testing.relay import Relay

_TIMEOUT_SECONDS = 10.0


class ServerContract:
    """Tests for an exporter to a server. A subclass defines the fixture `backend`.

    The configuration has the fields `connect_timeout_seconds` and `timeout_seconds`, or
    `Backend.new` translates them.
    """

    @pytest.fixture
    def relay(self, backend: Backend) -> Iterator[Relay]:
        """Return a relay to the server of the destination."""
        with Relay(*backend.address) as relay:
            yield relay

    @pytest.fixture
    def relayed(self, backend: Backend, relay: Relay) -> Iterator[Exporter]:
        """Return an exporter, not open, that connects through the relay."""
        exporter = backend.new(
            **backend.at(*relay.address), connect_timeout_seconds=2.0, timeout_seconds=2.0
        )
        yield exporter
        exporter.close()

    def test_a_server_that_refuses_connections_is_unavailable(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        relay.cut()
        for attempt in (relayed.open, relayed.check):
            error = _unavailable(attempt)
            assert str(relay.address[1]) in str(error), "the message names the address"
        relayed.close()
        relay.restore()
        relayed.open()
        relayed.export(make_batch(make_record()))
        assert len(backend.ids()) == 1

    def test_a_server_that_never_answers_is_unavailable_after_the_timeout(
        self, relay: Relay, relayed: Exporter
    ) -> None:
        relay.stall()
        for attempt in (relayed.open, relayed.check):
            _unavailable(attempt)

    def test_a_connection_lost_while_idle_is_reopened_without_an_error(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        records = [make_record() for _ in range(3)]
        relayed.open()
        for record in records:
            relayed.export(make_batch(record))
            relay.drop()
            time.sleep(0.05)
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_after_an_outage_every_record_is_stored_once(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        first, second = make_record(), make_record()
        relayed.open()
        relayed.export(make_batch(first))
        relay.cut()
        for _ in range(2):
            _unavailable(lambda: _export_again(relayed, first, second))
        relayed.close()
        relay.restore()
        relayed.open()
        _export_again(relayed, first, second)
        assert sorted(backend.ids()) == sorted([first["id"], second["id"]])

    def test_a_server_that_stops_answering_is_unavailable_after_the_timeout(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        first, second = make_record(), make_record()
        relayed.open()
        relayed.export(make_batch(first))
        relay.stall()
        _unavailable(lambda: relayed.export(make_batch(second)))
        relayed.close()
        relay.drop()
        relay.resume()
        relayed.open()
        _export_again(relayed, first, second)
        assert sorted(backend.ids()) == sorted([first["id"], second["id"]])

    def test_all_batches_go_through_one_connection(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        relayed.open()
        relayed.export(make_batch(make_record()))
        first = relay.connections  # `open` may have had one of its own before
        for _ in range(9):
            relayed.export(make_batch(make_record()))
        assert relay.connections <= first + backend.watching_connections
        assert len(backend.ids()) == 10


def _export_again(exporter: Exporter, *records: RecordData) -> None:
    """Export records, some of which were exported alone: with fixed batches, again each alone."""
    if exporter.batching.fixed:
        for record in records:
            exporter.export(make_batch(record))
    else:
        exporter.export(make_batch(*records))


def _unavailable(call: Callable[[], None]) -> Exception:
    """Return the error of a call that must raise `ExporterUnavailable` within 10 seconds."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - asserted on below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_TIMEOUT_SECONDS)
    assert not thread.is_alive(), "the call does not return"
    assert raised, "no error"
    assert type(raised[0]) is ExporterUnavailable, raised[0]
    return raised[0]
