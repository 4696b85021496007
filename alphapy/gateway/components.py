"""Declaring what answers buttons, selects and modals, found by the custom_id that carries their state.

Nothing is remembered between posting a button and its press: a button posted before a restart works after
it. Patterns are explained in :mod:`alphapy.gateway.custom_id`; new ones have the form
``v1:<feature>:<action>:<args>``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs
from typing_extensions import override

from alphapy.gateway.commands import Access, Cooldown, Handler
from alphapy.gateway.custom_id import IdPattern, PatternError, Values

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ComponentRoute", "IdPattern", "ModalRoute", "PatternError", "RouteConflict", "RouteTable"]


def _pattern(pattern: str | IdPattern) -> IdPattern:
    return pattern if isinstance(pattern, IdPattern) else IdPattern(pattern)


@attrs.frozen(kw_only=True)
class _Route:
    """What buttons, selects and modals have in common.

    ``access``, ``guild_only``, ``gated_by`` and ``cooldown`` mean the same as for commands and are checked on
    every press. ``only_for`` names the placeholder with the id of the one user who may press; ``expires`` the
    one with the second since the epoch after which the message is edited to say that it has expired.
    ``ephemeral`` is whether replies are for the presser alone. ``updates``: where the handler takes its time,
    the framework promises an update of the message; otherwise it promises a reply. ``changes`` means the same
    as for commands.
    """

    pattern: IdPattern = attrs.field(converter=_pattern)
    handler: Handler
    access: Access = Access.EVERYONE
    guild_only: bool = False
    gated_by: str | None = None
    cooldown: Cooldown | None = None
    only_for: str | None = None
    expires: str | None = None
    ephemeral: bool = True
    updates: bool = True
    changes: bool = True

    def __attrs_post_init__(self) -> None:
        for name in (self.only_for, self.expires):
            if name is not None and name not in self.pattern.names:
                raise PatternError(self.pattern.pattern, f"it has no placeholder {name!r}")

    def custom_id(self, **values: int | str) -> str:
        """An id that comes back here with these values; raises PatternError where they do not fit."""
        return self.pattern.build(**values)


@attrs.frozen(kw_only=True)
class ComponentRoute(_Route):
    """What happens when a button is pressed or a select is used.

    ``opens_modal``: the handler may answer with a modal, so the framework defers later.
    """

    opens_modal: bool = False


@attrs.frozen(kw_only=True)
class ModalRoute(_Route):
    """What happens when a modal is submitted. Its texts are in ``invocation.fields``."""

    updates: bool = False


@attrs.frozen
class RouteConflict(Exception):
    """Two patterns that could match the same custom_id. A programming error, found at the start."""

    first: str
    second: str

    @override
    def __str__(self) -> str:
        return f"custom_id patterns {self.first!r} and {self.second!r} could match the same id"


RouteT = TypeVar("RouteT", bound=_Route)


class RouteTable(Generic[RouteT]):
    """The routes of one kind. Raises RouteConflict when two of them overlap."""

    def __init__(self, routes: Iterable[RouteT]) -> None:
        self._routes = tuple(routes)
        for first, second in itertools.combinations(self._routes, 2):
            if first.pattern.overlaps(second.pattern):
                raise RouteConflict(first.pattern.pattern, second.pattern.pattern)

    def match(self, custom_id: str) -> tuple[RouteT, Values] | None:
        """The route of this id and the values in it; None for an id that nobody knows."""
        for route in self._routes:
            values = route.pattern.parse(custom_id)
            if values is not None:
                return route, values
        return None
