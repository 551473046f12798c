"""`Page`: a response with the headers that every answer of the dashboard has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

POLICY: Final = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
))  # fmt: skip

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_OURS: Final = "X-Flask-Chest"
"""Tells the script that neither a proxy nor an error handler of the application answered."""


class Page(Response):
    """A response that nobody keeps, frames or lists.

    The headers are set when the response is sent, so that a function which the application runs
    after each request cannot weaken them.
    """

    cache_control_text = "no-store"

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - of Flask's
        super().__init__(*arguments, **named)
        self.headers[_OURS] = "dashboard"  # not on those of others that are made one

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers that are sent."""
        headers = super().get_wsgi_headers(environ)
        for name, _ in list(headers):
            if name.lower().startswith("access-control-"):
                headers.remove(name)  # of an application that lets other sites read it
        for name, value in _HEADERS.items():
            headers[name] = value
        headers["Cache-Control"] = self.cache_control_text
        return headers


def secured(response: Response) -> Response:
    """Return a response as a `Page`, which it may be already. It is changed in place."""
    if not isinstance(response, Page):
        Page.force_type(response)
    return response


def see_other(address: str) -> Page:
    """Return an answer that lets the browser ask for another page, after a form was sent."""
    return Page("", status=303, headers={"Location": address})


class Asset(Page):
    """A response that is kept for ever, as its name changes with its content."""

    cache_control_text = "public, max-age=31536000, immutable"
