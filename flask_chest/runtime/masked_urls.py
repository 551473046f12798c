"""Hides user and password in the URLs of a text, such as the error of a driver."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
IN_QUERY: Final = re.compile("[?#]")
_URL_IN_TEXT: Final = re.compile(r"(\w://)(?!user:password@)([^\s'\"]*@)([^\s'\"]*)")


def mask_urls(text: str) -> str:
    """Return a text with the user and password of each URL in it masked.

    What follows the last `@` is masked, too, where it may be a part of a password in the query.
    """
    return _URL_IN_TEXT.sub(_masked_url, text)


def _masked_url(found: re.Match[str]) -> str:
    scheme, userinfo, where = found.groups()
    return f"{scheme}{MASK}" + ("" if IN_QUERY.search(userinfo) else f"@{where}")
