"""Adds the client's network and language, and removes whatever an application calls its address."""

from ipaddress import ip_network

from flask import Request
from flask_chest import hookimpl

ADDRESSES = frozenset({"ip", "ip_address", "client_ip", "remote_addr"})


@hookimpl
def chest_filter_variables(variables: dict[str, object], request: Request) -> None:
    for name in ADDRESSES.intersection(variables):
        del variables[name]
    if request.remote_addr:  # empty behind a UNIX socket
        # What belongs to one household is left out: the last 8 bits, and the last 80 of IPv6.
        bits = 48 if ":" in request.remote_addr else 24
        variables["client_network"] = str(ip_network(f"{request.remote_addr}/{bits}", strict=False))
    variables["client_language"] = request.accept_languages.best
