"""The same corpus through detect-secrets and Sentry's scrubber, for docs/reference/redaction.md.

Part of `make bench-redaction`. detect-secrets scans source code and logs line by line; here it is
given each form as a line of code. Sentry's scrubber masks values of dicts by their keys. Neither
was made for both texts and structures, so the table says what each adds, not which is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from corpus import FACTS, SECRETS, Form
from corpus.harmless import KINDS, harmless
from corpus.judged import Judged, holds, judge_facts, judge_harmless, judge_secrets
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_line
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.settings import default_settings, get_plugins, transient_settings
from pydantic_core import to_json
from sentry_sdk.scrubber import EventScrubber

from benchmarks.shared import report

HARMLESS: Final = 10_000
"""Values of the generator that the tools get: detect-secrets takes a millisecond for each."""

GROUPS: Final = {
    "`Authorization`, headers, cookies": ("authorization", "headers", "header lists", "cookies"),
    "passwords in URLs, pre-signed URLs": ("passwords in URLs", "pre-signed"),
    "`key=value`, passphrases, log lines": ("key=value", "passphrases", "log lines"),
    "command lines and argument lists": ("command lines", "argument lists"),
    "XML, HTML, multipart and SQL": ("XML", "multipart", "SQL"),
    "JSON and YAML in texts, `repr`": ("JSON and YAML", "repr of"),
    "tokens of 19 issuers, JSON Web Tokens": ("tokens of", "JSON Web Tokens"),
    "private keys": ("private keys",),
    "payment cards": ("cards",),
    "strong keys": ("strong keys",),
    "weak keys": ("weak keys", "in a weak key"),
    "structures, keys of any type, bytes": (
        *("structures", "keys of other", "bytes", "name and value", "at a depth"),
        *("cut texts", "secrets in keys"),
    ),
    "`path`, `request_id`, `error`, facts": ("path", "request_id", "error", "facts of"),
}
"""Rows of the table, by how the names of the families begin."""

ENTROPY: Final = frozenset(("Base64HighEntropyString", "HexHighEntropyString"))

Find = Callable[[Form], bool]
"""Returns whether a tool finds the secret of a form; for a fact, whether it takes it for one."""


def _as_line(form: Form) -> str:
    """Return a form as lines of code or configuration."""
    if form.name == "note" and isinstance(form.value, str):
        return form.value
    value = to_json(form.value, fallback=repr, bytes_mode="utf8", serialize_unknown=True)
    return f"{form.name} = {value.decode('utf-8', 'replace')}"


def _line_of(form: Form) -> str:
    try:
        return _as_line(form)
    except ValueError:  # bytes that are no text, or a lone surrogate
        return f"{form.name} = {form.value!r}"


def _is_reported(secret: PotentialSecret) -> bool:
    """Return whether a scan reports a secret: of entropy only what is beyond the limit."""
    for plugin in get_plugins():
        if plugin.secret_type == secret.type and isinstance(plugin, HighEntropyStringsPlugin):
            value = str(secret.secret_value)
            return bool(plugin.calculate_shannon_entropy(value) > plugin.entropy_limit)
    return True


def _detected(form: Form) -> bool:
    found = [
        secret
        for line in _line_of(form).splitlines()
        for secret in scan_line(line)
        if _is_reported(secret)
    ]
    if not form.secrets:
        return bool(found)
    # Of a private key it reports the first line.
    values = [str(secret.secret_value) for secret in found]
    return any(secret.type == "Private Key" for secret in found) or any(
        part in each or each in part for part in form.secrets for each in values
    )


def _plain(value: object) -> object:
    """Return a copy of dicts and lists, which the scrubber changes in place."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


_SCRUBBER: Final = EventScrubber(recursive=True)


def _scrubbed(form: Form) -> bool:
    event = {form.name: _plain(form.value)}
    _SCRUBBER.scrub_dict(event)
    if form.secrets:
        return not holds(_without_marks(event), form.secrets)
    return bool(_without_marks(event) != {form.name: form.value})


def _without_marks(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_marks(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_marks(item) for item in value]
    return "[Filtered]" if type(value).__name__ == "AnnotatedValue" else value


# -- The table -------------------------------------------------------------------------------


class Column:
    """What one tool does with the corpus."""

    def __init__(self, secrets: Judged, facts: Judged, values: Judged) -> None:
        self._secrets, self._facts, self._values = secrets, facts, values

    def cells(self) -> Iterator[str]:
        """Yield the cells of the column, from the first row to the last."""
        for starts in GROUPS.values():
            families = [name for name in self._secrets.counts if name.startswith(starts)]
            count = sum(self._secrets.counts[name] for name in families)
            failed = sum(len(self._secrets.failures.get(name, ())) for name in families)
            yield f"{1 - failed / count:.0%}"
        yield f"**{self._secrets.share:.1%}**"
        yield f"{1 - self._facts.share:.1%}"
        yield f"{1 - self._values.share:.2%}"


def _column(find: Find) -> Column:
    secrets, facts, values = Judged(), Judged(), Judged()
    for form in SECRETS:
        secrets.add(form, None, is_right=find(form))
    for form in FACTS:
        facts.add(form, None, is_right=not find(form))
    for kind, value in harmless(HARMLESS):
        values.add(Form(kind, value), None, is_right=not find(Form(kind, value)))
    return Column(secrets, facts, values)


def table() -> str:
    """Return the table of all tools in Markdown."""
    columns = {"Flask-Chest": Column(judge_secrets()[0], judge_facts(), judge_harmless())}
    with default_settings():
        columns["detect-secrets"] = _column(_detected)
        used = [plugin.json() for plugin in get_plugins()]
    patterns = [plugin for plugin in used if plugin["name"] not in ENTROPY]
    with transient_settings({"plugins_used": patterns}):
        columns["the same without entropy"] = _column(_detected)
    columns["Sentry's scrubber"] = _column(_scrubbed)
    heads = [
        *GROUPS,
        f"**all {len(SECRETS):,} forms**",
        f"{len(FACTS)} facts, taken for secrets",
        f"harmless values of {len(KINDS)} kinds, taken for secrets",
    ]
    rows = zip(heads, *(column.cells() for column in columns.values()), strict=True)
    return report.table(("of these forms of secrets are found", *columns), rows)
