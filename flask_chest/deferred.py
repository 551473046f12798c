"""A store whose module, with the database driver, is imported by the thread that opens it."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from typing_extensions import Unpack

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Batch
from flask_chest.runtime import fork
from flask_chest.store import RouteSummary, Store, ValueCount, Where

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.record import Record


def lazy_attributes(package: str, **modules: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package whose large classes are imported when first used.

    As PEP 562 has it::

        __getattr__ = lazy_attributes(__name__, PostgresStore="store")

    Args:
        package: Name of the package.
        **modules: Each attribute, with the module of the package that defines it.
    """

    def find(name: str) -> Any:  # noqa: ANN401 - any attribute
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return find


class DeferredStore(Store):
    """Takes the place of a store until it is opened.

    `init_app` needs the type and the configuration alone. A driver takes longer to import than
    all else, and only the one process of a host that delivers needs it. So a plugin announces,
    in `chest_exporters`, a class like this, in a module that imports no driver::

        class Postgres(DeferredStore):
            type = "postgres"
            schemes = ("postgresql",)
            config_model = PostgresConfig
            implementation = "flask_chest_postgres.store:PostgresStore"
            requires = ("psycopg", "sqlalchemy")

    All calls go to an instance of the implementation, with the same configuration.
    """

    implementation: ClassVar[str]
    """Where the store is: ``module:class``."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Top-level modules that it imports; one that is missing stops `init_app`."""

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._loaded: Store | None = None

    def load(self) -> Store:
        """Return the store itself, imported and made when it is first asked for.

        Raises:
            ConfigurationError: It cannot be imported.
        """
        if self._loaded is None:
            self._loaded = self._kind()(self.config)
        return self._loaded

    def _kind(self) -> type[Store]:
        try:
            with fork.importing():
                return cast("type[Store]", pkgutil.resolve_name(self.implementation))
        except ImportError as error:
            raise ConfigurationError(
                f"{self.implementation} cannot be imported: {error}. Install again what brings it, "
                "with all that it requires"
            ) from error

    def validate(self) -> None:
        """Look whether the driver is there; without an import, unless that cannot wait.

        Raises:
            ConfigurationError: A module is not installed.
        """
        for name in self.requires:
            if importlib.util.find_spec(name) is None:
                raise ConfigurationError(
                    f"the type {self.type!r} needs the module {name!r}, which is not installed"
                )
        if "gevent" in sys.modules:  # an import in one of its threads holds up all requests
            self.preload()

    def preload(self) -> None:
        """Import the store."""
        self._kind()

    def check(self) -> None:
        """Let the store itself look, with its driver, for what is wrong."""
        self.load().check()

    def open(self) -> None:
        """Import the store, and open it."""
        self.load().open()

    def export(self, batch: Batch) -> None:
        """Store a batch."""
        self.load().export(batch)

    def idle(self) -> None:
        """Let the store rest when there is one."""
        if self._loaded is not None:
            self._loaded.idle()

    def close(self) -> None:
        """Close the store when there is one."""
        if self._loaded is not None:
            self._loaded.close()

    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records by `started_at`."""
        return self.load().query(limit=limit, newest_first=newest_first, **where)

    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records."""
        return self.load().count(**where)

    def purge(self, *, before: datetime) -> int:
        """Delete records that started before `before`; return how many."""
        return self.load().purge(before=before)

    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method."""
        return self.load().routes(**where)

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        return self.load().top_values(name, limit=limit, **where)
