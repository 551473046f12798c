"""Scalars of numpy, pandas and SQLAlchemy are recorded as the Python values that they stand for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from flask import Flask, g

SCALARS = [
    (np.bool_(True), True),
    (np.bool_(False), False),
    (np.int8(-3), -3),
    (np.int64(2**53 + 1), 2**53 + 1),
    (np.uint64(2**63), str(2**63)),
    (np.float32(0.5), 0.5),
    (np.float64(2.25), 2.25),
    (np.float16(1.5), 1.5),
    (np.float64("nan"), "NaN"),
    (np.str_("text"), "text"),
    (np.bytes_(b"text"), "dGV4dA=="),
    (np.timedelta64(1500, "ms"), 1.5),
    (np.timedelta64(1_500_000_000, "ns"), 1.5),
    (np.timedelta64(2, "D"), 172_800.0),
    (np.timedelta64("NaT"), None),
    (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (np.datetime64("2026-01-02T03:04:05.000006", "ns"), "2026-01-02T03:04:05.000006"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.datetime64("NaT"), None),
    (pd.Timestamp("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (pd.Timedelta(seconds=1.5), 1.5),
    (pd.NaT, None),
    (pd.NA, None),
    (timedelta(seconds=1.5), 1.5),
    (Decimal("12.50"), "12.50"),
]


@pytest.mark.parametrize(("value", "expected"), SCALARS, ids=repr)
@pytest.mark.parametrize("patterns", [("value",), ("*",)], ids=["named", "caught by a pattern"])
def test_a_scalar_is_its_python_value(make_chest, recorded, value, expected, patterns):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track(*patterns)
    def index():
        g.value = value
        return "ok"

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": expected}
    assert type(row["variables"]["value"]) is type(expected)


def test_scalars_within_containers_are_their_python_values(make_chest, recorded):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track("value")
    def index():
        g.value = {"ok": np.bool_(True), "taken": [np.timedelta64(1, "s"), pd.NaT]}
        return "ok"

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": {"ok": True, "taken": [1.0, None]}}
