"""`Tokens`: whether a form was sent from a page of ours."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flask_chest_dashboard.cookies import Cookie

if TYPE_CHECKING:
    from flask import Request, Response

FIELD: Final = "csrf_token"
"""Name of the hidden field of each form that changes something."""

_MADE: Final = "flask_chest_dashboard.csrf_token"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_BYTES: Final = 32  # which are 43 characters
_LARGEST_FORM: Final = 200_000  # in bytes


class Tokens:
    """Makes a token for each browser, and checks that a form brings it back.

    A cookie has the token, and so has each form. Another site can have the one sent, and cannot
    read the other. It needs no session, so it is the same whoever decides who may look.

    Args:
        prefix: Path before the names of the pages.
    """

    def __init__(self, prefix: str) -> None:
        # Lax: following a link of another site is not to replace the token of the other tabs.
        self._cookie = Cookie("chest_csrf", prefix, "Lax")

    def of(self, request: Request) -> str:
        """Return the token of the browser that sent a request; a new one for a new browser."""
        known = self._cookie.read(request)
        if _TOKEN.fullmatch(known):
            return known
        # Not on `g`, which is the application's.
        made: str = request.environ.setdefault(_MADE, secrets.token_urlsafe(_BYTES))
        return made

    def remember(self, request: Request, response: Response) -> None:
        """Give a new browser its token."""
        if _MADE in request.environ:
            self._cookie.write(request, response, request.environ[_MADE])

    def fault(self, request: Request) -> str | None:
        """Return why a form is refused; None when it was sent from a page of ours."""
        if _is_too_large(request):
            return "It is too large."
        if not _is_from_here(request):
            return (
                "It was sent from another site, or a proxy changes the header Host on the way. "
                "Then let the proxy pass it on, or use werkzeug's ProxyFix."
            )
        known = self._cookie.read(request)
        given = request.form.get(FIELD, "")
        if not _TOKEN.fullmatch(known):
            return "The browser sent no cookie. Allow cookies for this site."
        if not hmac.compare_digest(known.encode(), given.encode("utf-8", "replace")):
            return "The page with the form is out of date. Open it again."
        return None


def _is_too_large(request: Request) -> bool:
    """Return whether a form is not to be read: anybody may send one, to log in."""
    length = request.content_length
    if length is None:
        return bool(request.environ.get("wsgi.input_terminated"))  # it may be endless
    return length > _LARGEST_FORM


def _is_from_here(request: Request) -> bool:
    """Return whether the browser says that a page of the same host sent the request.

    Browsers send `Sec-Fetch-Site` to https and to this machine, and `Origin` with each POST. The
    scheme is not compared, as a proxy may have taken TLS off.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return True  # no browser of today, and the token is checked all the same
    try:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False
