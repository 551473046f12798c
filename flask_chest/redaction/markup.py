"""Find the values of secret names in XML, HTML and the bodies of forms.

Sources:
    XML: https://www.w3.org/TR/xml/#sec-logical-struct
    Names and values in attributes: https://learn.microsoft.com/dotnet/framework/configure-apps/file-schema/appsettings/add-element-for-appsettings
    and https://html.spec.whatwg.org/multipage/semantics.html#the-meta-element
    Names and values in two elements: https://www.apple.com/DTDs/PropertyList-1.0.dtd
    Forms: https://www.rfc-editor.org/rfc/rfc7578#section-4
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flask_chest.redaction.scan import LOOK, Finder, Scan

# No run goes past a `<`, so that each character is a part of one candidate.
_TAG: Final = re.compile(r"<([A-Za-z_][\w:.-]{0,127})((?:\s[^<>]{0,2000})?)>")
_NAMING: Final = re.compile(
    r"\s(?:key|name)\s?=\s?(?:\\?[\"']([^\"'<>\\]{1,200})|([^\s\"'<>\\]{1,200}))"
)
_VALUE: Final = re.compile(
    r"\s(?:value|content)\s?=\s?(?:\\?\"([^\"<>\\]+)|\\?'([^'<>\\]+)|([^\s\"'<>\\]+))"
)
_TAGS: Final = re.compile(r"<[^<>]*>")
# Elements whose content is the name of what the next element has.
_NAMES: Final = frozenset(("key", "name", "k", "option", "param-name"))
_NEXT: Final = re.compile(r"<\\?/[\w:.-]{1,128}>\s{0,200}<[\w:.-]{1,128}>(?:<string>)?([^<]+)<\\?/")
# Whose content is for people, whatever their name is.
_FOR_PEOPLE: Final = frozenset(("a", "button", "fieldset", "form", "iframe", "label", "select"))
_CDATA: Final = "<![CDATA["
_NESTED: Final = 1000
"""Characters within which the end of an element with elements in it is looked for."""

_ESCAPED_TAG: Final = re.compile(r"&lt;([\w:.-]{1,128})&gt;([^&<]{1,2000})&lt;/")

_LINE_END: Final = r"(?:\r?\n|(?:\\r)?\\n)"
_PART: Final = re.compile(r"form-data;[ \t]{0,8}name=\\?\"?([^\"\r\n;\\]{1,200})")
_TO_BODY: Final = re.compile(
    rf"\\?\"?[^\r\n\\]{{0,200}}{_LINE_END}(?:[\w-]{{1,60}}:[^\r\n\\]{{0,300}}{_LINE_END}){{0,6}}{_LINE_END}"
)
_BOUNDARY: Final = re.compile(rf"{_LINE_END}--")


def markup(is_secret: Callable[[str], bool]) -> Finder:
    """Return the finder of the values of secret names in XML and in bodies of forms."""

    def find(scan: Scan) -> None:
        text = scan.text
        if "<" in text and ">" in text:
            _elements(scan, is_secret)
        if "&lt;" in text:
            _escaped_elements(scan, is_secret)
        if "=" in text and "form-data" in text:
            _parts(scan, is_secret)

    return find


def _elements(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    text = scan.text
    if not scan.look(0, len(text) // 2):
        return
    position = 0
    while (tag := _TAG.search(text, position)) is not None:
        position = tag.end()
        if not scan.look(tag.start(), 3 * LOOK + (tag.end(2) - tag.start(2)) * 2):
            return
        span = _value(text, tag, is_secret)
        if span is None:
            continue
        if not scan.look(tag.start(), 8 * LOOK + (span[1] - span[0]) // 4):
            return
        if span[1] > span[0]:
            scan.spans.append(span)
            position = max(position, span[1])


def _value(
    text: str, tag: re.Match[str], is_secret: Callable[[str], bool]
) -> tuple[int, int] | None:
    """Return the span of the value of a secret name: in the element, an attribute, or the next."""
    name = tag[1].rpartition(":")[2]
    start = tag.end()
    is_empty = tag[2].endswith("/")
    naming = _NAMING.search(tag[2]) if tag[2] else None
    by_name = is_secret(name)
    if by_name or (naming is not None and is_secret(naming[naming.lastindex or 0])):
        value = _VALUE.search(text, *tag.span(2)) if tag[2] else None
        if value is not None:
            return value.span(value.lastindex or 0)
        if not is_empty and (by_name or name.lower() not in _FOR_PEOPLE):
            return _content(text, start, tag[1])
    elif name.lower() in _NAMES:
        return _content_of_next(text, start, is_secret)
    return None


def _content(text: str, start: int, name: str) -> tuple[int, int]:
    """Return the span of the content of an element; an empty one when its end is not found."""
    if text.startswith(_CDATA, start):
        start += len(_CDATA)
        end = text.find("]]>", start)
        return start, end if end >= 0 else len(text)
    end = text.find("<", start)
    if end < 0:
        return start, start
    if text.startswith(("/", "\\/"), end + 1):
        return (start, end) if text[start:end].strip() else (start, start)
    end = max(text.find(f"</{name}", start, start + _NESTED), start)
    return (start, end) if _TAGS.sub("", text[start:end]).strip() else (start, start)


def _content_of_next(
    text: str, start: int, is_secret: Callable[[str], bool]
) -> tuple[int, int] | None:
    end = text.find("<", start, start + 200)
    value = _NEXT.match(text, end) if end > start else None
    if value is None or not is_secret(text[start:end]):
        return None
    return value.span(1)


def _escaped_elements(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    if not scan.look(0, len(scan.text)):
        return
    for tag in _ESCAPED_TAG.finditer(scan.text):
        if not scan.look(tag.start(), 2 * LOOK):
            return
        if is_secret(tag[1].rpartition(":")[2]):
            scan.spans.append(tag.span(2))


def _parts(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    """Find the values of secret fields of `multipart/form-data`."""
    text = scan.text
    position = 0
    while (part := _PART.search(text, position)) is not None:
        position = part.end()
        if not scan.look(part.start(), 4 * LOOK):
            return
        if not is_secret(part[1]):
            continue
        if not scan.look(part.start(), 50 * LOOK):  # six header lines may be long
            return
        body = _TO_BODY.match(text, position)
        if body is None:
            continue
        boundary = _BOUNDARY.search(text, body.end())
        position = boundary.start() if boundary else len(text)
        if not scan.look(part.start(), position - body.end()):
            return
        if position > body.end():
            scan.spans.append((body.end(), position))
