"""`Attempts`: how often somebody has tried to log in."""

from __future__ import annotations

import ipaddress
import logging
import math
import sqlite3
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask import Request

    from flask_chest_dashboard.file import DashboardFile

OF_ADDRESS: Final = 5
"""Attempts of one client address within `SECONDS`."""

IN_ALL: Final = 50
"""Attempts of all addresses from which nobody has logged in before, within `SECONDS`."""

SECONDS: Final = 900
"""For how long an attempt counts."""

_KNOWN_SECONDS: Final = 90 * 86_400
_LONGEST_HOP: Final = 100
_logger: Final = logging.getLogger("flask_chest.dashboard")


class Attempts:
    """Counts attempts to log in, for all workers of the host.

    An attempt counts before its password is looked at, so that many at the same time are as many
    as one after the other. One stranger locks out their own address. Many locks out all addresses
    but those from which somebody has logged in before.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: DashboardFile) -> None:
        self._file = file
        file.add_table("CREATE TABLE IF NOT EXISTS attempts (address TEXT NOT NULL, at REAL)")
        file.add_table("CREATE TABLE IF NOT EXISTS known (address TEXT PRIMARY KEY, at REAL)")

    def begin(self, address: str) -> int:
        """Count an attempt. Return 0, or in how many seconds the next one is allowed.

        Args:
            address: Of the client, by `address_of`.
        """
        now = time.time()

        def count(connection: sqlite3.Connection) -> float:
            # The clock may have been set back, too.
            connection.execute(
                "DELETE FROM attempts WHERE at <= ? OR at > ?", (now - SECONDS, now + SECONDS)
            )
            connection.execute("DELETE FROM known WHERE at <= ?", (now - _KNOWN_SECONDS,))
            own = connection.execute(
                "SELECT at FROM attempts WHERE address = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
                (address, OF_ADDRESS - 1),
            ).fetchone()
            of_all = connection.execute(
                "SELECT at FROM attempts "
                "WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.address = ?) "
                "ORDER BY at DESC LIMIT 1 OFFSET ?",
                (address, IN_ALL - 1),
            ).fetchone()
            until = max(row[0] + SECONDS for row in (own, of_all, (-SECONDS,)) if row is not None)
            if until <= now:
                connection.execute("INSERT INTO attempts VALUES (?, ?)", (address, now))
            return float(until - now)

        return max(0, math.ceil(self._file.use(count)))

    def succeeded(self, address: str) -> None:
        """Forget the attempts of an address from which somebody has logged in."""
        now = time.time()

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM attempts WHERE address = ?", (address,))
            connection.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (address, now))

        self._file.use(forget)
        _logger.info("Somebody has logged in to the dashboard from %s", address)

    def failed(self, address: str) -> None:
        """Log that an attempt failed. What was typed as a name may be a password."""
        _logger.warning("An attempt to log in to the dashboard failed, from %s", address)


def address_of(request: Request) -> str:
    """Return the address of a client, as far as it is known: of IPv6, the network.

    Without `ProxyFix`, all clients of a proxy have its address. Then it is what the proxy has
    added as the address of its client.
    """
    remote = _network(request.remote_addr or "")
    if "werkzeug.proxy_fix.orig" in request.environ:
        return remote
    hop = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return f"{remote} for {_network(hop)}" if hop else remote


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:_LONGEST_HOP] if text.isprintable() else "somebody"
    if isinstance(address, ipaddress.IPv4Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
