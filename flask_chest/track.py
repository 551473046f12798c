"""What `@chest.track` leaves behind: a mark on the view, found again by its endpoint."""

from __future__ import annotations

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from flask_chest.errors import ConfigurationError
from flask_chest.filter import Selection

if TYPE_CHECKING:
    from flask_chest.request_id import RequestIdGenerator

_ATTRIBUTE: Final = "__flask_chest_mark__"

AnyView = TypeVar("AnyView", bound=Callable[..., Any])


class Mark:
    """What one `track(...)` asks for.

    Attributes:
        selection: Which variables.
        generator: The route's own request-ID generator, or None.
        name: Module, function and line of the view, for messages.
    """

    __slots__ = ("generator", "name", "selection")

    def __init__(
        self, selection: Selection, generator: RequestIdGenerator | None, view: Callable[..., Any]
    ) -> None:
        self.selection = selection
        self.generator = generator
        self.name = _describe(view)


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

    def put(
        self,
        view: AnyView,
        selection: Selection,
        generator: RequestIdGenerator | None,
        on_call: Callable[[Mark], None],
    ) -> AnyView:
        """Return `view` with a mark, its name, docstring and signature kept.

        Args:
            view: The function, sync or async.
            selection: Which variables.
            generator: The route's own request-ID generator, or None.
            on_call: Called before the view, in case that a decorator hides the mark.

        Raises:
            ConfigurationError: `view` is a class, or no callable at all.
        """
        if isinstance(view, type):
            raise ConfigurationError(
                f"@chest.track on the class {view.__qualname__}: track its views with "
                "`decorators = [chest.track]` in the class, or decorate its methods"
            )
        if not callable(view):
            raise ConfigurationError(
                f"@chest.track on {view!r}, which is not a function: put it directly above "
                "the `def` of the view"
            )
        earlier: Mark | None = getattr(view, _ATTRIBUTE, None)
        if earlier is not None:  # one `track` above another asks for both
            selection = earlier.selection.joined(selection, setting="stacked @chest.track")
            generator = generator or earlier.generator
        mark = Mark(selection, generator, view)
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
