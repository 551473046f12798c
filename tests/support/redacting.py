"""What redaction makes of variables."""

from __future__ import annotations

import pytest

from flask_chest.encode.patterns import Patterns
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import Redactor, SecretKeys

MASK = "[redacted]"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
CARD = "4111111111111111"


def record(variables, *keys, **options):
    """Return what the filter makes of variables."""
    redact = Redactor(SecretKeys(keys), **{"secret_key": b"k", **options})
    variable_filter = VariableFilter(redact, pytest.fail, lambda *_masked: None)
    patterns = Patterns(["v", "*"], setting="test")

    def take():
        return variable_filter.take({}, patterns, lambda chosen: chosen.update(variables))

    data = take()
    assert take() == data  # also from what it remembers
    return data


def of(value, *keys, **options):
    return record({"v": value}, *keys, **options)["v"]
