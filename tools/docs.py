"""Write the generated parts of docs/reference. With --check: fail when one, or a link, is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.reference import (  # noqa: E402 - from this clone
    api,
    commands,
    logged,
    metrics,
    questions,
    raised,
    settings,
)
from tools.reference.blocks import filled  # noqa: E402 - as above

PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/**/README.md")),
]


REFERENCE = ROOT / "docs" / "reference"
GENERATED = {
    questions.HOW_TO / "index.md": questions.questions(),
    REFERENCE / "settings.md": settings.settings(),
    REFERENCE / "exporter-settings.md": settings.exporters(),
    REFERENCE / "commands.md": commands.overview(),
    **{REFERENCE / f"{name}.md": parts for name, parts in commands.pages().items()},
    REFERENCE / "errors.md": raised.parts(),
    REFERENCE / "metrics.md": metrics.metrics(),
    REFERENCE / "signals.md": metrics.sent(),
    REFERENCE / "api" / "index.md": api.index(),
    **{REFERENCE / "api" / f"{name}.md": parts for name, parts in api.pages().items()},
}
"""Pages with generated parts, to what makes each part."""


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
    faults = []
    for page, parts in GENERATED.items():
        text = page.read_text("utf-8")
        made = filled(text, parts)
        if "--check" not in sys.argv:
            page.write_text(made, "utf-8")
        elif made != text:
            faults.append(f"{page.relative_to(ROOT)} is out of date: run `make format`")
    if "--check" not in sys.argv:
        return 0
    log = REFERENCE / "log-messages.md"
    faults += [
        f"{log.relative_to(ROOT)} {fault}" for fault in logged.faults(log.read_text("utf-8"))
    ]
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
