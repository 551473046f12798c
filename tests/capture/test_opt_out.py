"""Requests that opt out of being recorded, by a header or a cookie."""

from __future__ import annotations

import pytest

from flask_chest.errors import ConfigurationError


@pytest.fixture
def ask(app, make_chest, recorded):
    """Return a function that sends a request to an application with CHEST_OPT_OUT.

    It returns whether the request was recorded.
    """
    made = {}

    def one(entries, headers=None, cookies=()):
        if not made:
            made["chest"] = make_chest(opt_out=entries)
            made["chest"].init_app(app)
            app.get("/")(made["chest"].track(lambda: ""))
        client = app.test_client()
        for name, value in dict(cookies).items():
            client.set_cookie(name, value)
        before = len(recorded(made["chest"]))
        response = client.get("/", headers=headers)
        assert response.headers["X-Request-ID"]
        return len(recorded(made["chest"])) > before

    return one


def test_headers_and_cookies_opt_out_when_they_are_configured(ask):
    entries = ["header:DNT", "header:Sec-GPC", "cookie:no_tracking"]
    assert ask(entries)
    assert ask(entries, {"DNT": "0"})
    assert ask(entries, {"Other": "1"})
    assert ask(entries, cookies={"no_tracking": "0"})
    assert not ask(entries, {"dnt": "1"})
    assert not ask(entries, {"Sec-GPC": " 1 "})
    assert not ask(entries, cookies={"no_tracking": "true"})


def test_a_value_of_a_cookie_may_be_the_one_that_opts_out(ask):
    entries = "cookie:consent=denied"
    assert ask(entries)
    assert ask(entries, cookies={"consent": "granted"})
    assert not ask(entries, cookies={"consent": "denied"})


def test_consent_may_be_asked_for(ask):
    entries = "cookie:consent!=granted"
    assert not ask(entries)
    assert not ask(entries, cookies={"consent": "1"})
    assert ask(entries, cookies={"consent": "granted"})


def test_nothing_opts_out_by_default(app, chest, recorded):
    chest.init_app(app)
    app.get("/")(chest.track(lambda: ""))
    app.test_client().get("/", headers={"DNT": "1", "Sec-GPC": "1"})
    assert len(recorded(chest, 1)) == 1


@pytest.mark.parametrize("entry", ["DNT", "header:", "header:a b", "cookies:x", "cookie:x<y"])
def test_a_wrong_entry_stops_the_application(app, make_chest, entry):
    with pytest.raises(ConfigurationError, match=r"CHEST_OPT_OUT: .* is neither"):
        make_chest(opt_out=[entry]).init_app(app)
