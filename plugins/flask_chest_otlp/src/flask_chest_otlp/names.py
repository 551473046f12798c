"""Names of attributes: OpenTelemetry's semantic conventions 1.44.0, and names of our own.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.record import JOB

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""Version of the conventions, as OTLP states it."""

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""Methods that the conventions know. Any other is ``_OTHER``, beside what it was."""

OWN: Final = "flask_chest."
"""Prefix of attributes for which there is no convention."""

VARIABLES: Final = f"{OWN}variables."
"""Prefix of a variable whose name is the name of another attribute, or empty."""

FACTS: Final = {
    "request.client_ip": "client.address",
    "request.user_agent": "user_agent.original",
    "request.bytes": "http.request.body.size",
    "response.bytes": "http.response.body.size",
}
"""Facts about the request that are an attribute by another name."""

HOST: Final = "request.host"
RELEASE: Final = "app.release"

HEADERS: Final = {
    "request.headers.": "http.request.header.",
    "response.headers.": "http.response.header.",
}
"""Prefixes of facts whose value is a list of texts."""

_RESERVED: Final = frozenset(
    {
        *FACTS.values(),
        "error.type",
        "exception.type",
        "http.request.method",
        "http.request.method_original",
        "http.response.status_code",
        "http.route",
        "log.record.uid",
        "server.address",
        "server.port",
        "url.path",
    }
)
_RESERVED_PREFIXES: Final = (OWN, *HEADERS.values())

_host: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?").fullmatch


def method(name: str) -> str:
    """Return a method as the conventions have it; that of a job stays as it is."""
    return name if name in METHODS or name == JOB else "_OTHER"


def of_variable(name: str, prefix: str) -> str:
    """Return the name of the attribute that a variable becomes. No two variables share one.

    Args:
        name: Of the variable.
        prefix: Of the names of all variables.
    """
    wanted = prefix + name
    if not name or wanted in _RESERVED or wanted.startswith(_RESERVED_PREFIXES):
        return VARIABLES + name
    return wanted


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return address and port of the header `Host`; all of it when it has another form."""
    found = _host(text)
    if found is None:
        return text, None
    return found[1] or found[2] or "", int(found[3]) if found[3] else None
