"""Indexes of the variables that CHEST_INDEXED_VARIABLES names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

import pymongo
from pymongo.errors import OperationFailure

from flask_chest import query
from flask_chest.query.nodes import Variable
from flask_chest_mongo import operands
from flask_chest_mongo.ddl import HARMLESS, INDEXES

if TYPE_CHECKING:
    from pymongo.collection import Collection as MongoCollection

_MARK: Final = "chest_v_"
"""What the names of these indexes begin with, and of no other."""

_NOT_FOUND: Final = 27
_LONGEST_SECONDS: Final = 86_400.0
"""For one index. The server takes writes meanwhile."""

NO_PATH: Final = "MongoDB indexes no name that is empty, has a dot, or begins with $"


class VariableIndexes:
    """What indexes there are to be, and what has to be done.

    Args:
        variables: As filters name them.
    """

    def __init__(self, variables: Collection[str]) -> None:
        self._wanted: dict[str, str] = {}
        self.impossible: list[str] = []
        for text in variables:
            for path in query.variable_paths([text]):
                found = operands.path(Variable(path))
                if found is None:
                    self.impossible.append(text)
                else:
                    self._wanted[_MARK + found.removeprefix("variables.")] = found

    def specifications(self) -> Iterator[dict[str, Any]]:
        """Yield the indexes, in the form of `createIndexes`."""
        for name, path in self._wanted.items():
            yield {"key": _keys(path), "name": name}

    def missing(self, there: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of `specifications` that no index serves.

        Args:
            there: The indexes by name.
        """
        return [
            index
            for index in self.specifications()
            if not any(_serves(other, index["key"]) for other in there.values())
        ]

    def superfluous(self, there: dict[str, dict[str, Any]]) -> list[str]:
        """Return the names of ours that are no longer wanted, or were changed."""
        return [
            name
            for name, index in there.items()
            if is_ours(name)
            and not (name in self._wanted and _serves(index, _keys(self._wanted[name])))
        ]

    def apply(self, records: MongoCollection[dict[str, Any]]) -> list[str]:
        """Create what is missing and drop what is superfluous, one after the other.

        Returns:
            What was done, one sentence each.

        Raises:
            PyMongoError: The server refuses it.
        """
        done = []
        # The server has to be waited for, however many records there are.
        with pymongo.timeout(_LONGEST_SECONDS):
            there = _indexes(records)
            for name in self.superfluous(there):
                _drop(records, name)
                del there[name]
                done.append(f"Dropped the index {name}, which is not wanted any more")
            for index in self.missing(there):
                records.create_index(list(index["key"].items()), name=index["name"])
                done.append(f"Created the index {index['name']}")
        done += [f"The variable {text} has no index: {NO_PATH}" for text in self.impossible]
        return done


def is_ours(name: str) -> bool:
    """Return whether an index was made here, by its name."""
    return name.startswith(_MARK)


def _indexes(records: MongoCollection[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(index) for name, index in records.index_information().items()}


def _keys(path: str) -> dict[str, int]:
    """Return the keys of an index: with all of the order in which records are asked for."""
    return {path: 1, **INDEXES["chest_started_at"]}


def _serves(index: dict[str, Any], keys: dict[str, int]) -> bool:
    return list(index["key"]) == list(keys.items()) and index.keys() <= HARMLESS - {"unique"}


def _drop(records: MongoCollection[dict[str, Any]], name: str) -> None:
    try:
        records.drop_index(name)
    except OperationFailure as error:
        if error.code != _NOT_FOUND:  # another host was faster
            raise
