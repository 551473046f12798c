"""The contract of servers says what it asks for, to who does not keep it."""

from __future__ import annotations

import pytest
from support import put_exporters
from support.put_exporters import OnServer, PutServer

from flask_chest.testing import Relay, ServerContract

pytest_plugins = ["pytester"]

REFUSED = "test_a_server_that_refuses_connections_is_unavailable"
STALLED = "test_a_server_that_never_answers_is_unavailable_after_the_timeout"
IDLE = "test_a_connection_lost_while_idle_is_reopened_without_an_error"

WITHOUT_TIMEOUTS = """
import pytest
from support.put_exporters import OnServer, PutServer, WithoutTimeouts
from flask_chest.testing import ServerContract

class TestServer(ServerContract):
    @pytest.fixture
    def backend(self):
        server = PutServer()
        yield OnServer(WithoutTimeouts, server)
        server.close()
"""


@pytest.fixture
def server():
    server = PutServer()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("name", "test", "said"),
    [
        ("WithoutAddress", REFUSED, r"must name the address, 127\.0\.0\.1:[0-9]+, and is: "),
        ("OfAnotherError", REFUSED, "must be an ExporterUnavailable: ConnectionRefusedError"),
        ("WithoutRetry", IDLE, "must be opened again, and the batch sent once more"),
        pytest.param("Deaf", STALLED, r"heed .*\btimeout_seconds=2", marks=pytest.mark.slow),
    ],
)
def test_an_exporter_that_does_not_keep_it_is_told_what_to_do(name, test, said, server):
    backend = OnServer(getattr(put_exporters, name), server)
    with Relay(*backend.address) as relay:
        exporter = backend.new(**backend.at(*relay.address), timeout_seconds=2.0)
        given = {"backend": backend} if test != STALLED else {}
        with pytest.raises((AssertionError, pytest.fail.Exception), match=said):
            getattr(ServerContract(), test)(relay=relay, relayed=exporter, **given)
        exporter.close()


@pytest.mark.slow  # pytest in pytest
def test_a_configuration_without_timeouts_is_told_which_fields_it_must_take(pytester):
    pytester.makepyfile(WITHOUT_TIMEOUTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "refuses_connections")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(
        ["*`Backend.new` translate them. Wrong: connect_timeout_seconds, *"]
    )
