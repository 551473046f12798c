"""Gives each request an ID of three groups of four letters and digits, such as 7k3m-q2xw-9hpd."""

import secrets

from flask_chest import hookimpl

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without those that look or sound like another


@hookimpl(trylast=True)  # who knows better decides
def chest_request_id() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))
