"""Facts: what is known of a request and its response besides the variables on `flask.g`.

A fact is read only for a request whose rule asks for it, when its record is complete. What cannot
be read is null. A parameter or header that was not sent is left out, as a variable that is not set.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from werkzeug.wsgi import ClosingIterator

from flask_chest.encode import fact_names
from flask_chest.runtime.clock import clock

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.request_state import RequestState
    from flask_chest.encode.patterns import Patterns

Prefixes: TypeAlias = tuple[int, int]
"""To how many bits the address of a client is cut, for IPv4 and for IPv6."""

_Read: TypeAlias = "Callable[[RequestState, Request], object]"
_Pairs: TypeAlias = "Iterable[tuple[str, object]]"

_WITH_PORT: Final = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")


class Facts:
    """Reads the facts that one list of patterns takes.

    Args:
        patterns: What is asked for.
        client_ip_prefix: To how many bits `request.client_ip` is cut; None for the whole address.

    Attributes:
        measures_body: Whether the body of the response has to be counted.
    """

    def __init__(self, patterns: Patterns, client_ip_prefix: Prefixes | None) -> None:
        self._patterns = patterns
        self._single = [(name, _SINGLE[name]) for name in patterns.facts if name in _SINGLE]
        if fact_names.CLIENT_IP in patterns.facts:
            self._single.append(
                (
                    fact_names.CLIENT_IP,
                    lambda _state, request: client_ip(request.remote_addr, client_ip_prefix),
                )
            )
        families = {*patterns.families, *map(fact_names.family_of, patterns.facts)}
        self._families = [each for each in _FAMILIES.items() if each[0] in families]
        self.measures_body = not {
            fact_names.RESPONSE_BYTES,
            fact_names.FIRST_BYTE_MS,
        }.isdisjoint(patterns.facts)

    @classmethod
    def of(cls, patterns: Patterns, client_ip_prefix: Prefixes | None) -> Facts | None:
        """Return what reads the facts that `patterns` take; None when they take none."""
        if patterns.facts or patterns.families:
            return cls(patterns, client_ip_prefix)
        return None

    def beside(
        self, variables: Mapping[str, object], state: RequestState, request: Request
    ) -> Mapping[str, object]:
        """Return the variables of `flask.g` with the facts beside them.

        Args:
            variables: Those with a reserved name, such as `request.host`, are left out.
            state: Of a request whose body is complete, or has ended.
            request: The Flask request; its context need not be active.
        """
        # `dict` copies in one step, while another thread may still write to `g`.
        found: dict[str, object] = dict(variables)
        for name in [name for name in found if type(name) is str and fact_names.is_fact(name)]:
            del found[name]
        for name, read in self._single:
            found[name] = None
            with contextlib.suppress(Exception):  # such as a host that is not a trusted one
                found[name] = read(state, request)
        for family, pairs in self._families:
            with contextlib.suppress(Exception):  # a request class of the application's own
                for key, value in pairs(state, request):
                    name = family + key
                    if name in self._patterns.facts or self._patterns.catches(name):
                        found[name] = value
        return found


def client_ip(address: str | None, prefix: Prefixes | None) -> str | None:
    """Return the address of a client, or of its network; None when it is no address.

    Args:
        address: As the server or `ProxyFix` has it. Some proxies add a port.
        prefix: To how many bits it is cut, for IPv4 and for IPv6; None for the whole address.
    """
    with_port = _WITH_PORT.fullmatch(address or "")
    if with_port is not None:
        address = with_port[1] or with_port[2]
    try:
        # Without the zone of a link-local address, which means something on one host only.
        parsed = ip_address((address or "").strip().partition("%")[0])
    except ValueError:
        return None  # a Unix socket, or garbage
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if prefix is None:
        return str(parsed)
    bits = prefix[0] if parsed.version == 4 else prefix[1]
    return str(ip_network((parsed, bits), strict=False).network_address)


# -- The body of the response ---------------------------------------------------------------------


def count_chunk(chunk: bytes, state: RequestState) -> None:
    """Count a chunk of a streamed body that the server is about to get."""
    plan = state.plan
    if plan is None or plan.facts is None or not plan.facts.measures_body:
        return
    if chunk and state.first_byte_ns is None:
        state.first_byte_ns = clock.monotonic_ns()
    state.sent_bytes = (state.sent_bytes or 0) + len(chunk)


def counted_write(
    write: Callable[[bytes], object], state: RequestState
) -> Callable[[bytes], object]:
    """Return the `write` of a `start_response` that counts what it is given (PEP 3333)."""

    def counting(chunk: bytes) -> object:
        count_chunk(chunk, state)
        return write(chunk)

    return counting


def count_whole(body: object, state: RequestState) -> None:
    """Count a body that the server is about to get as a whole."""
    plan = state.plan
    if plan is None or plan.facts is None or not plan.facts.measures_body:
        return
    if state.first_byte_ns is None:  # else some of it went through `write`
        state.first_byte_ns = clock.monotonic_ns()
    if isinstance(body, ClosingIterator):
        with contextlib.suppress(AttributeError, IndexError):  # as in `response_body.follow`
            close: Any = body._callbacks[-1]  # noqa: SLF001 - as in `response_body.follow`
            body = close.__self__.response
    if isinstance(body, (list, tuple)):
        state.sent_bytes = (state.sent_bytes or 0) + sum(map(len, body))


# -- One fact ------------------------------------------------------------------------------------


def _user_agent(_state: RequestState, request: Request) -> str | None:
    return request.headers.get("User-Agent")


def _host(_state: RequestState, request: Request) -> str:
    return request.host


def _request_bytes(_state: RequestState, request: Request) -> int | None:
    environ = request.environ
    if announced := environ.get("CONTENT_LENGTH"):
        return int(announced) if announced.isdecimal() else None
    # Without a length, werkzeug keeps the body that the application has read as a whole.
    read: bytes | None = getattr(request, "_cached_data", None)
    if read is not None:
        return len(read)
    # RFC 9112, section 6.3: in HTTP/1, there is no body without one of the two headers.
    is_http_1 = environ.get("SERVER_PROTOCOL", "HTTP/1.1").startswith("HTTP/1")
    return 0 if is_http_1 and "HTTP_TRANSFER_ENCODING" not in environ else None


def _response_bytes(state: RequestState, request: Request) -> int | None:
    status = state.status
    if status is None:
        return None
    if request.method == "HEAD" or status in {204, 304} or status < 200:
        return 0
    if state.sent_bytes is not None:
        return state.sent_bytes
    if state.first_byte_ns is None:
        return 0  # the client went away before anybody read the body
    for name, value in state.headers:  # a file that the server itself reads
        if name.lower() == "content-length" and value.isdecimal():
            return int(value)
    return None


def _first_byte_ms(state: RequestState, _request: Request) -> float | None:
    if state.first_byte_ns is None:
        return None
    return (state.first_byte_ns - state.clock_ns) // 1_000 / 1_000


_SINGLE: Final[dict[str, _Read]] = {
    fact_names.USER_AGENT: _user_agent,
    fact_names.HOST: _host,
    fact_names.REQUEST_BYTES: _request_bytes,
    fact_names.RESPONSE_BYTES: _response_bytes,
    fact_names.FIRST_BYTE_MS: _first_byte_ms,
}


# -- Facts that are one of many ------------------------------------------------------------------


def _query(_state: RequestState, request: Request) -> _Pairs:
    for name, values in request.args.lists():
        yield name, values[0] if len(values) == 1 else values


def _request_headers(_state: RequestState, request: Request) -> Iterator[tuple[str, object]]:
    for name, value in request.headers.items():
        yield name.lower(), value


def _response_headers(state: RequestState, _request: Request) -> _Pairs:
    found: dict[str, str] = {}
    for name, value in state.headers:
        key = name.lower().replace("_", "-")
        # RFC 9110, section 5.3: several lines mean one, with commas.
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found.items()


_FAMILIES: Final[dict[str, Callable[[RequestState, Request], _Pairs]]] = {
    fact_names.QUERY: _query,
    fact_names.REQUEST_HEADERS: _request_headers,
    fact_names.RESPONSE_HEADERS: _response_headers,
}
