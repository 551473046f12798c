"""Makes a release in `dist/`: `make release`. Uploads nothing.

With `--rehearsal`, an unclean tree and a changelog without a date are said, and do not fail it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.release import sbom
from tools.release.building import build, version_of
from tools.release.checks import check_built, check_with_twine, files_of
from tools.release.distributions import ROOT, Distribution, distributions
from tools.release.installing import try_all
from tools.release.notes import notes
from tools.release.pythons import Python, find
from tools.release.readme import for_index, source_url
from tools.release.tree import check_changelog, check_tree

_MADE: Final = re.compile(r"flask_chest.*(\.whl|\.tar\.gz)|NOTES\.md|sbom")
"""What a run leaves in its folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the release; return the exit status."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--rehearsal", action="store_true", help="accept what is not committed")
    parser.add_argument("--only-build", action="store_true", help="build, and check the files")
    parser.add_argument("--target", type=Path, default=ROOT / "dist", help="folder that is made")
    parser.add_argument("--pythons", type=Path, default=ROOT / ".pythons", help="folder of Pythons")
    parser.add_argument("--python", action="append", help="a version to install into; default: all")
    options = parser.parse_args(arguments)

    version = version_of()
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    unready = [*check_tree(ROOT), *check_changelog(changelog, version)]
    if unready and not (options.rehearsal or options.only_build):
        return _refuse(unready)

    target: Path = options.target
    strange = _emptied(target)
    if strange:
        return _refuse([f"{target} has {name}, which no release made" for name in strange])
    _say(f"Building {version}")
    build(target)
    built = sorted(target.iterdir())
    problems = [*check_built(target, version), *check_with_twine(built)]
    if problems:
        return _refuse(problems)
    _say(f"Built and checked {len(built)} files")
    if options.only_build:
        return 0

    found, missing = find(options.pythons)
    if options.python:
        found = [python for python in found if python.version in options.python]
    failures = _install(found, target, version)
    if failures:
        return _refuse(failures)
    sentence = _sentence(found, missing)
    links = source_url(ROOT)
    (target / "NOTES.md").write_text(
        notes(
            for_index(changelog, ".", links and f"{links}/blob/v{version}"),
            version,
            {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built},
            sentence,
        ),
        "utf-8",
    )
    _say(sentence)
    if links is None:
        _say("pyproject.toml names no Source in [project.urls]: READMEs have no links to files")
    for problem in unready:
        _say(f"Not yet a release: {problem}")
    _say(f"{target} has the files, their bills of materials and the notes. Nothing was uploaded.")
    return 0


def _emptied(target: Path) -> list[str]:
    """Empty a folder that an earlier run made; return what keeps it from that."""
    target.mkdir(parents=True, exist_ok=True)
    found = sorted(path.name for path in target.iterdir())
    strange = [name for name in found if not _MADE.fullmatch(name)]
    if not strange:
        shutil.rmtree(target)
        target.mkdir()
    return strange


def _install(pythons: Sequence[Python], target: Path, version: str) -> list[str]:
    """Try all on each Python, and describe what the newest one got; return what failed."""
    failures: list[str] = []
    wheels = [(found, files_of(found, version, target)[0]) for found in distributions()]
    described = max(
        (python for python in pythons if not python.version.endswith("t")),
        key=lambda python: int(python.version.partition(".")[2]),
        default=None,
    )
    bills = target / "sbom"
    bills.mkdir()
    with tempfile.TemporaryDirectory(prefix="flask-chest-release-") as work:
        for python, distribution, environment, failure in try_all(pythons, wheels, Path(work)):
            started = f"{distribution.name} on Python {python.version}"
            if failure is not None:
                failures.append(f"{started}: {failure}")
                _say(f"{started}: FAILED")
                continue
            _say(f"{started}: works")
            if python == described:
                failures += _describe(environment, distribution, bills, version)
    return failures


def _describe(
    environment: Path, distribution: Distribution, bills: Path, version: str
) -> list[str]:
    target = bills / f"{distribution.package}-{version}.cdx.json"
    bill = sbom.bill_of(environment, distribution)
    target.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")
    problem = sbom.check(bill, distribution, version)
    return [f"{target.name} {problem}"] if problem else []


def _sentence(pythons: Sequence[Python], missing: Sequence[str]) -> str:
    tried = ", ".join(python.version for python in pythons)
    text = (
        f"Each of {len(distributions())} distributions was installed alone and tried on Python "
        f"{tried or 'none'}."
    )
    if missing:
        text += f" This machine has no Python {', '.join(missing)}, so they were not tried."
    return text


def _refuse(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"No release: {len(problems)} problems", file=sys.stderr)
    return 1


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
