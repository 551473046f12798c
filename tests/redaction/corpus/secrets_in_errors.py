"""Secrets where databases, libraries and shells quote them: in errors, source code and settings."""

from __future__ import annotations

from typing import Final

from .forms import Form, made, texts

X: Final = made("quoted", 12)

ERRORS: Final = (
    (
        "[SQL: UPDATE users SET password=?, name=? WHERE users.id = ?]\n"
        "[parameters: ('{x}', 'ann', 7)] ## ann"
    ),
    (
        "[SQL: UPDATE users SET name=%s, users.api_key = %s WHERE id = %s]\n"
        "[parameters: ('ann', '{x}', 7)] ## ann"
    ),
    "[SQL: SELECT id FROM users WHERE name = ? AND token = ?]\n[parameters: ('ann', '{x}')] ## ann",
    "DETAIL:  Key (api_token)=({x}) already exists. ## already exists",
    "duplicate key value; Key (token)=({x}) ## duplicate key",
    "(1062, \"Duplicate entry '{x}' for key 'users.api_token'\") ## users.api_token",
    (
        "1 validation error for Login\npassword\n  String should have at least 16 characters "
        "[type=string_too_short, input_value='{x}', input_type=str] ## input_type=str"
    ),
    (
        "2 validation errors for Login\nuser.secret_key\n  Input should be a valid integer "
        "[type=int_type, input_value=b'{x}', input_type=bytes] ## int_type"
    ),
)

SOURCE: Final = (
    'password: str = "{x}"', "api_key: str | None = '{x}' ## api_key", 'let apiKey: string = "{x}";',
    'client_secret: Optional[str] = "{x}"', 'api_key: Final = "{x}"', "token: &str = \"{x}\";",
)  # fmt: skip

SETTINGS: Final = (
    "auth_token={x} user=ann ## user=ann", "auth_token={x} next ## next",
    "helm install --set-string auth.password={x} shop ## shop",
    "password[0]={x}&n=1 ## n=1", "user[password][0]={x}", "password%5B0%5D={x}",
    "mssql+pyodbc:///?odbc_connect=UID%3Dsa%3BPWD%3D{x} ## UID%3Dsa",
    "https://h/?next=%2Fa%3Fpass%3D{x}",
    "\\u0022password\\u0022:\\u0022{x}\\u0022",
    "password\uff1a{x}", "password\uff1d{x}", "token%253D{x}", "token\\u003d{x}", "session id: {x}",
    "token=<Token {x}>", "requirepass {x}", "CONFIG SET requirepass {x} ## CONFIG", "aws configure set aws_secret_access_key {x}",
    "npm config set //registry.example.com/:_authToken {x} ## registry",
    "your password is {x} ## your", "password was: {x}",
    "X-Signature: t=1,v1={x} ## X-Signature", "Stripe-Signature: t=17,v1={x},v0={x}",
    "lftp -u ann,{x} h1 ## h1", "snmpwalk -v3 -u ann -A {x} h1 ## h1", "plink -pw {x} ann@h1 ## h1",
    "https://{x}:x-oauth-basic@github.com/a/b.git ## github.com",
    "DB_KENNWORT={x}", "mot_de_passe={x}", "contraseña: {x}", "STRIPE_KEY={x}", "FERNET_KEY={x}",
    "DD-APPLICATION-KEY: {x}", "code_verifier={x}&code=1 ## code=1", "SAMLResponse={x}&a=b ## a=b",
)  # fmt: skip

OBJECTS: Final = (
    {"type": "string_too_short", "loc": ("password",), "msg": "too short", "input": X},
    {"loc": ["body", "user", "api_key"], "msg": "x", "input": X},
    {"op": "replace", "path": "/password", "value": X},
    [{"op": "add", "path": "/users/7/api_key", "value": X}],
    {"field": "password", "old": X, "new": "b"},
    {"field": "password", "old_value": "a", "new_value": X},
    {"name": "password", "values": [X]},
    {"NAME": "DB_PASSWORD", "VALUE": X},
    ["docker", "login", "-p", X],
    ["sudo", "mysql", "-p" + X],
    {"args": ["sudo", "-u", "root", "sshpass", "-p", X, "ssh"]},
    {"dbpass": X},
    {"backup_codes": [X]},
    {"code_verifier": X},
    {"openai_key": X},
)  # fmt: skip

_USER: Final = made("user", 32)

FORMS: Final = [
    *texts("errors", ERRORS),
    *texts("source code", SOURCE),
    *texts("settings", SETTINGS),
    *(Form("names beside values", value, (X,)) for value in OBJECTS),
    Form("settings", f"https://{_USER}@o1.ingest.example.com/7", (_USER,), kept=("ingest",)),
]
