"""Find secrets in texts that have name and value as two fields: `"name": "KEY", "value": "x"`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flask_chest.redaction.scan import Finder, Scan

VALUE_FIELD: Final = re.compile(
    r"[ \t\r\n]{0,40}\\{0,8}[\"']?(?:value|val|content|default|data)\\{0,8}[\"']?[ \t]{0,9}[:=]"
    r"\s{0,40}(\\{0,8}[\"'])?",
    re.IGNORECASE,
)
"""The second field, behind the name and its comma, up to the opening quote of the value."""

_VALUE_FIRST: Final = re.compile(
    r"[\"']value[\"']\s{0,9}:\s{0,9}(?:\"(?P<double>[^\"\\]{1,512})\"|'(?P<single>[^'\\]{1,512})'"
    r"|(?P<bare>[\w.+/=-]{1,512}))"
    r"\s{0,9},\s{0,9}[\"'](?:name|key)[\"']\s{0,9}:\s{0,9}[\"'](?P<name>[\w.-]{2,128})[\"']"
)
_YAML: Final = re.compile(
    r"(?:name|key):[ \t]{0,9}[\"']?(?P<name>[\w.-]{2,128})[\"']?[ \t]{0,9}\r?\n[ \t]{0,40}"
    r"value:[ \t]{0,9}(?P<bare>[^\r\n]{1,512})"
)
# https://docs.pydantic.dev/latest/errors/errors/: the place and, in the next line, the message with
# the value.
_VALIDATION: Final = re.compile(
    r"(?<![\w.])(?P<name>[\w.]{2,128})(?:\r?\n|\\n)[ ]{2}[^\r\n\[]{1,300}\[type=\w{1,60}, "
    r"input_value=(?P<bare>[^\r\n]{1,600}?), input_type="
)


def value_fields(is_secret: Callable[[str], bool]) -> Finder:
    """Return what finds values in front of their names in JSON, and behind them in YAML.

    And what pydantic did not accept, in the texts of its errors.
    """

    def find(scan: Scan) -> None:
        if "value" not in scan.lower:
            return
        expressions = [_VALUE_FIRST, _YAML]
        if "input_value=" in scan.lower:
            expressions.append(_VALIDATION)
        for expression in expressions:
            if not scan.look(0, len(scan.text)):
                return
            for match in expression.finditer(scan.text):
                if not scan.look(match.start()):
                    return
                if is_secret(match["name"]):
                    group = next(
                        name
                        for name, value in match.groupdict().items()
                        if name != "name" and value
                    )
                    scan.spans.append(match.span(group))

    return find
