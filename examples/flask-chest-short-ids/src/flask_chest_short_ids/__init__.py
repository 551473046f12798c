"""Give each request a short ID: three groups of four characters, such as 7k3m-q2xw-9hpd."""

import secrets

from flask_chest import hookimpl

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without characters that look or sound alike


@hookimpl(trylast=True)  # so that any other plugin takes precedence
def chest_request_id() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))
