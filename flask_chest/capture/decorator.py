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
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask_chest.capture.track_rule import TrackRule

_ATTRIBUTE: Final = "__flask_chest_rules__"
"""On a view or blueprint: the rule of each `TrackDecorator`, so of each FlaskChest, that it has."""

_EXCLUDED: Final = "__flask_chest_excluded__"
"""On a view or blueprint: that its requests are not recorded."""

AnyView = TypeVar("AnyView", bound="Callable[..., Any] | Blueprint")
OnCall = Callable[["TrackRule"], None]


class Unserved:
    """The tracked functions that were called where no request is served."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, rule: TrackRule) -> None:
        """Say it once for each function. It may also be a unit test that calls a view.

        Args:
            rule: That of the function.
        """
        if rule.place not in self._said:
            self._said.add(rule.place)
            logger.warning(
                "%s is tracked, but was called without a request that is being served, and nothing "
                "is recorded. @chest.track is for views; put @chest.job on a command, a task or "
                "the handler of an event, or `with chest.record(...)` into it",
                rule.place,
            )


class TrackDecorator:
    """Attaches the rules of one FlaskChest to views and blueprints, and finds them again."""

    def __init__(self) -> None:
        self.unserved = Unserved()
        self.has_application = False
        """Whether the FlaskChest has one. The rules of one that has none, as a library may have it,
        hold in each application."""
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
            self._attach_to_blueprint(view, rule, on_call)
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
        rule = self._with_inner(view, rule).at(_place(view))
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
        setattr(wrapper, _ATTRIBUTE, {**getattr(view, _ATTRIBUTE, {}), self: rule})
        with contextlib.suppress(TypeError):  # a callable that cannot be referred to weakly
            self._undecorated[view] = rule
        return cast("AnyView", wrapper)

    def above_route(self, views: Mapping[str, Callable[..., Any]]) -> dict[str, TrackRule]:
        """Return the rules that stand above the route decorator, by endpoint.

        Such a view is registered undecorated, and its decorated form nowhere. Where both are
        registered, one URL is tracked and the other is not, as intended.
        """
        seen = {id(self.rule_of(view)) for view in views.values()}
        found: dict[str, TrackRule] = {}
        for endpoint, view in views.items():
            with contextlib.suppress(TypeError):  # not every callable can be hashed
                rule = self._undecorated.get(view)
                if rule is not None and id(rule) not in seen:
                    found[endpoint] = rule
        return found

    def rule_of(self, thing: object) -> TrackRule | None:
        """Return the rule that is attached to a function or blueprint itself, or None."""
        rules: Mapping[TrackDecorator, TrackRule] = getattr(thing, _ATTRIBUTE, {})
        if (rule := rules.get(self)) is not None:
            return rule
        return next((rules[other] for other in rules if not other.has_application), None)

    def view_rule(self, view: Callable[..., Any] | None, method: str) -> TrackRule | None:
        """Return the rule that is attached to a registered view function, or None.

        A class-based view has one as a whole, or at the method that serves `method`.
        """
        view_class = getattr(view, "view_class", None)
        handler = getattr(view_class, method.lower(), None)
        if handler is None and method == "HEAD":
            handler = getattr(view_class, "get", None)
        for function in (view, handler, getattr(view_class, "dispatch_request", None)):
            if (rule := self.rule_of(function)) is not None:
                return rule
        return None

    def _attach_to_blueprint(self, blueprint: Blueprint, rule: TrackRule, on_call: OnCall) -> None:
        rule = self._with_inner(blueprint, rule).at(f"the blueprint {blueprint.name!r}")
        try:
            blueprint.url_value_preprocessor(lambda _endpoint, _values: on_call(rule))
        except AssertionError as error:
            raise ConfigurationError(
                f"chest.track on {rule.place} comes too late: call it before register_blueprint"
            ) from error
        setattr(blueprint, _ATTRIBUTE, {**getattr(blueprint, _ATTRIBUTE, {}), self: rule})

    def _with_inner(self, view: object, rule: TrackRule) -> TrackRule:
        """Return a rule, joined with that of an inner `track` on the same view or blueprint.

        That of another FlaskChest is none of this one's. It may get its application only later.
        """
        inner: TrackRule | None = getattr(view, _ATTRIBUTE, {}).get(self)
        return rule if inner is None else rule.above(inner)


def exclude(view: AnyView) -> AnyView:
    """Mark a view or a blueprint as one whose requests are not recorded; return it."""
    setattr(view, _EXCLUDED, True)
    return view


def is_excluded(view: object) -> bool:
    """Return whether a view or a blueprint is marked so."""
    return getattr(view, _EXCLUDED, False) is True


def _place(view: Callable[..., Any]) -> str:
    inner = inspect.unwrap(view)
    name = f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', repr(inner))}"
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
