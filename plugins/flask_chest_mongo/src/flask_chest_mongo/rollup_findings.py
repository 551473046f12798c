"""What `flask chest check` says of the rollups of a MongoDB database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import OperationFailure

from flask_chest.exporter import Finding
from flask_chest_mongo.ddl import NAMESPACE_EXISTS
from flask_chest_mongo.errors import UNAUTHORIZED, brief

if TYPE_CHECKING:
    from pymongo.database import Database

    from flask_chest_mongo.rollup_storage import MongoRollups

_SUBJECT: Final = "rollups"
_LATE: Final = "may not mark what changes, so the rollups get records an hour later"
_UNUSED: Final = "may not keep the rollups up to date"
_WITHOUT: Final = "Or do without: CHEST_ROLLUPS=0"


def look(rollups: MongoRollups, create: Callable[[], object] | None) -> Iterator[Finding]:
    """Yield whether this user may keep up the rollups of the database, and what is missing.

    Args:
        rollups: Those of the database, which need not be there.
        create: Needs the privilege to create a collection, and changes nothing; None where
            there are to be no rollups but those that are there.
    """
    if not refusal(rollups.has_collections) and not rollups.has_collections():
        if create is not None:
            yield from _creation(create)
        return
    lacking = [(action, name) for action, name, attempt in rollups.attempts() if refusal(attempt)]
    if lacking:
        what = _LATE if lacking == [("insert", rollups.marks_name)] else _UNUSED
        actions = ", ".join(f"{action} on {name}" for action, name in lacking)
        remedy = f"Grant these actions to a role of this user. {_WITHOUT}"
        yield Finding("warning", _SUBJECT, f"{what}: it lacks {actions}", remedy)
    else:
        yield Finding("ok", "privileges", "may keep the rollups up to date")


def try_to_create(database: Database[dict[str, Any]], records: str) -> None:
    """Find out whether this user may create a collection, by one that is there.

    Raises:
        OperationFailure: This user may create no collection.
    """
    try:
        database.command({"create": records})
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise


def _creation(create: Callable[[], object]) -> Iterator[Finding]:
    """Yield whether this user may create the collections of the rollups."""
    if reason := refusal(create):
        text = f"their collections are not there, and this user may not create them: {reason}"
        remedy = "Let somebody who may run what `flask chest schema print` shows. "
        yield Finding("warning", _SUBJECT, text, f"{remedy}{_WITHOUT}")
    else:
        yield Finding(
            "ok", _SUBJECT, "their collections are not there yet: the leader creates them"
        )


def refusal(attempt: Callable[[], object]) -> str:
    """Return why this user may not do something; empty when it may."""
    try:
        attempt()
    except OperationFailure as error:
        if error.code == UNAUTHORIZED:
            return brief(error)
    return ""
