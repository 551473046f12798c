"""What every exporter to a server has to keep: the server goes away, and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Exporter
from flask_chest.testing.backend import Backend
from flask_chest.testing.records import make_batch, make_record
from flask_chest.testing.relay import Relay

_SOON_SECONDS = 10.0


class ServerContract:
    """Tests for an exporter to a server. A subclass gives the fixture `backend`.

    The exporter's configuration has the fields `connect_timeout_seconds` and `timeout_seconds`,
    or `Backend.new` understands them.
    """

    @pytest.fixture
    def relay(self, backend: Backend) -> Iterator[Relay]:
        """Return a relay to the destination's server."""
        with Relay(*backend.address) as relay:
            yield relay

    @pytest.fixture
    def relayed(self, backend: Backend, relay: Relay) -> Iterator[Exporter]:
        """Return an exporter, not open, to the destination by way of the relay."""
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
            error = _fails_soon(attempt)
            assert str(relay.address[1]) in str(error), "the message says where"
        relayed.close()
        relay.restore()
        relayed.open()
        relayed.export(make_batch(make_record()))
        assert len(backend.ids()) == 1

    def test_a_server_that_never_answers_is_unavailable_in_time(
        self, relay: Relay, relayed: Exporter
    ) -> None:
        relay.stall()
        for attempt in (relayed.open, relayed.check):
            _fails_soon(attempt)

    def test_a_connection_that_was_lost_while_idle_costs_no_failure(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        records = [make_record() for _ in range(3)]
        relayed.open()
        for record in records:
            relayed.export(make_batch(record))
            relay.drop()
            time.sleep(0.05)
        assert sorted(backend.ids()) == sorted(record["id"] for record in records)

    def test_an_outage_loses_nothing_and_doubles_nothing(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        first, second = make_record(), make_record()
        relayed.open()
        relayed.export(make_batch(first))
        relay.cut()
        for _ in range(2):
            _fails_soon(lambda: relayed.export(make_batch(first, second)))
        relayed.close()
        relay.restore()
        relayed.open()
        relayed.export(make_batch(first, second))
        assert sorted(backend.ids()) == sorted([first["id"], second["id"]])

    def test_a_server_that_stops_answering_is_given_up_in_time(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        first, second = make_record(), make_record()
        relayed.open()
        relayed.export(make_batch(first))
        relay.stall()
        _fails_soon(lambda: relayed.export(make_batch(second)))
        relayed.close()
        relay.drop()
        relay.resume()
        relayed.open()
        relayed.export(make_batch(first, second))
        assert sorted(backend.ids()) == sorted([first["id"], second["id"]])

    def test_the_exporter_holds_one_connection(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        relayed.open()
        for _ in range(10):
            relayed.export(make_batch(make_record()))
        assert relay.connections <= 1 + backend.watching_connections
        assert len(backend.ids()) == 10


def _fails_soon(call: Callable[[], None]) -> Exception:
    """Return the error of a call that is to find the server unavailable, within some seconds."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - looked at below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_SOON_SECONDS)
    assert not thread.is_alive(), "it waits for ever"
    assert raised, "no error"
    assert type(raised[0]) is ExporterUnavailable, raised[0]
    return raised[0]
