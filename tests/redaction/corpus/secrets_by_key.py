"""Secrets by their key: strong keys everywhere, weak ones where a pattern or a structure has them."""

from __future__ import annotations

import json
from typing import Final

from .forms import Form, made

STRONG: Final = (
    "password", "passwd", "user_password", "PASSWORD", "passWord", "db_password", "password_hash",
    "password2",
    "passphrase", "passcode", "pwd", "mysql_pwd", "secret", "client_secret", "secret_key",
    "django_secret_key",
    "private_key", "privateKey", "ssh_private_key", "api_key", "apikey", "apiKey", "x_api_key",
    "stripe_api_key",
    "access_key", "aws_secret_access_key", "aws_access_key_id", "account_key", "subscription_key",
    "storage_account_key",
    "signing_key", "encryption_key", "master_key", "access_token", "accessToken", "refresh_token",
    "authorization", "proxy_authorization", "cookie", "cookies", "set_cookie", "card_number",
    "cardNumber",
    "credit_card", "credit_card_number", "cvv", "cvv2", "cvc", "cvc2", "card_cvc", "ssn",
    "user_ssn",
    "social_security_number", "credentials", "aws_credentials",
)  # fmt: skip
"""Always secret, also where a route names them."""

WEAK: Final = (
    "session", "session_id", "sessionid", "sid", "PHPSESSID", "auth", "oauth", "auth_code", "token",
    "csrf_token",
    "csrftoken", "xsrf", "pin", "user_pin", "salt", "ip_address", "remote_addr", "client_ip",
    "x_forwarded_for",
    "x_real_ip", "cf_connecting_ip", "true_client_ip", "dsn", "sentry_dsn", "database_url",
    "connection_string",
    "signature", "otp", "totp", "mfa", "jwt", "bearer", "creds", "pw", "db_pw", "iban",
    "license_key", "user_pass",
    "symfony", "connect_sid", "session_key", "auth_token", "device_token", "id_token",
)  # fmt: skip
"""Secret where a `*` takes them, and where they are nested."""


def _word(key: str) -> str:
    return made(key, 10)


def _strong() -> list[Form]:
    forms = []
    for number, key in enumerate(STRONG):
        value = _word(key)
        shapes: tuple[object, ...] = (
            value,
            [value, 1],
            {"v": value},
            (value,),
            {"a": [{"b": value}]},
            value.encode(),
        )
        forms.append(Form("strong keys, named", value, (value,), name=key))
        forms.append(Form("strong keys, by *", shapes[number % 6], (value,), name=key, named=False))
        forms.append(Form("strong keys, nested", {"a": [{key: shapes[number % 6]}]}, (value,)))
    forms += [
        Form("strong keys, named", number, (str(number),), name=name)
        for name, number in (
            ("password", 48151623),
            ("cvv", 739),
            ("cvc2", 842),
            ("ssn", 123456780),
            ("api_key", 9182736450),
        )
    ]
    forms += [Form("strong keys, nested", {"card": {"cvv2": 739, "n": 1}}, ("739",))]
    return forms


def _weak() -> list[Form]:
    forms = []
    for number, key in enumerate(WEAK):
        value = _word(key)
        shapes: tuple[object, ...] = (
            {key: value}, [{key: value}], {"a": {"b": {key: [value]}}}, {key.upper(): value},
            [(key, value)],
            {key.replace("_", "-"): value}, json.dumps({key: value}),
            {"meta": {key: {"id": value}}},
        )  # fmt: skip
        forms.append(Form("weak keys, by *", value, (value,), name=key, named=False))
        forms.append(Form("weak keys, nested", shapes[number % 8], (value,)))
        if number % 3 == 0:
            forms.append(
                Form(
                    "weak keys, nested",
                    shapes[(number + 3) % 8],
                    (value,),
                    named=False,
                    name="data",
                )
            )
    token, word = made("inside", 20), made("also", 10)
    forms += [
        Form("in a weak key that is named", value, (secret,), name=key)
        for key, value, secret in (
            ("session_id", f"Bearer {token}", token),
            ("session", {"user": {"password": word}}, word),
            ("dsn", f"postgres://ann:{word}@h1/d", word),
            ("database_url", f"mysql://ann:{word}@h1/d", word),
            ("token", "gh" + "p_" + made("weak", 36), made("weak", 36)),
            ("auth", f"Basic {'YW5uOg' + token}", token),
            ("auth", {"client_secret": word}, word),
            ("signature", f"password={word}", word),
            ("token_type", f"Bearer {token}", token),
            ("session", f"a=1; password={word}", word),
        )
    ]
    return forms


def _depths() -> list[Form]:
    forms = []
    for depth in range(1, 13):
        word = made(f"depth{depth}", 10)
        value: object = {"password": word} if depth % 2 else f"token={word}"
        for level in range(depth):
            value = ({"k": value}, [value], (value, 1), {"a": 1, "k": [value]})[level % 4]
        forms.append(Form("at a depth", value, (word,)))
    return forms


FORMS: Final = [*_strong(), *_weak(), *_depths()]
