"""`Covered`: which tests execute what, and how long they take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.work_item import MutationSpec

from tools.mutants.places import statement


@dataclass(frozen=True)
class Covered:
    """What the tests of a package execute of it.

    Attributes:
        seconds: Of each test.
        lines: The tests that execute a line, by file and line.
    """

    seconds: dict[str, float]
    lines: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> Covered:
        """Read what `tools.mutants.covering` wrote."""
        return cls(**json.loads(path.read_text("utf-8")))

    def tests_of(self, mutation: MutationSpec) -> list[str]:
        """Return the tests to try a change on, the quickest first.

        They execute its statement. One that only an import executes has the tests of its file, and
        if there are none, a few of each line of the package.
        """
        path, begin, end = str(mutation.module_path), *statement(mutation)
        found: set[str] = set()
        of_file: set[str] = set()
        for place, tests in self.lines.items():
            file, _, line = place.rpartition(":")
            if file == path:
                of_file.update(tests)
                if begin is not None and begin <= int(line) <= end:
                    found.update(tests)
        if not found:
            found = of_file or {
                test for tests in self.lines.values() for test in self._quickest(tests)[:3]
            }
        return self._quickest(found)

    def _quickest(self, tests: set[str] | list[str]) -> list[str]:
        return sorted(tests, key=lambda test: (self.seconds[test], test))
