"""Ask one request of an application that records facts."""

from __future__ import annotations

import pytest


@pytest.fixture
def sent_headers():
    """Return the headers of the requests that `ask` sends."""
    return {
        "User-Agent": "curl/8.1",
        "Accept-Language": "de",
        "X-Tenant_Id": "acme",
        "X-Plan": "gold",
        "Cookie": "session=s3cret",
        "Authorization": "Bearer s3cret",
        "X-Forwarded-For": "198.51.100.9",
    }


@pytest.fixture
def ask(app, make_chest, recorded, sent_headers):
    """Return a function that sends one request to a tracked route, and returns its variables."""

    def one(*patterns, settings=(), answer="hello", **arguments):
        chest = make_chest(**dict(settings))
        view = chest.track(*patterns)(lambda: answer() if callable(answer) else answer)
        app.add_url_rule("/", "index", view, methods=["GET", "POST"])
        chest.init_app(app)
        arguments.setdefault("headers", sent_headers)
        response = app.test_client(use_cookies=False).open("/", **arguments)
        response.get_data()
        response.close()
        [row] = recorded(chest, 1)
        return row["variables"]

    return one
