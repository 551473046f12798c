"""What one `@chest.track` asks for: variables by HTTP method, a request-ID generator, a rate."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flask_chest.capture.generators import generator
from flask_chest.encode.patterns import HTTP_METHODS, NOTHING, Patterns
from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask_chest.capture.generators import GivenGenerator, RequestIdGenerator

MethodPatterns: TypeAlias = Mapping[str, Iterable[str]]

_STACKED: Final = "stacked @chest.track"


@dataclass(frozen=True, eq=False, slots=True)
class TrackRule:
    """What one `@chest.track`, or the setting CHEST_VARIABLES, asks for.

    Attributes:
        by_method: Which variables, for each HTTP method that has a list of its own.
        other_methods: Which variables, for all other methods.
        generator: The route's own request-ID generator, or None.
        sample_rate: The route's own, from 0 to 1, or None.
        place: Module, function and line of the view, or the blueprint, for messages.
    """

    by_method: Mapping[str, Patterns]
    other_methods: Patterns
    generator: RequestIdGenerator | None = None
    sample_rate: float | None = None
    place: str = ""

    @classmethod
    def parse(
        cls,
        variables: Iterable[str] | MethodPatterns,
        *,
        setting: str,
        generator: RequestIdGenerator | None = None,
        sample_rate: float | None = None,
    ) -> TrackRule:
        """Return the rule that a user has written.

        Args:
            variables: One list for all HTTP methods, or a mapping of method to list. A method that
                the mapping leaves out records no variables. HEAD follows GET, whose view it runs.
            setting: Where it is written, for errors.
            generator: The route's own request-ID generator, or None.
            sample_rate: The route's own, from 0 to 1, or None.

        Raises:
            ConfigurationError: A pattern cannot match, or a method is unknown.
        """
        if isinstance(variables, Mapping):
            return cls(_by_method(variables, setting), NOTHING, generator, sample_rate)
        return cls({}, Patterns(variables, setting=setting), generator, sample_rate)

    def patterns(self, method: str) -> Patterns:
        """Return which variables are taken from a request with the HTTP method `method`."""
        return self.by_method.get(method, self.other_methods)

    def at(self, place: str) -> TrackRule:
        """Return the same rule, with the place where it stands."""
        return dataclasses.replace(self, place=place)

    def above(self, inner: TrackRule) -> TrackRule:
        """Return the rule of a view that has this `@chest.track` above `inner`.

        It takes what either takes and neither excludes. For all else, this one takes precedence.

        Raises:
            ConfigurationError: One excludes all that the other includes.
        """
        return TrackRule(
            {
                method: inner.patterns(method).joined(
                    self.patterns(method), setting=f"{_STACKED}[{method!r}]"
                )
                for method in (*inner.by_method, *self.by_method)
            },
            inner.other_methods.joined(self.other_methods, setting=_STACKED),
            self.generator or inner.generator,
            self.sample_rate if self.sample_rate is not None else inner.sample_rate,
        )


def _by_method(variables: MethodPatterns, setting: str) -> dict[str, Patterns]:
    found: dict[str, Patterns] = {}
    for key, names in variables.items():
        method = key.upper() if isinstance(key, str) else str(key)
        if method not in HTTP_METHODS:
            near = difflib.get_close_matches(method, HTTP_METHODS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {sorted(HTTP_METHODS)}"
            raise ConfigurationError(
                f"{setting}: {key!r} is not an HTTP method. {hint}", setting=setting
            )
        if method in found:
            raise ConfigurationError(
                f"{setting}: {method!r} is there twice, in upper and in lower case. "
                "Make one list of the two",
                setting=setting,
            )
        found[method] = Patterns(names, setting=f"{setting}[{method!r}]")
    if "GET" in found:
        found.setdefault("HEAD", found["GET"])
    return found


def decorator_rule(
    decorator: str,
    variables: tuple[Any, ...],
    request_id: GivenGenerator | str | None,
    sample_rate: float | None,
) -> TrackRule:
    """Return the rule that the arguments of a decorator make.

    Args:
        decorator: ``track``, or ``job``, which has no HTTP method.
        variables: Nothing means every public variable.
        request_id: The route's own generator, its name or its path; None for none.
        sample_rate: The route's own, from 0 to 1, or None.

    Raises:
        ConfigurationError: One of them is wrong.
    """
    setting = f"{decorator}({', '.join(map(repr, variables))})"
    is_by_method = (
        decorator == "track" and len(variables) == 1 and isinstance(variables[0], Mapping)
    )
    if not is_by_method and not all(isinstance(variable, str) for variable in variables):
        raise ConfigurationError(
            f"{setting}: give names as separate strings"
            + (", or one dict of HTTP method to names" if decorator == "track" else "")
        )
    if sample_rate is not None and not (
        isinstance(sample_rate, (int, float)) and 0 <= sample_rate <= 1
    ):
        raise ConfigurationError(f"{setting}: sample_rate={sample_rate!r} is not from 0 to 1")
    return TrackRule.parse(
        variables[0] if is_by_method else variables or ("*",),
        setting=setting,
        generator=(None if request_id is None else generator(request_id, f"{setting}: request_id")),
        sample_rate=sample_rate,
    )
