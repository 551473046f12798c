"""Find passwords in SQL, and the values of secret columns.

Sources:
    https://dev.mysql.com/doc/refman/8.4/en/set-password.html,
    https://dev.mysql.com/doc/refman/8.4/en/create-user.html,
    https://www.postgresql.org/docs/current/sql-createrole.html,
    https://learn.microsoft.com/sql/t-sql/statements/create-login-transact-sql,
    https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/CREATE-USER.html
    Literals: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS
    Values beside a statement, in the text of an error:
    https://docs.sqlalchemy.org/en/20/core/exceptions.html#sqlalchemy.exc.StatementError
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flask_chest.redaction.scan import LOOK, Finder, Scan

_S: Final = r"\s{1,8}"
_O: Final = r"\s{0,8}"
# The quote may be doubled or escaped.
_LITERAL: Final = (
    r"(?:[neb]?'([^'\\]*(?:(?:\\.|'')[^'\\]*)*)|\"([^\"\\]*(?:(?:\\.|\"\")[^\"\\]*)*))"
)
_HASHED: Final = rf"(?:(?:old_)?password{_O}\({_O})?"
_PASSWORD: Final = re.compile(
    rf"(?:identified(?:{_S}by(?:{_S}(?:password|values))?"
    rf"|{_S}with{_S}[\w'\"`]{{1,64}}{_S}(?:by|as|using)){_S}{_LITERAL}"
    rf"|user{_S}[^\s;]{{1,128}}{_S}identified{_S}by{_S}(?!random\b)([^\s;'\"(),]+)"
    rf"|set{_S}password{_S}for{_S}[^=;\r\n]{{1,200}}={_O}{_HASHED}{_LITERAL}"
    rf"|(?:password|secret)(?:{_S}|{_O}[=(]{_O}){_HASHED}{_LITERAL})",
    re.DOTALL,
)

_LITERALS: Final = rf"({_LITERAL}(?:'|\"|\Z)(?:{_O},{_O}{_LITERAL}(?:'|\"|\Z)){{0,100}})"
_COMPARED: Final = re.compile(rf"(?:i?like{_S}|in{_O}\({_O}){_LITERALS}", re.DOTALL)
_NAME_BACKWARDS: Final = re.compile(r"\s{1,8}(?:[tT][oO][nN]\s{1,8})?[\"`\]]?([\w.]{1,64})")

_INSERT: Final = re.compile(
    rf"into{_S}[^\s(]{{1,200}}{_O}\(([^()]{{1,4000}})\){_O}values?{_O}(?=\()"
)
_PARAMETERS: Final = re.compile(rf"[^\[\]]{{0,500}}\]{_O}\\?n?\[parameters: \[?(?=\()")
# A statement in the text of an error, and its parameters by position.
_BOUND: Final = re.compile(r"\[sql: ([^\[\]]{1,4000})\]\s{0,8}(?:\\n)?\[parameters: \[?(?=\()")
_PLACE: Final = re.compile(
    r"(?:(?<![\w.])([\w.]{1,128})[\"`]?\s{0,4}(?:=|<>|!=|like)\s{0,4})?(?:\?|%s)"
)
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html#error_er_dup_entry
_DUPLICATE: Final = re.compile(
    r"duplicate entry \\?'([^'\\]{1,512})\\?' for key \\?'([\w.-]{1,128})"
)
# A literal, a bracket, a comma, or what is between these.
_PIECE: Final = re.compile(
    r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'?|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|[(),]|[^'\"(),]+", re.DOTALL
)
_BETWEEN_ROWS: Final = re.compile(r"[\s,]{0,40}(?=\()")
# Stands for a value, or is none.
_NO_VALUE: Final = re.compile(r"\?|:\w+|\$\d+|%s|%\(\w+\)s|null|none|default", re.IGNORECASE)


def sql(is_secret: Callable[[str], bool]) -> Finder:
    """Return the finder of passwords in SQL, and of the values of secret columns."""
    seeks_passwords = is_secret("password")

    def find(scan: Scan) -> None:
        lower = scan.lower
        if seeks_passwords and _has_password(lower):
            _passwords(scan)
        if "'" in lower and ("like" in lower or "in (" in lower or "in(" in lower):
            _compared(scan, is_secret)
        if "values" in lower and "into" in lower:
            _inserted(scan, is_secret)
        if "[parameters: " in lower:
            _bound(scan, is_secret)
        if "duplicate entry" in lower:
            _duplicate(scan, is_secret)

    return find


def _has_password(lower: str) -> bool:
    return "identified" in lower or (
        ("'" in lower or '"' in lower) and ("password" in lower or "secret" in lower)
    )


def _passwords(scan: Scan) -> None:
    if not scan.look(0, 2 * len(scan.lower)):
        return
    for match in _PASSWORD.finditer(scan.lower):
        if not scan.look(match.start(), LOOK + len(match[0]) // 2):
            return
        span = match.span(match.lastindex or 0)
        if span[1] > span[0]:
            scan.spans.append(span)


def _compared(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    """Find what a secret column is compared with, by `LIKE` and `IN`."""
    if not scan.look(0, len(scan.lower)):
        return
    for match in _COMPARED.finditer(scan.lower):
        start, end = match.span(1)
        if not scan.look(match.start(), 4 * LOOK + (end - start) // 2):
            return
        before = scan.text[max(match.start() - 100, 0) : match.start()][::-1]
        name = _NAME_BACKWARDS.match(before)
        if name is not None and is_secret(name[1][::-1]):
            is_one = match[4] is None and match[5] is None
            scan.spans.append(match.span(2) if is_one and match[2] else (start, end))


def _inserted(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    """Find the values of secret columns: in all rows, or behind the statement."""
    lower = scan.lower
    if not scan.look(0, len(lower)):
        return
    position = 0
    while (match := _INSERT.search(lower, position)) is not None:
        position = match.end()
        columns = scan.text[match.start(1) : match.end(1)].split(",")
        if not scan.look(match.start(), LOOK * (6 + len(columns))):
            return
        secret = {n for n, each in enumerate(columns) if is_secret(each.strip(' \t\r\n`"[]\\'))}
        if not secret:
            continue
        position = _rows(scan, position, secret)
        parameters = _PARAMETERS.match(lower, position)
        if parameters is not None:
            position = _rows(scan, parameters.end(), secret)


def _bound(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    """Find what secret columns are set to or compared with, behind the statement."""
    if not scan.look(0, len(scan.lower)):
        return
    for match in _BOUND.finditer(scan.lower):
        start, end = match.span(1)
        if not scan.look(match.start(), 4 * LOOK + 2 * (end - start)):
            return
        places = list(_PLACE.finditer(scan.text, start, end))
        if not scan.look(match.start(), 2 * LOOK * len(places)):
            return
        secret = {n for n, each in enumerate(places) if each[1] and is_secret(each[1])}
        if secret:
            _rows(scan, match.end(), secret)


def _duplicate(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    """Find what MySQL refuses to store twice in a secret column."""
    if not scan.look(0, len(scan.lower)):
        return
    for match in _DUPLICATE.finditer(scan.lower):
        if not scan.look(match.start(), 2 * LOOK + len(match[0])):
            return
        if is_secret(match[2]):
            scan.spans.append(match.span(1))


def _rows(scan: Scan, start: int, secret: set[int]) -> int:
    """Find the values at the given places of each row, and return the end of the last row."""
    depth = place = 0
    position = value = start
    for piece in _PIECE.finditer(scan.text, start):
        position = piece.end()
        if not scan.look(min(value, piece.start()), 2 * LOOK + len(piece[0]) // 2):
            break
        if piece[0] == "(":
            depth += 1
            if depth == 1:
                place, value = 0, position
        elif depth == 1 and piece[0] in (",", ")"):
            if place in secret:
                _add_value(scan, value, piece.start())
            place, value = place + 1, position
        if piece[0] == ")":
            depth -= 1
            if depth <= 0 and not _BETWEEN_ROWS.match(scan.text, position):
                break
    return position


def _add_value(scan: Scan, start: int, end: int) -> None:
    value = scan.text[start:end]
    start += len(value) - len(value.lstrip())
    end -= len(value) - len(value.rstrip())
    if end - start >= 2 and scan.text[start] in "'\"" and scan.text[end - 1] == scan.text[start]:
        start, end = start + 1, end - 1
    if end > start and not _NO_VALUE.fullmatch(scan.text, start, end):
        scan.spans.append((start, end))
