"""`DeferredStore`: a store whose module and driver are imported when it is opened."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from typing_extensions import Unpack

from flask_chest.errors import ConfigurationError, ended
from flask_chest.exporter import Batch, Finding
from flask_chest.runtime import fork
from flask_chest.store import Position, RouteSummary, Store, ValueCount, Where

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.query import Filter
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest.rollup import Declaration, RollupStorage

__all__ = [
    "DeferredStore",
    "lazy_attributes",
]


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
    """A stand-in that a plugin announces instead of its store.

    `init_app` needs only the type and the configuration. The driver takes long to import, and only
    the one process of a host that delivers needs it. So a plugin announces a class like this in
    `chest_exporters`, from a module that imports no driver::

        class Postgres(DeferredStore):
            type = "postgres"
            schemes = ("postgresql",)
            config_model = PostgresConfig
            implementation = "flask_chest_postgres.store:PostgresStore"
            requires = ("psycopg", "sqlalchemy")

    It passes all calls to an instance of the implementation, with the same configuration. What the
    core reads of it before it is opened, such as `batching`, stands in this class, too.
    """

    implementation: ClassVar[str]
    """Path of the store's class, as in ``module:class``."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Top-level modules that the store imports. `init_app` fails when one is not installed."""

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._loaded: Store | None = None

    def load(self) -> Store:
        """Return the store. The first call imports and makes it.

        Raises:
            ConfigurationError: The store cannot be imported.
        """
        if self._loaded is None:
            self._loaded = self._kind()(self.config)
        self._loaded.retention = self.retention
        self._loaded.knows_retention = self.knows_retention
        self._loaded.indexed_variables = self.indexed_variables
        self._loaded.rollups = self.rollups
        return self._loaded

    def _kind(self) -> type[Store]:
        try:
            with fork.importing():
                return cast("type[Store]", pkgutil.resolve_name(self.implementation))
        except ImportError as error:
            raise ConfigurationError(
                f"{self.implementation} cannot be imported: {ended(error)} Reinstall its "
                "distribution, with all dependencies"
            ) from error

    def validate(self) -> None:
        """Find out whether the modules in `requires` are installed, without an import.

        With gevent, import them all the same: a later import would block all requests.

        Raises:
            ConfigurationError: A module is not installed.
        """
        self._look_for_modules()
        if "gevent" in sys.modules:
            self.preload()

    def _look_for_modules(self) -> None:
        for name in self.requires:
            if importlib.util.find_spec(name) is None:
                raise ConfigurationError(
                    f"the type {self.type!r} needs the module {name!r}, which is not installed"
                )

    def refuse_missing(self) -> None:
        """Let the store refuse a database that is not there."""
        self._look_for_modules()
        self.load().refuse_missing()

    def preload(self) -> None:
        """Import the store's module."""
        self._kind()

    def check(self) -> None:
        """Let the store find out whether it can deliver now."""
        self.load().check()

    def findings(self) -> list[Finding]:
        """Return what is worth knowing of the database."""
        return self.load().findings()

    def ddl(self) -> list[str]:
        """Return the statements that create the schema."""
        return self.load().ddl()

    def repair(self) -> list[str]:
        """Create again what is missing; return what was done."""
        return self.load().repair()

    def open(self) -> None:
        """Import and open the store."""
        self.load().open()

    def export(self, batch: Batch) -> None:
        """Store a batch."""
        self.load().export(batch)

    def idle(self) -> None:
        """Let the store release resources, if it was imported."""
        if self._loaded is not None:
            self._loaded.idle()

    def close(self) -> None:
        """Close the store, if it was imported."""
        if self._loaded is not None:
            self._loaded.close()

    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records, in the order of `started_at`."""
        return self.load().query(limit=limit, newest_first=newest_first, **where)

    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records."""
        return self.load().count(**where)

    def page(
        self,
        *,
        after: Position | None = None,
        until: datetime | None = None,
        limit: int = 1_000,
    ) -> list[Record]:
        """Return the records that follow a position."""
        return self.load().page(after=after, until=until, limit=limit)

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        return self.load().select(selection)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        return self.load().tally(asked)

    def records(
        self,
        where: str | Filter | None = None,
        **options: Any,  # noqa: ANN401 - as `Store` has them
    ) -> Iterator[Record]:
        """Yield records one by one."""
        return self.load().records(where, **options)

    def measure(
        self,
        *measures: str,
        **options: Any,  # noqa: ANN401 - as `Store` has them
    ) -> list[dict[str, Any]]:
        """Return one row for each group and each bucket of time."""
        return self.load().measure(*measures, **options)

    def differences(
        self,
        where: str | Filter,
        **options: Any,  # noqa: ANN401 - as `Store` has them
    ) -> list[dict[str, Any]]:
        """Return which values are over-represented in some records."""
        return self.load().differences(where, **options)

    def expired_before(self) -> datetime | None:
        """Return which records the database deletes by itself in the next hour."""
        return self.load().expired_before()

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database."""
        return self.load().rollup_storage()

    def declared(self) -> Declaration | None:
        """Return the dimensions and measures that the rollups of the database have."""
        return self.load().declared()

    @property
    def unreadable(self) -> int:
        """Number of records that were passed over, as they cannot be read."""
        return 0 if self._loaded is None else self._loaded.unreadable

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records; return how many were there."""
        return self.load().delete(records)

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that started before `before`; return the number."""
        return self.load().purge(before=before, progress=progress)

    def retain(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete what has exceeded the retention; return the number."""
        return self.load().retain(before=before, progress=progress)

    def index_variables(self) -> list[str]:
        """Create and drop indexes of variables; return what was done."""
        return self.load().index_variables()

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that satisfy a filter; return the number."""
        return self.load().erase(where, progress=progress)

    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method."""
        return self.load().routes(**where)

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`."""
        return self.load().top_values(name, limit=limit, **where)
