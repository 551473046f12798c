"""CHEST_FIELDS: the record's own path, instance and error."""

from __future__ import annotations

import re

import pytest

SECRET = "Zq7xS3cr3tZq7x"


@pytest.fixture
def fields_with(app, make_chest, recorded):
    def read(path="/reset/abc", **options):
        chest = make_chest(**options)
        chest.init_app(app)
        app.config["PROPAGATE_EXCEPTIONS"] = False

        @app.get("/reset/<token>")
        @chest.track
        def view(token):
            raise KeyError(token)

        app.test_client().get(path)
        [row] = recorded(chest, 1)
        return row["path"], row["instance"], row["error"]

    return read


def test_fields_are_stored_by_default(fields_with):
    path, instance, error = fields_with()
    assert (path, error) == ("/reset/abc", "KeyError")
    assert instance


def test_fields_can_be_omitted(fields_with):
    fields = {"path": "omit", "instance": "omit", "error": "omit"}
    assert fields_with(fields=fields) == ("", "", None)


def test_fields_can_be_masked(fields_with):
    fields = {"path": "redact", "instance": "redact", "error": "redact"}
    assert fields_with(fields=fields) == ("[redacted]",) * 3


def test_fields_can_be_hashed(fields_with):
    fields = {"path": "redact", "instance": "redact"}
    path, instance, error = fields_with(fields=fields, redact_with="hash", redact_key="k")
    assert re.fullmatch("hmac:[0-9a-f]{32}", path)
    assert re.fullmatch("hmac:[0-9a-f]{32}", instance)
    assert error == "KeyError"


def test_a_field_that_is_redacted_with_drop_is_omitted(fields_with):
    fields = {"path": "redact", "error": "redact"}
    path, _, error = fields_with(fields=fields, redact_with="drop")
    assert (path, error) == ("", None)


def test_a_secret_in_the_path_is_masked(fields_with):
    path, _, _ = fields_with(f"/reset/eyJhbGciOiJub25lIn0.{SECRET}.")
    assert path == "/reset/[redacted]"
