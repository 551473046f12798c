"""Record the client's network and language, and remove variables that hold its address."""

from ipaddress import ip_network

from flask import Request
from flask_chest import hookimpl

ADDRESSES = frozenset({"ip", "ip_address", "client_ip", "remote_addr"})


@hookimpl
def chest_filter_variables(variables: dict[str, object], request: Request | None) -> None:
    for name in ADDRESSES.intersection(variables):
        del variables[name]
    if request is None:  # a job has no client
        return
    if request.remote_addr:  # it is empty behind a UNIX socket
        # The last 8 bits, or the last 80 of IPv6, would identify a household.
        bits = 48 if ":" in request.remote_addr else 24
        variables["client_network"] = str(ip_network(f"{request.remote_addr}/{bits}", strict=False))
    variables["client_language"] = request.accept_languages.best
