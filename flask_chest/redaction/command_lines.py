"""Find passwords in command lines, also when they are lists of arguments.

What an option with a secret name has behind a space is found: `--password x`. With `=` between, it
is found like every other key and value. Short options are those of the programs in `_SHORT`.

Sources:
    https://dev.mysql.com/doc/refman/8.4/en/password-security-user.html,
    https://curl.se/docs/manpage.html#-u, https://linux.die.net/man/1/sshpass,
    https://redis.io/docs/latest/develop/tools/cli/, https://www.mongodb.com/docs/database-tools/mongodump/,
    https://docs.docker.com/reference/cli/docker/login/, https://linux.die.net/man/1/unzip,
    https://linux.die.net/man/1/ldapsearch, https://mosquitto.org/man/mosquitto_pub-1.html,
    https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-utility, https://linux.die.net/man/1/ipmitool,
    https://docs.openssl.org/master/man1/openssl-passphrase-options/,
    https://docs.oracle.com/en/database/oracle/oracle-database/23/sqpug/starting-SQL-Plus.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flask_chest.redaction.scan import LOOK, Finder, Scan

_MYSQL: Final = (
    r"mysql|mysqldump|mysqladmin|mysqlimport|mysqlcheck|mysqlshow|mysqlpump|mysqlbinlog|mysqlslap"
    r"|mariadb(?:-[a-z]{2,12})?"
)
_MONGO: Final = r"mongo(?:sh|dump|restore|import|export|stat|top|files)?"
_LOGIN: Final = r"(?:docker|podman|nerdctl|buildah|skopeo|helm|oc|az)[\"']?,?\s[^\r\n]{0,100}?login"
_ZIP: Final = r"7za?|7zr|7zz|rar|unrar"
# By option: the programs that take the password in the same word, and in the next.
_SHORT: Final[dict[str, tuple[str, str]]] = {
    "p": (rf"{_MYSQL}|{_MONGO}|sshpass|{_ZIP}", rf"{_MONGO}|sshpass|{_LOGIN}|cqlsh|rabbitmqadmin"),
    "P": (r"unzip|zip|sqlcmd|bcp", r"unzip|zip|sqlcmd|bcp|ipmitool|mosquitto_(?:pub|sub|rr)"),
    "a": (r"redis-cli|valkey-cli", r"redis-cli|valkey-cli|https?|xh"),
    "u": (r"curl", r"curl|lftp"),
    "U": (r"curl|smbclient|rpcclient", r"curl|smbclient|rpcclient|net"),
    "w": (r"(?!)", r"ldap(?:search|modify|add|delete|passwd|whoami)"),
    "A": (r"(?!)", r"ab|snmp[a-z]{2,10}"),
}
_PAIRS: Final = {"u": ":,", "U": ":%", "A": ":"}
"""What is between user and password, of options that have both; behind `-A`, perhaps."""
_SECOND: Final = re.compile(r",([^\s\"',;|<>)\]]+)")


def _programs(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[\s/\"'=`(;])(?:{names})(?:\.exe)?[\"']?,?[\s\"']")


_PROGRAMS: Final = {
    option: (_programs(joined), _programs(spaced)) for option, (joined, spaced) in _SHORT.items()
}

_GAP: Final = r"(?:[ \t]{1,8}|[\"'],[ \t]{0,4}(?=[\"']))"
_WORD: Final = (
    r"(?:\\?\"(?P<double>[^\"\\]*(?:\\.[^\"\\]*)*)|'(?P<single>[^']*)|(?P<bare>[^\s\"',;|<>)\]]+))"
)
_LONG_OPTION: Final = re.compile(rf"-(?<![\w-]-)-?([A-Za-z][\w-]{{1,60}}){_GAP}(?!-){_WORD}")
_SHORT_OPTION: Final = re.compile(
    rf"-(?<=[\s\"',\[]-)(?P<option>[{''.join(_SHORT)}])(?P<gap>{_GAP})?(?!-){_WORD}"
)
_ORACLE: Final = re.compile(
    r"(?:sqlplus|sqlldr|expdp|impdp|rman)(?:\s{1,4}-\w{1,9}){0,3}\s{1,4}[^\s/@]{1,128}/([^\s@\"']{1,128})"
)
_OPENSSL: Final = re.compile(rf"-pass(?:in|out)?{_GAP}[\"']?pass:([^\s\"']+)")
_USER: Final = re.compile(rf"--?(?:proxy-)?user(?:{_GAP}|=)[\"']?[^\s:\"']{{1,128}}:([^\s\"',]+)")

_NOT_ITSELF: Final = re.compile(
    r"(?:no|ask|use|with|without|prompt|show|enable|disable)[-_].*|.*[-_](?:file|stdin|path|prompt|env|command|cmd|url|uri)"
)
# https://docs.oracle.com/en/java/javase/21/docs/specs/man/keytool.html
_KEYTOOL: Final = frozenset(("storepass", "keypass", "srcstorepass", "deststorepass"))
# Behind an option that a sentence is about: "use --token to log in".
_PROSE: Final = frozenset(
    (
        "a", "an", "and", "are", "argument", "as", "at", "be", "by", "can", "does", "flag", "flags",
        "for", "from", "has", "if", "in", "instead", "into", "is", "it", "must", "not", "on",
        "option", "options", "or", "parameter", "should", "so", "that", "the", "then", "to", "was",
        "when", "which", "will", "with", "you",
    )
)  # fmt: skip
_NEAR: Final = 200


def command_lines(is_secret: Callable[[str], bool]) -> Finder:
    """Return the finder of passwords in command lines."""
    seeks_passwords = is_secret("password")

    def find(scan: Scan) -> None:
        text = scan.text
        if "-" in text and (" -" in text or text[0] == "-" or _has_argument(text)):
            _long_options(scan, is_secret)
            if seeks_passwords:
                _short_options(scan)
        if not seeks_passwords:
            return
        if "user" in text and "-" in text:
            _matches(scan, _USER)
        if "pass:" in text:
            _matches(scan, _OPENSSL)
        if "/" in text and ("sqlplus" in text or "sqlldr" in text or "dp " in text):
            _matches(scan, _ORACLE)

    return find


def _has_argument(text: str) -> bool:
    return ("'" in text and "'-" in text) or ('"' in text and '"-' in text)


def _long_options(scan: Scan, is_secret: Callable[[str], bool]) -> None:
    text = scan.text
    if not scan.look(0, 3 * len(text) // 4):
        return
    for match in _LONG_OPTION.finditer(text):
        if not scan.look(match.start(), 3 * LOOK):
            return
        value = match[match.lastgroup or 0]
        if not value or value.lower() in _PROSE:
            continue
        name = match[1]
        if match[0][:2] == "-p" and is_secret(name[1:]):
            continue  # `mysql -pSecret database`
        if name in _KEYTOOL or (is_secret(name) and not _NOT_ITSELF.fullmatch(name.lower())):
            scan.spans.append(match.span(match.lastgroup or 0))


def _short_options(scan: Scan) -> None:
    text = scan.text
    if not scan.look(0, 3 * len(text) // 4):
        return
    for match in _SHORT_OPTION.finditer(text):
        start, end = match.span(match.lastgroup or 0)
        if not scan.look(match.start(), 16 * LOOK):
            return
        option = match["option"]
        before = max(match.start() - _NEAR, 0)
        programs = _PROGRAMS[option][match["gap"] is not None]
        if end == start or not programs.search(text, before, match.start()):
            continue
        if option in _PAIRS:
            found = re.search(f"[{_PAIRS[option]}]", text[start:end])
            if found is not None:
                start += found.end()
            elif option == "u" and (second := _SECOND.match(text, end)) is not None:
                start, end = second.span(1)  # `lftp -u user,password`
            elif option != "A":
                continue
        scan.spans.append((start, end))


def _matches(scan: Scan, expression: re.Pattern[str]) -> None:
    if not scan.look(0, len(scan.text)):
        return
    for match in expression.finditer(scan.text):
        if not scan.look(match.start()):
            return
        scan.spans.append(match.span(1))
