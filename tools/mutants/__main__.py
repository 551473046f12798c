"""Changes the code in small ways, one at a time, and sees which changes the tests notice.

`make mutants` runs it with Cosmic Ray, which makes the changes, in an environment of its own. A
seed draws a sample of places in each package, so that it ends, and so that it can be repeated. A
change is tried on the tests that execute its statement, then on the tests of processes. All happens
in a copy of the repository. It ends with a table, and writes each change that no test noticed into
`mutants/PACKAGE-SEED.diff`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

from cosmic_ray.work_item import MutationSpec

from tools.mutants.areas import AREAS, Area
from tools.mutants.covered import Covered
from tools.mutants.places import sample
from tools.mutants.trying import tried
from tools.release.distributions import ROOT, tracked_files

TARGET: Final = ROOT / "mutants"
_SOME_FAILED: Final = 1
"""An exit status of pytest. What fails on a busy machine is not run with the changes."""


def copied(folder: Path) -> None:
    """Copy what git knows, and go there."""
    for name in tracked_files():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
        copy.chmod((ROOT / name).stat().st_mode)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)  # before what is installed, in other processes, too


def covered(area: Area, python: str) -> Covered:
    """Run the tests of an area without a change, and leave out those that fail."""
    target = Path.cwd() / "covered.json"
    ignored = [f"--ignore={name}" for name in (*area.ignored, *area.last)]
    command = [python, "-m", "pytest", "-q", "-p", "tools.mutants.covering"]
    command += ["-m", "not slow and not long", "-k", area.expression]
    done = subprocess.run(
        [*command, *ignored, *area.tests],
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
        print(f"without a change:\n{done.stdout[-4000:]}", flush=True)
    if done.returncode not in {0, _SOME_FAILED}:
        sys.exit(done.returncode)
    return Covered.read(target)


def survivors(area: Area, mutations: list[MutationSpec], tests: Covered, python: str) -> list[str]:
    """Make the changes, and return those that no test noticed, as diffs."""
    found = []
    last = [*area.last, "-k", area.expression] if area.last else []
    for index, mutation in enumerate(mutations, 1):
        chosen = tests.tests_of(mutation)
        seconds = 30.0 + 3 * sum(tests.seconds[test] for test in chosen)
        result = tried(mutation, python, chosen, seconds, last)
        said = f"noticed by {result.noticed_by}" if result.noticed_by else "NOT NOTICED"
        print(f"{area.package} {index}/{len(mutations)} {place(mutation)}: {said}", flush=True)
        if not result.noticed_by:
            found.append(f"# {mutation.operator_name}, {len(chosen)} tests\n{result.diff}")
    return found


def place(mutation: MutationSpec) -> str:
    """Return where a change is."""
    return f"{mutation.module_path}:{mutation.start_pos[0]}"


def changes(area: Area, number: int, seed: int, places: Collection[str]) -> list[MutationSpec]:
    """Draw the changes of a package; of these places alone, if there are any."""
    drawn = sample(area.package, number, seed)
    return [each for each in drawn if not places or place(each) in places]


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=18, help="places in each package")
    parser.add_argument("--seed", type=int, nargs="+", default=[19])
    parser.add_argument("--at", nargs="+", default=[], help="FILE:LINE: try these of them alone")
    parser.add_argument("--python", default=str(ROOT / ".venv" / "bin" / "python"))
    parser.add_argument("packages", nargs="*", help="by default all")
    options = parser.parse_args()
    python = str(Path(options.python).absolute())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the copy and the tests go, too
    TARGET.mkdir(exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="flask-chest-mutants-") as folder:
        copied(Path(folder))
        for area in AREAS:
            if options.packages and area.package not in options.packages:
                continue
            tests = covered(area, python)
            for seed in options.seed:
                drawn = changes(area, options.number, seed, options.at)
                left = survivors(area, drawn, tests, python)
                (TARGET / f"{area.package}-{seed}.diff").write_text("\n".join(left), "utf-8")
                rows.append(
                    f"| `{area.package}` | {seed} | {len(drawn) - len(left)} of {len(drawn)} |"
                )
        os.chdir(ROOT)
    print("| package | seed | noticed |\n|---|---|---|", *rows, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
