"""CHEST_ROLLUPS, and what a wrong one is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from support.settings import load_settings

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.rollup import Declaration


def told(tmp_path, rollups):
    """Return what the store of an application is told."""
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(
        app, exporters=f"sqlite:///{tmp_path}/x.sqlite3", journal="memory", rollups=rollups
    )
    [store] = chest._applications.current_or_only().exporters.values()
    return store.rollups


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, Declaration()),
        (False, False),
        (
            {
                "dimensions": ["tenant", ["tenant", "user.plan"]],
                "measures": ["cost_usd"],
                "distinct": "user_id",
                "retention": {"minute": "3d", "hour": None},
                "max_groups": 50,
            },
            Declaration(
                (("tenant",), ("tenant", "user.plan")),
                ("cost_usd",),
                ("user_id",),
                timedelta(days=3),
                None,
                None,
                50,
            ),
        ),
    ],
)
def test_what_a_store_is_told(tmp_path, given, expected):
    assert told(tmp_path, given) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("0", False), ("1", True), ('{"measures": ["cost"]}', ("cost",))]
)
def test_the_environment_says_it_as_a_number_or_as_json(monkeypatch, text, expected):
    monkeypatch.setenv("FLASK_CHEST_ROLLUPS", text)
    found = load_settings({}, {}).rollups
    assert getattr(found, "measures", found) == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dimensions": ["request_id"]}, "'request_id' has as many values as there are records"),
        ({"dimensions": [[]]}, "a list of 1 to 6 different names"),
        ({"dimensions": [["a", "a"]]}, "a list of 1 to 6 different names"),
        ({"measures": ["a b"]}, "measures"),
        ({"distinct": ["duration_ms > 5"]}, "distinct"),
        ({"retention": {"minute": "5m"}}, "at least 1d"),
        ({"max_groups": 0}, "max_groups"),
        ({"tiers": 5}, "tiers: no such key. Known: .'dimensions', 'measures'"),
        ({"dimension": ["a"]}, "dimension: no such key. Near: 'dimensions'"),
        ({"retention": {"hours": "90d"}}, "retention.hours: no such key. Near: 'hour'"),
    ],
)
def test_a_wrong_one_is_an_error(wrong, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_settings({"rollups": wrong}, {})
    assert "CHEST_ROLLUPS" in str(caught.value)
