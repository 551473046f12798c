"""The decorator `@chest.track`: attaches its rule to a view or blueprint, and finds it again."""

from __future__ import annotations

import contextlib
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from flask import Blueprint

from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask_chest.capture.track_rule import TrackRule

_ATTRIBUTE: Final = "__flask_chest_rule__"

AnyView = TypeVar("AnyView", bound="Callable[..., Any] | Blueprint")
OnCall = Callable[["TrackRule"], None]


class TrackDecorator:
    """Attaches rules to views and blueprints."""

    def __init__(self) -> None:
        # The undecorated function to its rule. A route that has the function, while no route has
        # the decorated one, was declared in the wrong order.
        self._undecorated: weakref.WeakKeyDictionary[Callable[..., Any], TrackRule] = (
            weakref.WeakKeyDictionary()
        )

    def attach(self, view: AnyView, rule: TrackRule, on_call: OnCall) -> AnyView:
        """Return `view` with a rule attached; its name, docstring and signature are kept.

        Args:
            view: The function, sync or async; or a blueprint, which is returned itself.
            rule: What is asked for.
            on_call: Called with the rule before the view runs, in case that another decorator
                hides the rule.

        Raises:
            ConfigurationError: `view` is a class, or no callable at all; or the blueprint has been
                registered already.
        """
        if isinstance(view, Blueprint):
            _attach_to_blueprint(view, rule, on_call)
            return view
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
        rule = _with_inner(view, rule).at(_place(view))
        wrapper: Callable[..., Any]

        if inspect.iscoroutinefunction(view):

            @functools.wraps(view)
            async def tracked_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                on_call(rule)
                return await view(*args, **kwargs)

            wrapper = tracked_async
        else:

            @functools.wraps(view)
            def tracked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                on_call(rule)
                return view(*args, **kwargs)

            wrapper = tracked
        setattr(wrapper, _ATTRIBUTE, rule)
        with contextlib.suppress(TypeError):  # a callable that cannot be referred to weakly
            self._undecorated[view] = rule
        return cast("AnyView", wrapper)

    def above_route(self, views: Mapping[str, Callable[..., Any]]) -> dict[str, TrackRule]:
        """Return the rules that stand above the route decorator, by endpoint.

        Such a view is registered undecorated, and its decorated form nowhere. Where both are
        registered, one URL is tracked and the other is not, as intended.
        """
        seen = {id(getattr(view, _ATTRIBUTE, None)) for view in views.values()}
        found: dict[str, TrackRule] = {}
        for endpoint, view in views.items():
            with contextlib.suppress(TypeError):  # not every callable can be hashed
                rule = self._undecorated.get(view)
                if rule is not None and id(rule) not in seen:
                    found[endpoint] = rule
        return found


def blueprint_rule(blueprint: object) -> TrackRule | None:
    """Return the rule that is attached to a blueprint itself, or None."""
    return getattr(blueprint, _ATTRIBUTE, None)


def view_rule(view: Callable[..., Any] | None, method: str) -> TrackRule | None:
    """Return the rule that is attached to a registered view function, or None.

    A class-based view has one as a whole, or at the method that serves `method`.
    """
    view_class = getattr(view, "view_class", None)
    handler = getattr(view_class, method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(view_class, "get", None)
    for function in (view, handler, getattr(view_class, "dispatch_request", None)):
        if (rule := getattr(function, _ATTRIBUTE, None)) is not None:
            return cast("TrackRule", rule)
    return None


def _attach_to_blueprint(blueprint: Blueprint, rule: TrackRule, on_call: OnCall) -> None:
    rule = _with_inner(blueprint, rule).at(f"the blueprint {blueprint.name!r}")
    try:
        blueprint.url_value_preprocessor(lambda _endpoint, _values: on_call(rule))
    except AssertionError as error:
        raise ConfigurationError(
            f"chest.track on {rule.place} comes too late: call it before register_blueprint"
        ) from error
    setattr(blueprint, _ATTRIBUTE, rule)


def _with_inner(view: object, rule: TrackRule) -> TrackRule:
    """Return a rule, joined with that of an inner `@chest.track` on the same view or blueprint."""
    inner: TrackRule | None = getattr(view, _ATTRIBUTE, None)
    return rule if inner is None else rule.above(inner)


def _place(view: Callable[..., Any]) -> str:
    inner = inspect.unwrap(view)
    name = f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', repr(inner))}"
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
