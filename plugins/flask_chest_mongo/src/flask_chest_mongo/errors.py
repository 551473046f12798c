"""What PyMongo's errors mean for delivery, and their remedies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pymongo.errors import (
    ConfigurationError as DriverConfigurationError,
)
from pymongo.errors import (
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
)
from pymongo.topology_description import TopologyDescription

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    ended,
)
from flask_chest_mongo.codes import DUPLICATE, OF_A_MESSAGE, OF_DOCUMENTS, TOO_LARGE
from flask_chest_mongo.encode import MAX_DOCUMENT_BYTES

_MAX_LENGTH: Final = 300
_LIMIT: Final = f"a document may have {MAX_DOCUMENT_BYTES:,} bytes as BSON"

UNAUTHORIZED: Final = 13

_PASSWORD: Final = "Correct the user, the password or `auth_source`"  # noqa: S105 - a remedy
_INDEX: Final = "Drop that index, or give Flask-Chest another database"
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_REMEDIES: Final = {
    UNAUTHORIZED: "Name a `user` that has the role readWrite on the database",
    18: _PASSWORD,
    85: _INDEX,
    86: _INDEX,
    8000: _PASSWORD,  # Atlas has a code of its own
}

_TEXTS: Final = (
    (NotPrimaryError, ": the server is not the primary any more"),
    ((NetworkTimeout, ExecutionTimeout), ": no answer within `timeout_seconds`"),
    (InvalidOperation, " is not open"),  # another thread has closed it
)

_TLS_REMEDIES: Final = (
    (
        r"certificate verify failed",
        "`tls_ca_file` names the authority that signed its certificate, `host` the name in it",
    ),
    (
        r"SSL handshake|\[SSL|_ssl\.c",
        "It may offer no TLS, or want a certificate of yours (`tls_certificate_key_file`)",
    ),
)


def explain(
    location: str, error: Exception, topology: TopologyDescription | None = None
) -> ChestError:
    """Return what an error means: unavailable or misconfigured.

    Args:
        location: Where the database is, for the message.
        error: What PyMongo raised.
        topology: State of the servers, for the case that none could be found.
    """
    if isinstance(error, ServerSelectionTimeoutError) and topology is not None:
        return _no_server(location, error, topology)
    if isinstance(error, OperationFailure) and not isinstance(error, ExecutionTimeout):
        return _failed(f"{location}: {brief(error)}", error.code)
    if isinstance(error, DriverConfigurationError) and "wire version" in str(error):
        return too_old(location)
    for kind, text in _TEXTS:
        if isinstance(error, kind):
            return ExporterUnavailable(f"{location}{text}")
    return ExporterUnavailable(f"{location}: {brief(error)}")


def too_large(location: str) -> BatchRejected:
    """Return the error for a record that exceeds the limit of a document."""
    return BatchRejected(f"{location}: a record is too large: {_LIMIT}")


def too_old(location: str) -> ConfigurationError:
    """Return the error for a server that is too old."""
    return ConfigurationError(f"{location} is older than MongoDB 5.0. Upgrade the server")


def read_only(location: str) -> ConfigurationError:
    """Return the error for a server that takes no writes."""
    return ConfigurationError(
        f"{location} is a secondary, which is read-only. Name the primary, or leave out "
        "`direct_connection`, so that PyMongo finds the primary"
    )


def explain_reply(location: str, reply: Mapping[str, Any]) -> ChestError | None:
    """Return the error of an insert that was carried out; None when there is none.

    A record that is there already is no error.
    """
    for fault in reply.get("writeErrors", ()):
        if fault["code"] == DUPLICATE:
            if list(fault.get("keyPattern", ())) == ["_id"]:
                continue
            return _not_unique(location, fault)
        return _of_document(f"{location}: {_shortened(fault['errmsg'])}", fault["code"])
    if fault := reply.get("writeConcernError"):
        return ExporterUnavailable(
            f"{location}: the majority of the servers has not confirmed the batch: "
            f"{_shortened(fault['errmsg'])}"
        )
    return None


def explain_refusal(location: str, error: OperationFailure) -> ChestError | None:
    """Return the error of an insert whose documents the server could not even read.

    None when the error is about anything else.
    """
    if error.code not in OF_A_MESSAGE:
        return None
    return _of_document(f"{location}: {brief(error)}", error.code)


def brief(error: Exception) -> str:
    """Return the message of an error, without the state of the whole topology."""
    if isinstance(error, OperationFailure) and error.details:
        return _shortened(str(error.details.get("errmsg", error)))
    return _shortened(str(error))


def _shortened(text: str) -> str:
    text = re.split(r" \(configured timeouts|, full error: |, Timeout: ", text)[0]
    text = " ".join(text.split())
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


def _failed(message: str, code: int | None) -> ChestError:
    if code in _REMEDIES:
        return ConfigurationError(f"{ended(message)} {_REMEDIES[code]}")
    return ExporterUnavailable(message)


def _of_document(message: str, code: int) -> ChestError:
    if code == TOO_LARGE:
        return BatchRejected(f"{ended(message)} {_LIMIT}")
    return BatchRejected(message) if code in OF_DOCUMENTS else _failed(message, code)


def _not_unique(location: str, fault: Mapping[str, Any]) -> ExporterUnavailable:
    """Return the error for an index of others that two records cannot be in. No value is said."""
    named = re.search(r" index: (\S+) ", fault["errmsg"])
    index = named[1] if named else "of " + ", ".join(fault.get("keyPattern", {"others": 1}))
    return ExporterUnavailable(
        f"{location}: the index {index} is unique, and two records have the same values in it. "
        "Drop it, or create it again without `unique`: the records wait until then"
    )


def _no_server(location: str, error: Exception, topology: TopologyDescription) -> ChestError:
    servers = topology.server_descriptions().values()
    faults = [server.error for server in servers if server.error is not None]
    reasons = "; ".join(dict.fromkeys(map(brief, faults))) or brief(error)
    if not faults and "primary" in reasons.lower():
        reasons = "none of its servers is the primary now"
    message = f"{location}: {reasons}"
    # PyMongo forgets a server of another replica set, or keeps this kind of error for it.
    if not servers or any(isinstance(fault, DriverConfigurationError) for fault in faults):
        return ConfigurationError(f"{ended(message)} Correct `replica_set`")
    for pattern, remedy in _TLS_REMEDIES:
        if re.search(pattern, reasons):
            return ConfigurationError(f"{ended(message)} {remedy}")
    if re.search(r"reset by peer|connection closed", reasons):
        message += ". It may demand TLS (`tls`), or want a certificate of yours"
    return ExporterUnavailable(message)
