"""A `flask.g` that keeps its variables in slots, because the application gave it such a class."""

from __future__ import annotations

from typing import Any


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots of an `app_ctx_globals_class` that hold variables.

    Flask's own class has none: it keeps all variables in `__dict__`.
    """
    found: list[str] = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else tuple(slots)
        found += [name for name in names if not name.startswith("__")]
    return tuple(dict.fromkeys(found))


class SlottedGlobals:
    """Shows the variables of a `flask.g` with slots as those of any other.

    Args:
        variables: The object that `flask.g` stands for.
        slots: Names of its slots.
    """

    def __init__(self, variables: object, slots: tuple[str, ...]) -> None:
        self.variables = variables
        self._slots = slots

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override] # read as an attribute alone
        variables = self.variables
        set_slots = {
            name: getattr(variables, name) for name in self._slots if hasattr(variables, name)
        }
        return {**set_slots, **getattr(variables, "__dict__", {})}


def is_shown(shown: object, variables: object) -> bool:
    """Return whether `shown` is a `flask.g`, or shows its variables."""
    return (shown.variables if isinstance(shown, SlottedGlobals) else shown) is variables
