"""What `@chest.track` leaves behind: a mark on the view or blueprint, found by its endpoint."""

from __future__ import annotations

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from flask import Blueprint

from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.encode.patterns import Selection

_ATTRIBUTE: Final = "__flask_chest_mark__"

AnyView = TypeVar("AnyView", bound="Callable[..., Any] | Blueprint")


@dataclass(frozen=True)
class Wanted:
    """What one `track(...)` asks for.

    Attributes:
        selection: Which variables.
        generator: The route's own request-ID generator, or None.
        sample_rate: The route's own, from 0 to 1, or None.
    """

    selection: Selection
    generator: RequestIdGenerator | None = None
    sample_rate: float | None = None

    def joined(self, other: Wanted) -> Wanted:
        """Return what a `track` above another one asks for, whose own answers count more."""
        return Wanted(
            other.selection.joined(self.selection, setting="stacked @chest.track"),
            self.generator or other.generator,
            self.sample_rate if self.sample_rate is not None else other.sample_rate,
        )


class Mark:
    """What a tracked view or blueprint carries.

    Attributes:
        wanted: What is asked for.
        name: Module, function and line of the view, or the blueprint, for messages.
    """

    __slots__ = ("name", "wanted")

    def __init__(self, wanted: Wanted, name: str) -> None:
        self.wanted = wanted
        self.name = name


def _describe(view: Callable[..., Any]) -> str:
    inner = inspect.unwrap(view)
    name = f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', repr(inner))}"
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


class Marks:
    """Puts marks on views and finds them again."""

    def __init__(self) -> None:
        # The undecorated function to its mark: a route that holds the former although the latter
        # is nowhere to be seen was declared in the wrong order.
        self._undecorated: weakref.WeakKeyDictionary[Callable[..., Any], Mark] = (
            weakref.WeakKeyDictionary()
        )

    def put(self, view: AnyView, wanted: Wanted, on_call: Callable[[Mark], None]) -> AnyView:
        """Return `view` with a mark, its name, docstring and signature kept.

        Args:
            view: The function, sync or async; or a blueprint, which is marked itself.
            wanted: What is asked for.
            on_call: Called before the view, in case that a decorator hides the mark.

        Raises:
            ConfigurationError: `view` is a class, or no callable at all; or the blueprint has been
                registered already.
        """
        if isinstance(view, Blueprint):
            return self._put_on_blueprint(view, wanted, on_call)
        if isinstance(view, type):
            raise ConfigurationError(
                f"@chest.track on the class {view.__qualname__}: track its views with "
                "`decorators = [chest.track]` in the class, or decorate its methods"
            )
        if not callable(view):
            raise ConfigurationError(
                f"@chest.track on {view!r}, which is not a function: put it directly above "
                "the `def` of the view, or call it with a blueprint"
            )
        earlier: Mark | None = getattr(view, _ATTRIBUTE, None)
        if earlier is not None:  # one `track` above another asks for both
            wanted = wanted.joined(earlier.wanted)
        mark = Mark(wanted, _describe(view))
        wrapper: Callable[..., Any]

        if inspect.iscoroutinefunction(view):

            @functools.wraps(view)
            async def tracked_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                on_call(mark)
                return await view(*args, **kwargs)

            wrapper = tracked_async
        else:

            @functools.wraps(view)
            def tracked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                on_call(mark)
                return view(*args, **kwargs)

            wrapper = tracked
        setattr(wrapper, _ATTRIBUTE, mark)
        with contextlib.suppress(TypeError):  # a callable that cannot be referred to weakly
            self._undecorated[view] = mark
        return cast("AnyView", wrapper)

    @staticmethod
    def _put_on_blueprint(
        blueprint: AnyView, wanted: Wanted, on_call: Callable[[Mark], None]
    ) -> AnyView:
        assert isinstance(blueprint, Blueprint)  # noqa: S101 - for mypy
        earlier: Mark | None = getattr(blueprint, _ATTRIBUTE, None)
        if earlier is not None:
            wanted = wanted.joined(earlier.wanted)
        mark = Mark(wanted, f"the blueprint {blueprint.name!r}")
        try:
            blueprint.url_value_preprocessor(lambda _endpoint, _values: on_call(mark))
        except AssertionError as error:
            raise ConfigurationError(
                f"chest.track on {mark.name} comes too late: call it before register_blueprint"
            ) from error
        setattr(blueprint, _ATTRIBUTE, mark)
        return blueprint

    @staticmethod
    def of_blueprint(blueprint: object) -> Mark | None:
        """Return the mark of a blueprint itself, or None."""
        return getattr(blueprint, _ATTRIBUTE, None)

    @staticmethod
    def of_view(view: Callable[..., Any] | None, method: str) -> Mark | None:
        """Return the mark of a registered view function, or None.

        A class-based view is marked as a whole, or in the method that serves `method`.
        """
        if (mark := getattr(view, _ATTRIBUTE, None)) is not None:
            return cast("Mark", mark)
        view_class = getattr(view, "view_class", None)
        handler = getattr(view_class, method.lower(), None)
        if handler is None and method == "HEAD":
            handler = getattr(view_class, "get", None)
        for function in (handler, getattr(view_class, "dispatch_request", None)):
            if (mark := getattr(function, _ATTRIBUTE, None)) is not None:
                return cast("Mark", mark)
        return None

    def above_route(self, views: Mapping[str, Callable[..., Any]]) -> dict[str, Mark]:
        """Return the marks that stand above the route decorator, by endpoint.

        Such a view is registered undecorated, and its tracked form nowhere. Where both are
        registered, somebody wants one URL tracked and the other not.
        """
        seen = {id(getattr(view, _ATTRIBUTE, None)) for view in views.values()}
        found: dict[str, Mark] = {}
        for endpoint, view in views.items():
            with contextlib.suppress(TypeError):  # not every callable can be hashed
                mark = self._undecorated.get(view)
                if mark is not None and id(mark) not in seen:
                    found[endpoint] = mark
        return found
