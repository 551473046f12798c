"""`Cookie`: a cookie of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from flask import Request, Response


@dataclass(frozen=True)
class Cookie:
    """A cookie that no script reads, and that is sent to the pages of the dashboard alone.

    Attributes:
        name: Of the cookie.
        prefix: Path before the names of the pages.
        same_site: ``Strict``: it is not sent with what another site causes. ``Lax``: it is sent
            when a link of another site is followed.
        seconds: How long the browser keeps it; None until it is closed.
    """

    name: str
    prefix: str
    same_site: Literal["Strict", "Lax"] = "Strict"
    seconds: int | None = None

    def read(self, request: Request) -> str:
        """Return the value; empty when there is none."""
        return request.cookies.get(self.name, "")

    def write(self, request: Request, response: Response, value: str) -> None:
        """Set the cookie with the answer to a request."""
        response.set_cookie(
            self.name,
            value,
            max_age=self.seconds,
            path=self._path(request),
            secure=request.is_secure,
            httponly=True,
            samesite=self.same_site,
        )

    def delete(self, request: Request, response: Response) -> None:
        """Let the browser forget the cookie."""
        response.delete_cookie(
            self.name,
            path=self._path(request),
            secure=request.is_secure,
            httponly=True,
            samesite=self.same_site,
        )

    def _path(self, request: Request) -> str:
        return f"{request.script_root}{self.prefix}"
