"""Which of MongoDB's error codes mean that a document is at fault."""

from __future__ import annotations

from typing import Final

DUPLICATE: Final = 11000
"""DuplicateKey. On `_id` it is no error: the record is there already.

On another index, which is not ours, it is no fault of the record: all such records would be lost.
"""

TOO_LARGE: Final = 10334
"""BSONObjectTooLarge."""

OF_DOCUMENTS: Final = {
    2: "BadValue: what the server refuses in a document before it stores it",
    15: "Overflow: more levels of nesting than the server stores",
    22: "InvalidBSON",
    52: "DollarPrefixedFieldName",
    53: "InvalidIdField",
    54: "NotSingleValueField: a list where the shard key wants one value",
    55: "InvalidDBRef",
    56: "EmptyFieldName",
    57: "DottedFieldName",
    61: "ShardKeyNotFound: the document has no value for the shard key",
    116: "DocTooLargeForCapped",
    121: "DocumentValidationFailure",
    171: "CannotIndexParallelArrays",
    201: "CannotBuildIndexKeys",
    357: "InvalidBSONType",
    378: "NonConformantBSON",
    TOO_LARGE: "BSONObjectTooLarge",
    17280: "KeyTooLong",
    # An index of another program that cannot take this document: of text, ...
    16675: "a word of a text index",
    16732: "the keys of a text index",
    16733: "the keys of a text index",
    17261: "the language of a text index is no text",
    17262: "the language of a text index is unknown",
    # ... hashed, ...
    16766: "a list in a hashed index",
    # ... of places.
    13026: "a point outside of a 2d index",
    13027: "a point outside of a 2d index",
    13067: "no location for a 2d index",
    13068: "no location for a 2d index",
    16755: "no geometry for a 2dsphere index",
    16756: "no geometry for a 2dsphere index",
    16804: "no location for a 2d index",
}
"""Codes of a fault in one document, for which it is rejected. Everything else is retried.

A rejected record is dead-lettered, and a person has to fetch it back. A record that waits is
delivered by itself once the server can take it. So a code is here only when it cannot mean a state
of the server, and an unknown code is retried.

Checked code by code against these files of the server's branch master:

- The names are those of
  https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml. Its categories
  Interruption (11601 Interrupted, 46841 ClientMarkedKilled, ...), NotPrimaryError, ShutdownError,
  RetriableError, SnapshotError, StaleShardVersionError, NetworkError, ExceededTimeLimitError and
  SystemOverloadedError are states of the server. So are 12586 and 12587
  (BackgroundOperationInProgressFor...), 14031 (OutOfDiskSpace), 112 (WriteConflict) and 371
  (UserWritesBlocked). The category ValidationError is 15, 22 and 378.
- 2 and 15 are what `fixDocumentForInsert` returns, in `src/mongo/db/ops/insert.cpp`.
- 171, 201, 17280 and the codes without a name are the list of document faults in
  `IndexAccessMethod::getKeys`, in `src/mongo/db/index/index_access_method.cpp` up to version 4.4.
"""

OF_A_MESSAGE: Final = frozenset({15, 22, 357, 378, TOO_LARGE})
"""Those for which the server refuses the whole message, before it looks at the command."""
