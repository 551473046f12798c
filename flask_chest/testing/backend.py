"""What a contract needs to know about the destination of an exporter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from flask_chest.exporter import Exporter
from flask_chest.store import Store


class Backend(ABC):
    """An empty destination of one test.

    Attributes:
        exporter: The exporter class under test.
        config: An entry of CHEST_EXPORTERS for this destination, without `type`. Its values can be
            encoded as JSON, as other processes receive it.
        watching_connections: Number of further connections that the driver opens to watch the
            server.
    """

    exporter: type[Exporter]
    config: Mapping[str, Any]
    watching_connections: int = 0

    @abstractmethod
    def ids(self) -> list[str]:
        """Return the ID of every stored record. An ID that is stored twice is there twice.

        It reads the whole records, and raises whatever it likes where one is there in part.

        Do not use the exporter for this: a fault in it could hide itself.
        """

    def new(self, **fields: object) -> Exporter:
        """Return an exporter that is not open. `fields` replace fields of its configuration."""
        return self.exporter(self.exporter.config_model.model_validate({**self.config, **fields}))

    def at(self, host: str, port: int) -> Mapping[str, Any]:
        """Return the fields that replace the server's address in the configuration.

        `ServerContract` uses them to connect through a relay.
        """
        return {"host": host, "port": port}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server. `ServerContract` uses them."""
        return self.config["host"], self.config["port"]

    def start(self, program: Callable[[Callable[[], Exporter]], None]) -> subprocess.Popen[str]:
        """Run a function in a process of its own, connected by pipes.

        Args:
            program: A function of an importable module. Its argument is a function that returns a
                new exporter.
        """
        kind = self.exporter
        # An exporter may be in a module of the tests, whose folder pytest has added.
        path = os.pathsep.join(filter(None, sys.path))
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "flask_chest.testing.run_program"),
                f"{program.__module__}:{program.__qualname__}",
                f"{kind.__module__}:{kind.__qualname__}",
                json.dumps(dict(self.config)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )


class StoreBackend(Backend):
    """A destination in which a `Store` creates tables."""

    exporter: type[Store]

    def new(self, **fields: object) -> Store:
        """Return a store that is not open. `fields` replace fields of its configuration."""
        store = super().new(**fields)
        assert isinstance(store, Store)
        return store

    @abstractmethod
    def variables(self) -> list[tuple[str, str, object]]:
        """Return the rows of the view `chest_variables`: record ID, name, value as text."""

    @abstractmethod
    def set_version(self, version: int) -> None:
        """Change the schema version that is stored in the existing tables."""

    @abstractmethod
    def take_names(self) -> None:
        """Create a foreign table, with one row, under the name of the table of records."""

    @abstractmethod
    def is_untouched(self) -> bool:
        """Return whether the table of `take_names` is unchanged, and is the only table."""
