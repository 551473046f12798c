"""Put the home folder where a path of an exporter begins with `~`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel


def in_home(fields: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of an entry, with `~` expanded in each that its model has as a `Path`.

    What begins with the name of nobody, as in ``~nobody/x``, is left as it is.
    """
    found = dict(fields)
    for name, field in model.model_fields.items():
        given = found.get(name)
        is_path = Path in (field.annotation, *get_args(field.annotation))
        if is_path and isinstance(given, (str, Path)):
            found[name] = os.path.expanduser(str(given))  # noqa: PTH111 - raises nothing
    return found
