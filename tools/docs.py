"""Write docs/reference/settings.md. With --check: fail when it, or a link of a page, is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from string import Template

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, INSTANCE, Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]


SETTINGS_PAGE = Template(
    """\
# Settings

A setting has several sources. The first of these that has it takes precedence:

1. arguments to `FlaskChest`: `track_all=True`;
2. `app.config`: `${config}TRACK_ALL`;
3. the environment: `${environment}TRACK_ALL`; a list has commas or is JSON, a dict is JSON;
4. the defaults below.

A wrong or unknown setting stops `init_app`. The error has the name of the setting, its value with
secrets masked, and its meaning.

Settings are read in `init_app`. A later change has no effect. The application's own `TESTING` is
read with each record.

**Switched off.** With `${config}ENABLED = False`, or `${environment}ENABLED=0`, the decorators,
`chest.record()`, `g.request_id`, `current_request_id()`, the header of the response and
`outbound_headers()` work. Nothing is recorded, opened, created or started, and no driver is
imported. `chest.stats()` shows zeros, `chest.flush()` returns `True`, and `chest.store()` raises an
error that names the setting. A wrong setting is still an error. `${config}EXPORTERS` may be empty,
and what it names may be missing.

**The environment.** `${environment}EXPORTERS__copy` sets one entry of a dict. Names in it keep
their case. A text is taken as it is: `${environment}SERVICE=2024` is the service `2024`. That is
also true after `app.config.from_prefixed_env()`, which turns such a text into a number: Flask-Chest
uses the original text. Quotes around a text are JSON syntax and are removed.

| setting | default | meaning |
|---|---|---|
$rows

An exporter is a URL or a dict. A single URL is the exporter `main`:

```python
app.config["CHEST_EXPORTERS"] = {
    "main": "sqlite:////var/lib/shop/chest.sqlite3",
    "copy": {"type": "sqlite", "path": "/mnt/2.sqlite3", "busy_timeout_seconds": 10},
}
```

A relative path, in a URL or in `CHEST_JOURNAL`, starts at the working directory of the process; `~`
in front is the home folder, as in `sqlite:///~/chest.sqlite3`. `$instance` means the application's
instance folder. In the path of a URL, write `?` as `%3F` and `%` as `%25`. In the name of the
instance folder, Flask-Chest does this itself.

Two applications may share a journal when they have the same exporters. Otherwise the second is
refused: in one process until the first is closed with `chest.close()` or garbage-collected, and
else until its process has ended ([delivery.md](../explanation/delivery.md#who-delivers)).

A plugin may have settings of its own. The names of those of
[flask-chest-monitor](../../plugins/flask_chest_monitor/README.md#settings) begin with
`${config}MONITOR_`, and of those of
[flask-chest-dashboard](../../plugins/flask_chest_dashboard/README.md#settings) with
`${config}DASHBOARD_`.

This page is generated from `flask_chest/settings/model.py` by `make format`.
"""
)


def settings_page() -> str:
    """Return docs/reference/settings.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "required" if field.default is PydanticUndefined else f"`{field.default!r}`"
        description = (field.description or "").replace("|", "\\|")
        rows.append(
            f"| `{CONFIG_PREFIX}{name.upper()}` | {default} | {description}.{_bounds(field)} |"
        )
    return SETTINGS_PAGE.substitute(
        config=CONFIG_PREFIX,
        environment=ENVIRONMENT_PREFIX,
        instance=INSTANCE,
        rows="\n".join(rows),
    )


def _bounds(field: FieldInfo) -> str:
    """Return the least and the greatest value of a field as a sentence."""
    names = {"Ge": "at least", "Le": "at most"}
    found = [
        f"{names[kind]} {getattr(bound, kind.lower()):.10g}"
        for bound in field.metadata
        if (kind := type(bound).__name__) in names
    ]
    return f" {', '.join(found).capitalize()}." if found else ""


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page whose target does not exist."""
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    return [target for target in targets if not (page.parent / target).exists()]


def missing_targets(page: Path) -> list[str]:
    """Return the make targets that a page names and the Makefile does not have."""
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", page.read_text("utf-8")))
    return sorted(named - known)


def main() -> int:
    """Write or check; return the exit status."""
    page = ROOT / "docs" / "reference" / "settings.md"
    if "--check" not in sys.argv:
        page.write_text(settings_page(), "utf-8")
        return 0
    faults = []
    if not page.exists() or page.read_text("utf-8") != settings_page():
        faults.append("docs/reference/settings.md is out of date: run `make format`")
    for each in PAGES:
        name = each.relative_to(ROOT)
        faults += [
            f"{name}: the target of the link {link} does not exist" for link in broken_links(each)
        ]
        faults += [f"{name}: there is no `make {target}`" for target in missing_targets(each)]
    print("\n".join(faults) or f"docs: {len(PAGES)} pages are up to date", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
