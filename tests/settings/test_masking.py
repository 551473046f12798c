"""Secrets are masked in the values that messages show."""

from __future__ import annotations

import pytest

from flask_chest.settings.masking import mask


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("postgresql://shop:hunter2@db/shop", "hunter2"),
        ({"main": "mysql://u:hunter2@db"}, "hunter2"),
        ({"type": "postgres", "password": "hunter2"}, "hunter2"),
        ({"type": "postgres", "password": ["hunter2"]}, "hunter2"),
        ({"password": 20020}, "20020"),
        ({"API_TOKEN": "hunter2", "url": "x"}, "hunter2"),
        ("postgresql://shop:a/hunter2@b@db/shop", "hunter2"),
        ("postgres:/shop:hunter2@db/shop", "hunter2"),
        ("mysql://db/shop?ssl_key_password=hunter2&x=1", "hunter2"),
        ({"main": {"parameters": {"sslpassword": "hunter2"}}}, "hunter2"),
        ('{"main": {"type": "mysql", "password": "hunter2"', "hunter2"),
        (b"postgresql://shop:hunter2@db/shop", "hunter2"),
    ],
)
def test_secrets_are_masked_in_messages(value, hidden):
    assert hidden not in mask(value)
    assert "***" in mask(value)
