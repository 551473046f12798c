"""The pages of plugins in an application that matches hosts."""

from __future__ import annotations

import re

import pytest
from flask import Flask, url_for

from flask_chest.views import Views

HOSTS = ("shop.example", "shop.example:8080", "127.0.0.1:5000")


def views():
    made = Views("pages", __name__, url_prefix="/pages")

    @made.get("/<name>")
    def page(name):
        return f"{name} {url_for('.page', name='a')} {url_for('pages.page', name='b', q=1)}"

    return made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("options", [{}, {"host_matching": True, "static_host": "s.example"}])
def test_a_page_is_found_and_linked_on_each_host(options, host):
    app = Flask("shop", **options)
    app.register_blueprint(views())
    answer = app.test_client().get("/pages/x", headers={"Host": host})
    assert (answer.status_code, answer.text) == (200, "x /pages/a /pages/b?q=1")


def test_a_link_is_made_outside_of_a_request_as_flask_makes_others():
    app = Flask("shop", host_matching=True, static_host="s.example")
    app.config["SERVER_NAME"] = "a.example"
    app.register_blueprint(views())
    with app.app_context():
        assert url_for("pages.page", name="x") == "http://a.example/pages/x"


def test_a_rule_with_a_host_of_its_own_keeps_it():
    app, made = Flask("shop", host_matching=True, static_host="s.example"), views()
    made.add_url_rule("/only", "only", lambda: "", host="a.example")
    app.register_blueprint(made)
    client = app.test_client()
    found = [
        client.get("/pages/only", headers={"Host": h}).text for h in ("a.example", "b.example")
    ]
    assert found == ["", "only /pages/a /pages/b?q=1"]


def test_the_dashboard_and_the_monitor_answer_where_hosts_are_matched(make_chest):
    app = Flask("shop", host_matching=True, static_host="s.example")
    chest = make_chest(
        dashboard_allow=lambda _request: True, dashboard_file="memory", monitor_open="all"
    )
    chest.init_app(app)
    client = app.test_client()
    for host in HOSTS:
        page = client.get("/chest/", headers={"Host": host})
        assert page.status_code == 200
        addresses = re.findall(r'(?:data-panel|href)="(/chest/[^"]*)"', page.text)
        assert len(addresses) > 5
        assert not [each for each in addresses if "chest_host" in each]
        for address in addresses:
            answer = client.get(address.replace("&amp;", "&"), headers={"Host": host})
            assert answer.status_code == 200, address
        assert client.get("/chest/metrics", headers={"Host": host}).status_code == 200
