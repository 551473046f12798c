"""`Lake`: which files count, which columns there are, and how a day is changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from flask_chest.errors import ExporterUnavailable, SchemaMismatch
from flask_chest.schema import SCHEMA_VERSION, refuse_newer
from flask_chest_parquet.layout import (
    COLUMNS,
    PARTITION,
    SCHEMA,
    STATE,
    BatchName,
    day_folder,
    day_of,
    manifest_key,
    manifest_number,
)
from flask_chest_parquet.manifest import LakeFile, Manifest
from flask_chest_parquet.objects import Gone, Listed, Objects
from flask_chest_parquet.schema import Column

_ATTEMPTS: Final = 5


class Lake:
    """A lake in a folder or a bucket. Any thread may use it.

    Args:
        objects: Where it is.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._manifests: dict[date, Manifest] = {}
        self._columns: dict[str, Column | None] = {}

    @property
    def location(self) -> str:
        """Where the lake is, for messages."""
        return self.objects.location

    def open(self) -> None:
        """Connect, and create the lake if it is not there.

        Raises:
            SchemaMismatch: It is newer, or the Parquet files there are not ours.
        """
        self.objects.open()
        version = self._version()
        if version is None:
            self._refuse_foreign()
            self._describe()
            version = self._version()
        refuse_newer(self.location, version)

    def _describe(self) -> None:
        content = json.dumps({"flask_chest": "records", "version": SCHEMA_VERSION}).encode()
        self.objects.create(SCHEMA, content)

    def restore(self, columns: Iterable[Column]) -> None:
        """Describe the lake again, as somebody may have deleted all of it while it was open.

        Args:
            columns: Those of the files that are written.
        """
        self._describe()
        self._manifests.clear()
        there = {found.key for found in self.objects.list(COLUMNS)}
        self._columns = {key: column for key, column in self._columns.items() if key in there}
        self.register(columns)

    def exists(self) -> bool:
        """Return whether a lake is there."""
        return self._version() is not None

    def _version(self) -> object:
        try:
            found = json.loads(self.objects.read(SCHEMA))
        except Gone:
            return None
        except ValueError:
            return "unreadable"
        return found.get("version") if isinstance(found, dict) else "unreadable"

    def _refuse_foreign(self) -> None:
        for found in self.objects.list(PARTITION):
            raise SchemaMismatch(
                f"{self.location} has files that are no records of Flask-Chest, such as "
                f"{found.key}. Choose another folder, which may be a new one"
            )

    # -- Files ---------------------------------------------------------------------------------

    def live(self, since: date | None = None, until: date | None = None) -> list[LakeFile]:
        """Return the files whose records count, each once, sorted by day and name.

        Args:
            since: First day; None for all.
            until: Last day.
        """
        # In this order: what is deleted after it was listed is named by a manifest that is newer.
        listed = list(self._of_days("", since, until))
        newest = self._newest_manifests(since, until)
        return _live(listed, {**dict.fromkeys(_days(listed)), **newest})

    def days(self) -> list[date]:
        """Return the days that may have records, sorted."""
        found = map(day_of, self.objects.folders(PARTITION))
        return sorted(day for day in found if day is not None)

    def live_of(
        self, day: date, prefixes: Iterable[str] = ("",)
    ) -> tuple[Manifest, list[LakeFile]]:
        """Return the newest manifest of a day, and the files whose records count.

        Args:
            day: The day.
            prefixes: Beginnings of the names of the batches' files that are looked for.
        """
        folder = day_folder(day)
        listed = [found for each in prefixes for found in self.objects.list(f"{folder}{each}")]
        manifest = self.manifest(day)
        return manifest, self.live_among(day, listed, manifest)

    def live_among(self, day: date, listed: Iterable[Listed], manifest: Manifest) -> list[LakeFile]:
        """Return the files of a day whose records count, among those that were listed before."""
        return _live(listed, {day: manifest})

    def manifest(self, day: date) -> Manifest:
        """Return the newest manifest of a day."""
        return self._newest_manifests(day, day).get(day, Manifest(day))

    def _of_days(self, below: str, since: date | None, until: date | None) -> Iterator[Listed]:
        """Yield the objects of days, which are `below` a prefix."""
        if since is not None and since == until:
            return self.objects.list(f"{below}{day_folder(since)}")
        # Not the day itself: SeaweedFS leaves out a folder that the listing is to begin after.
        after, before = "", None
        if since is not None and since != date.min:
            after = f"{below}{day_folder(since - timedelta(days=1))}~"
        if until is not None and until != date.max:
            before = f"{below}{day_folder(until + timedelta(days=1))}"
        return self.objects.list(f"{below}{PARTITION}", after, before)

    def _newest_manifests(self, since: date | None, until: date | None) -> dict[date, Manifest]:
        for _ in range(_ATTEMPTS):
            numbers = self._numbers(since, until)
            try:
                return {day: self._manifest(day, number) for day, number in numbers.items()}
            except Gone:  # a newer one has replaced it meanwhile
                continue
        raise ExporterUnavailable(f"{self.location}: manifests change faster than they can be read")

    def _numbers(self, since: date | None, until: date | None) -> dict[date, int]:
        """Return the number of the newest manifest of each day."""
        numbers: dict[date, int] = {}
        for found in self._of_days(STATE, since, until):
            folder, _, name = found.key.removeprefix(STATE).partition("/")
            day, number = day_of(folder), manifest_number(name)
            if day is not None and number is not None:
                numbers[day] = max(number, numbers.get(day, 0))
        return numbers

    def _manifest(self, day: date, number: int) -> Manifest:
        known = self._manifests.get(day)
        if known is not None and known.number == number:
            return known
        key = manifest_key(day, number)
        try:
            found = Manifest.from_json(day, number, self.objects.read(key))
        except ValueError as error:
            raise ExporterUnavailable(
                f"{self.location}: {key} is damaged ({error}). Restore it from a backup"
            ) from error
        self._manifests[day] = found
        return found

    def commit(self, manifest: Manifest) -> bool:
        """Make a manifest the newest of its day, unless another writer was faster.

        Returns:
            Whether it is. Otherwise nothing has changed, and the files that it names do not count.
        """
        day, number = manifest.day, manifest.number
        if not self.objects.create(manifest_key(day, number), manifest.to_json()):
            return False
        newest = max(self._numbers(day, day).get(day, 0), number)
        if newest == number or self._follows(manifest):
            return True
        # Its number was free again: others have made so many since that they forgot that one.
        self.objects.delete(manifest_key(day, number))
        return False

    def _follows(self, manifest: Manifest) -> bool:
        """Return whether the next manifest was made from this one."""
        number = manifest.number + 1
        try:
            text = self.objects.read(manifest_key(manifest.day, number))
            following = Manifest.from_json(manifest.day, number, text)
        except (Gone, ValueError):
            return False
        return following.previous == manifest.digest

    # -- Columns -------------------------------------------------------------------------------

    def columns(self) -> list[Column]:
        """Return the typed columns that the lake has or had, sorted by name."""
        keys = [found.key for found in self.objects.list(COLUMNS)]
        for key in keys:
            if key not in self._columns:
                self._columns[key] = self._column(key)
        known = (self._columns[key] for key in keys)
        return sorted((each for each in known if each is not None), key=lambda each: each.name)

    def _column(self, key: str) -> Column | None:
        try:
            column = Column.from_json(self.objects.read(key))
        except (Gone, ValueError):
            return None
        return column if key == _column_key(column) else None

    def register(self, columns: Iterable[Column]) -> None:
        """Let the lake know typed columns, before a file has them."""
        for column in columns:
            key = _column_key(column)
            if self._columns.get(key) is None:
                self.objects.create(key, column.to_json())
                self._columns[key] = column


def _column_key(column: Column) -> str:
    return f"{COLUMNS}{column.name}.json"


def _days(listed: Iterable[Listed]) -> Iterator[date]:
    for found in listed:
        day = day_of(found.key.partition("/")[0])
        if day is not None:
            yield day


def _live(listed: Iterable[Listed], manifests: dict[date, Manifest | None]) -> list[LakeFile]:
    """Return the files that count: those of the manifests, and those of batches that are new."""
    found: list[LakeFile] = []
    for each in listed:
        folder, _, name = each.key.partition("/")
        day, batch = day_of(folder), BatchName.of(name)
        if day is None or batch is None:
            continue
        manifest = manifests.get(day)
        if manifest is None or batch.token not in manifest.gone:
            found.append(LakeFile(day, name, batch.rows, each.size, batch=batch))
    found += (
        LakeFile(manifest.day, file.name, file.rows, file.size, compacted=file)
        for manifest in manifests.values()
        if manifest is not None
        for file in manifest.files
    )
    return sorted(found, key=lambda file: (file.day, file.name))
