"""Who may look."""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask import Request

    from flask_chest_monitor.config import MonitorSettings

_FORWARDED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
"""How the names of headers begin that a proxy adds."""

_PROXY_FIX: Final = "werkzeug.proxy_fix.orig"
"""Where ProxyFix keeps what it has replaced in the environ."""


class Access:
    """Decides whether a request may see all, or only the probes."""

    def __init__(self, settings: MonitorSettings) -> None:
        self._open = settings.monitor_open
        self._networks = settings.monitor_networks
        token = settings.monitor_token
        self._token = None if token is None else token.get_secret_value().encode()

    @property
    def takes_token(self) -> bool:
        """Whether there is a token to send."""
        return self._token is not None

    def sees_probes(self, request: Request) -> bool:
        """Return whether a request may see the probes."""
        return self._open == "probes" or self.sees_all(request)

    def sees_all(self, request: Request) -> bool:
        """Return whether a request may see all views, with errors of databases and paths."""
        return self._open == "all" or self._has_token(request) or self._is_near(request)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        # In constant time: the time of an answer must not tell how much of a guess is right.
        return hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)

    def _is_near(self, request: Request) -> bool:
        if not self._networks or not request.remote_addr:
            return False
        if self._is_of_proxy(request):
            return False  # which the network may well contain
        try:
            address = ip_address(request.remote_addr.partition("%")[0])
        except ValueError:  # a Unix socket
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    @staticmethod
    def _is_of_proxy(request: Request) -> bool:
        """Return whether the address may be that of a proxy.

        ProxyFix replaces it only when it trusts a header for it, and has found it.
        """
        environ = request.environ
        replaced = environ.get(_PROXY_FIX, {}).get("REMOTE_ADDR", request.remote_addr)
        return replaced == request.remote_addr and any(
            name.startswith(_FORWARDED) for name in environ
        )
