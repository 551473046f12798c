"""What the tests of the MySQL store share."""

from __future__ import annotations

import pytest
from support.backends import Mysql

from tools.servers import MariaServer


@pytest.fixture
def backend(mysql):
    return Mysql(mysql)


@pytest.fixture(scope="session")
def odd_server():
    """Return a server whose settings differ from ours and from the defaults. A test may kill it."""
    options = [
        "--default-time-zone=+05:30",
        "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
        "--character-set-server=latin1",
        "--transaction-isolation=SERIALIZABLE",
        "--log-bin=log",
        "--max-error-count=0",
        "--innodb-buffer-pool-size=16M",
    ]
    with MariaServer(options=options) as server:
        yield server


@pytest.fixture
def odd(odd_server):
    """Return an empty database on the odd server, whose settings are reset after the test."""
    names = ("max_allowed_packet", "read_only", "binlog_format")
    with odd_server.database() as url:
        backend = Mysql(url)
        before = [backend.execute(f"SELECT @@GLOBAL.{name}")[0][0] for name in names]
        yield backend
        for name, value in zip(names, before, strict=True):
            backend.execute(f"SET GLOBAL {name} = %s", value)


@pytest.fixture
def odd_store(odd):
    store = odd.new()
    store.open()
    yield store
    store.close()
