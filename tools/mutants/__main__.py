"""Changes the code in small ways, one at a time, and sees which changes the tests notice.

`make mutants` runs it with Cosmic Ray, which makes the changes, in an environment of its own. A
seed draws a sample of places in each package, so that it ends, and so that it can be repeated. A
change is tried on the tests that execute its line. All happens in a copy of the repository. It ends
with a table, and writes each change that no test noticed into `mutants/PACKAGE.diff`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome

from tools.mutants.areas import AREAS, Area
from tools.mutants.places import sample, statement
from tools.release.distributions import ROOT, tracked_files

TARGET: Final = ROOT / "mutants"
_MOST_TESTS: Final = 150
"""Of those that execute a line, so many are run, the quickest first."""


@dataclass(frozen=True)
class Result:
    """What became of the changes of a package.

    Attributes:
        changes: How many there were.
        survived: Those that no test noticed, as diffs.
    """

    changes: int
    survived: list[str]


def copied(folder: Path) -> None:
    """Copy what git knows, and go there."""
    for name in tracked_files():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
        copy.chmod((ROOT / name).stat().st_mode)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)  # before what is installed, in other processes, too


def covered(area: Area, python: str) -> tuple[dict[str, list[str]], float]:
    """Run the tests of an area without a change.

    Returns:
        The tests that execute each line, the quickest first, and the seconds of all.
    """
    target = Path.cwd() / "covered.json"
    ignored = [f"--ignore={name}" for name in area.ignored]
    began = time.monotonic()
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "tools.mutants.covering", *ignored, *area.tests],
        env={
            **os.environ,
            "MUTANTS_PACKAGE": f"flask_chest/{area.package}",
            "MUTANTS_COVERED": str(target),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"the tests of {area.package} fail without a change:\n{done.stdout[-4000:]}")
    return json.loads(target.read_text("utf-8")), time.monotonic() - began


def tests_of(mutation: MutationSpec, executed: dict[str, list[str]]) -> list[str]:
    """Return the tests that execute a statement; outside of functions, those of its file."""
    path, begin, end = str(mutation.module_path), *statement(mutation)
    found: dict[str, None] = {}
    for place, tests in executed.items():
        file, _, line = place.rpartition(":")
        if file == path and (begin is None or begin <= int(line) <= end):
            found.update(dict.fromkeys(tests))
    if not found and begin is None:  # executed by the import alone
        found.update(dict.fromkeys(test for tests in executed.values() for test in tests[:3]))
    return list(found)


def notices(mutation: MutationSpec, tests: list[str], python: str, timeout: float) -> str | None:
    """Make a change, and return it as a diff when no test notices it."""
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    chosen = tests[:_MOST_TESTS] or ["--version"]  # no test executes it
    command = shlex.join([python, "-m", "pytest", *options, *chosen])
    result = mutate_and_test([mutation], command, timeout)
    if result.test_outcome != TestOutcome.SURVIVED:
        return None
    return f"# {mutation.operator_name}, {len(tests)} tests\n{result.diff}\n"


def survivors(area: Area, number: int, seed: int, python: str) -> Result:
    """Change a package at so many places."""
    executed, seconds = covered(area, python)
    diffs = []
    mutations = sample(area.package, number, seed)
    for index, mutation in enumerate(mutations, 1):
        place = f"{mutation.module_path}:{mutation.start_pos[0]}"
        diff = notices(mutation, tests_of(mutation, executed), python, seconds + 30)
        said = "noticed" if diff is None else "NOT NOTICED"
        print(f"{area.package} {index}/{len(mutations)} {place}: {said}", flush=True)
        if diff is not None:
            diffs.append(diff)
    return Result(len(mutations), diffs)


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=18, help="places in each package")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--python", default=str(ROOT / ".venv" / "bin" / "python"))
    parser.add_argument("packages", nargs="*", help="by default all")
    options = parser.parse_args()
    python = str(Path(options.python).absolute())
    TARGET.mkdir(exist_ok=True)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="flask-chest-mutants-") as folder:
        copied(Path(folder))
        for area in AREAS:
            if not options.packages or area.package in options.packages:
                found = survivors(area, options.number, options.seed, python)
                results[area.package] = found
                (TARGET / f"{area.package}.diff").write_text("\n".join(found.survived), "utf-8")
        os.chdir(ROOT)
    print("| package | changes | noticed |\n|---|---|---|")
    for package, result in results.items():
        noticed = result.changes - len(result.survived)
        print(f"| `{package}` | {result.changes} | {100 * noticed / result.changes:.0f}% |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
