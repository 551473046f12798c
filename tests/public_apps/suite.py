"""A run of a public application's own tests, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class Suite:
    """A run of an application's own tests, in a copy of it.

    Args:
        public: The application.
        folder: Where the copy is made.
        plugins: Plugins of pytest; `watch` writes the report.
        more: Variables of the environment, for the plugins.
    """

    def __init__(self, public, folder, plugins, more):
        public.copy_to(folder)
        self.folder = folder
        self._log = folder / "pytest.log"
        self._report = folder / "report.json"
        environment = public.environment(HERE)
        environment.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", WATCH_REPORT=str(self._report))
        environment.update(more)
        options = [f"-p{plugin}" for plugin in (*plugins, "no:cacheprovider")]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-q", *options, *public.options],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def end(self):
        self.process.kill()
        self.process.wait()

    def report(self):
        """Wait for the end; return the report of `watch`, and what pytest printed as `log`."""
        self.process.wait(300)
        log = self._log.read_text("utf-8", "replace")
        assert self._report.exists(), log
        return {**json.loads(self._report.read_text("utf-8")), "log": log}
