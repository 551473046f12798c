"""Made-up secrets and facts in all forms that the docs promise to tell apart."""

from __future__ import annotations

from typing import Final

from . import (
    facts_by_key,
    facts_in_texts,
    secrets_by_issuer,
    secrets_by_key,
    secrets_in_data,
    secrets_in_errors,
    secrets_in_headers,
    secrets_in_objects,
    secrets_in_texts,
)
from .forms import Form

SECRETS: Final[list[Form]] = [
    *secrets_in_headers.FORMS,
    *secrets_in_texts.FORMS,
    *secrets_by_issuer.FORMS,
    *secrets_by_key.FORMS,
    *secrets_in_objects.FORMS,
    *secrets_in_data.FORMS,
    *secrets_in_errors.FORMS,
]
"""Forms of which nothing secret may be recorded."""

FACTS: Final[list[Form]] = [*facts_by_key.FORMS, *facts_in_texts.FORMS]
"""Forms that have to be recorded unchanged."""

__all__ = ["FACTS", "SECRETS", "Form"]
