"""What a finder of secrets finds in a text."""

from __future__ import annotations

from flask_chest.redaction.scan import Scan


def found(find, text):
    """Return the secrets that a finder finds in a text, in their order."""
    return [text[start:end] for start, end in _spans(find, text)]


def marked(find, text):
    """Take the marks out of `a «secret» b`, and mark what a finder finds in the rest."""
    text = text.replace("«", "").replace("»", "")
    for start, end in reversed(_spans(find, text)):
        text = f"{text[:start]}«{text[start:end]}»{text[end:]}"
    return text


def _spans(find, text):
    scan = Scan(text, 10**6)
    find(scan)
    assert scan.end == len(text)
    return sorted(set(scan.spans))
