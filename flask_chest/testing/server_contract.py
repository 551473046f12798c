"""The contract of every exporter to a server: outages, and lost or stalled connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import ValidationError

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Exporter
from flask_chest.record import RecordData
from flask_chest.testing.backend import Backend
from flask_chest.testing.batches import deliver
from flask_chest.testing.records import make_batch, make_record
from flask_chest.testing.relay import Relay

_TIMEOUT_SECONDS = 10.0
_TIMEOUTS = {"connect_timeout_seconds": 2.0, "timeout_seconds": 2.0}


class ServerContract:
    """Tests for an exporter to a server. A subclass defines the fixture `backend`.

    It asks for this, beside what `Exporter` promises:

    - The configuration has the fields `connect_timeout_seconds` and `timeout_seconds`, or
      `Backend.new` translates them. The tests set both to 2 seconds.
    - It has the fields that `Backend.at` returns: of a relay, which stands before the server.
    - An error names the address of the server, at least its port.
    - A batch that meets a connection which was lost while idle is sent once more.
    """

    @pytest.fixture
    def relay(self, backend: Backend) -> Iterator[Relay]:
        """Return a relay to the server of the destination."""
        with Relay(*backend.address) as relay:
            yield relay

    @pytest.fixture
    def relayed(self, backend: Backend, relay: Relay) -> Iterator[Exporter]:
        """Return an exporter, not open, that connects through the relay."""
        fields = {**backend.at(*relay.address), **_TIMEOUTS}
        try:
            exporter = backend.new(**fields)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            pytest.fail(
                f"{backend.exporter.__name__} does not take the configuration of ServerContract. "
                f"It sets {', '.join(fields)}: the address by `Backend.at`, and timeouts so that "
                "a server which hangs is noticed soon. Give the configuration these fields, or "
                f"let `Backend.at` and `Backend.new` translate them. Wrong: {wrong}"
            )
        yield exporter
        exporter.close()

    def test_a_server_that_refuses_connections_is_unavailable(
        self, backend: Backend, relay: Relay, relayed: Exporter
    ) -> None:
        relay.cut()
        for attempt in (relayed.open, relayed.check):
            error = _unavailable(attempt)
            assert str(relay.address[1]) in str(error), (
                f"the message of ExporterUnavailable must name the address, {relay.address[0]}:"
                f"{relay.address[1]}, and is: {error}"
            )
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
            try:
                relayed.export(make_batch(record))
            except ExporterUnavailable as error:
                pytest.fail(
                    "a connection that was lost while idle must be opened again, and the batch "
                    f"sent once more, with no error: {error}"
                )
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
        deliver(exporter, *records)


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
    assert not thread.is_alive(), (
        f"a call has not returned after {_TIMEOUT_SECONDS:g} seconds: does the exporter heed "
        f"{' and '.join(f'{name}={value:g}' for name, value in _TIMEOUTS.items())}?"
    )
    assert raised, "no error, though the server cannot be reached"
    assert type(raised[0]) is ExporterUnavailable, (
        f"must be an ExporterUnavailable: {type(raised[0]).__name__}: {raised[0]}"
    )
    return raised[0]
