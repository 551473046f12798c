"""`Session`: that of who has logged in with the user and the password of the settings."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.security import check_password_hash

from flask_chest_dashboard.cookies import Cookie

if TYPE_CHECKING:
    from flask import Request, Response

HOURS: Final = 12
"""How long a session lasts."""

LONGEST_PASSWORD: Final = 1_024
"""In characters: a form may have any number."""

_SALT: Final = "flask-chest-dashboard session"


class Session:
    """A cookie that is signed with a key made of the user and the password hash.

    So all workers and hosts know it, no SECRET_KEY is needed, and another password ends all.

    Args:
        user: Name of who may log in.
        password_hash: By `werkzeug.security.generate_password_hash`.
        prefix: Path before the names of the pages.
    """

    def __init__(self, user: str, password_hash: str, prefix: str) -> None:
        self._user = user
        self._password_hash = password_hash
        self._cookie = Cookie("chest_session", prefix, seconds=HOURS * 3_600)
        self._serializer = URLSafeTimedSerializer(
            f"{password_hash}\n{user}",
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def is_right(self, user: str, password: str) -> bool:
        """Return whether user and password are right. The time tells neither."""
        is_user = hmac.compare_digest(_bytes(user), _bytes(self._user))
        is_password = check_password_hash(self._password_hash, password[:LONGEST_PASSWORD])
        return is_user & is_password & (len(password) <= LONGEST_PASSWORD)

    def is_there(self, request: Request) -> bool:
        """Return whether whoever sent a request has logged in."""
        try:
            self._serializer.loads(self._cookie.read(request), max_age=HOURS * 3_600)
        except BadSignature:  # also one that has expired
            return False
        return True

    def begin(self, request: Request, response: Response) -> None:
        """Log in whoever sent a request."""
        self._cookie.write(request, response, str(self._serializer.dumps("")))

    def end(self, request: Request, response: Response) -> None:
        """Log out whoever sent a request."""
        self._cookie.delete(request, response)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
