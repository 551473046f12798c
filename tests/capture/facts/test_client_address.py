"""The address of a client: its form, the prefix that is kept of it, and proxies."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_chest.capture.facts import client_ip
from flask_chest.errors import ConfigurationError


@pytest.mark.opens_nothing
@pytest.mark.parametrize(
    ("address", "whole", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.0"),
        ("2001:db8:1:2:3::7", "2001:db8:1:2:3::7", "2001:db8:1::"),
        ("2001:0DB8:0:0::7", "2001:db8::7", "2001:db8::"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::1", "fe80::"),
        (" 203.0.113.7 ", "203.0.113.7", "203.0.113.0"),
        ("203.0.113.7:51234", "203.0.113.7", "203.0.113.0"),
        ("[2001:db8::7]:443", "2001:db8::7", "2001:db8::"),
        ("[2001:db8::7]", "2001:db8::7", "2001:db8::"),
        ("", None, None),
        (None, None, None),
        ("unknown", None, None),
        ("203.0.113", None, None),
        ("203.0.113.7/8", None, None),
        ("203.0.113.777", None, None),
        ("<script>", None, None),
    ],
)
def test_an_address_is_normal_cut_or_null(address, whole, network):
    assert client_ip(address, None) == whole
    assert client_ip(address, (24, 48)) == network
    assert client_ip(address, (32, 128)) == whole


@pytest.mark.opens_nothing
def test_an_address_may_be_cut_to_nothing():
    assert client_ip("203.0.113.7", (0, 0)) == "0.0.0.0"
    assert client_ip("2001:db8::7", (0, 0)) == "::"


@pytest.mark.parametrize("prefix", ["/24,/48", ("/24", "/48"), (24, 48), "24, 48", '["/24", 48]'])
def test_the_setting_cuts_the_address(ask, prefix):
    taken = ask(
        "request.client_ip",
        settings={"client_ip_prefix": prefix},
        environ_base={"REMOTE_ADDR": "203.0.113.7"},
    )
    assert taken == {"request.client_ip": "203.0.113.0"}


@pytest.mark.parametrize("prefix", ["/24", "/33,/48", "/24,/129", "/24,/48,/64", "x,y", 24, ""])
def test_a_prefix_that_is_none_is_refused(make_chest, prefix):
    with pytest.raises(ConfigurationError, match="CHEST_CLIENT_IP_PREFIX"):
        make_chest(client_ip_prefix=prefix).init_app(Flask("shop"))


@pytest.mark.parametrize("is_inside", [True, False])
def test_the_address_goes_by_proxy_fix(make_chest, recorded, is_inside):
    chest, app = make_chest(), Flask("shop")
    app.get("/")(chest.track("request.client_ip", "request.host")(lambda: ""))
    if is_inside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
    chest.init_app(app)
    if not is_inside:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Host": "shop.example"}
    app.test_client().get("/", headers=headers)
    assert recorded(chest, 1)[0]["variables"] == {
        "request.client_ip": "203.0.113.7",
        "request.host": "shop.example",
    }
