"""A route as a declaration: all that is to be said about it, once.

Validation, authentication, limits, the deadline, the OpenAPI description and the documentation follow from
the value; :mod:`alphapy.web.routing.mount` interprets it. A handler is thin: it asks an actor or reads rows,
and answers. Adding a route is adding a value to a module's ``routes`` function.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from alphapy.pure.http_limits import LimitClass, limit_class
from alphapy.pure.ids import GuildId
from alphapy.web.auth.caller import Access, Caller
from alphapy.web.routing.work import Work

DEADLINE: Final = 10.0
"""Seconds that a handler may take (spec/api.md 7.1)."""

JSON: Final = "application/json"
_PARAM: Final = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<kind>path))?\}")


@attrs.frozen(kw_only=True)
class Call:
    """One request that was let in and understood."""

    caller: Caller
    params: Mapping[str, Any]
    """The parameters of the path, structured as the route declares them."""
    query: Any
    """An instance of the route's ``query``; None where it has none."""
    body: Any
    """An instance of the route's ``body``; None where it has none."""
    guild_id: GuildId | None
    """The guild of the path (or of the query, see :attr:`Route.guild`)."""
    request_id: str
    raw: bytes
    """The bytes of the body."""
    work: Work
    """For a handler that writes rows itself."""

    @property
    def guild(self) -> GuildId:
        """The guild of a route that has one."""
        assert self.guild_id is not None, "the route declares no guild"  # noqa: S101 - a mistake of ours
        return self.guild_id


@attrs.frozen(kw_only=True)
class Reply:
    """An answer. ``body`` is of the route's ``answer`` type, or bytes of its ``media`` type."""

    body: Any
    status: int | None = None
    """None: the route's own."""
    headers: Mapping[str, str] = attrs.field(factory=dict)


Handler = Callable[[Call], Awaitable[Reply]]


@attrs.frozen(kw_only=True)
class Route:
    """One address and method."""

    method: str
    path: str
    """With parameters in braces: ``/api/dashboard/{guild_id}/settings/history``. ``{name:path}`` takes
    slashes, too.
    """
    handler: Handler
    access: Access
    summary: str
    """One short line for the documentation."""
    tag: str
    """The chapter of the documentation."""
    description: str = ""
    params: Mapping[str, Any] = attrs.field(factory=dict)
    """The types of the path's parameters; text where nothing is said."""
    query: type | None = None
    """An attrs class, of which each field is a parameter."""
    body: type | None = None
    """An attrs class for the JSON of the body; None: a body is not looked at."""
    answer: Any = None
    """The type of the answer; None: any JSON."""
    status: int = 200
    statuses: Mapping[int, Any] = attrs.field(factory=dict)
    """Further statuses that are no errors, and the types of their answers."""
    media: str = JSON
    errors: tuple[str, ...] = ()
    """Codes (spec/api.md, table 9) beyond those that follow from the rest of the declaration."""
    guild: str = "guild_id"
    """The parameter of the path, or else of the query, that names the guild."""
    deadline: float = DEADLINE
    idempotency: str | None = None
    """The namespace of ``Idempotency-Key`` (spec/api.md 7.5), where that is understood."""
    secrets: tuple[str, ...] = ()
    """The variables of a webhook's secret; the first that is set counts."""
    signature_headers: tuple[str, ...] = ("X-Webhook-Signature",)
    """Where a webhook's signature is; the first that is present counts."""

    @property
    def endpoint(self) -> str:
        """The name of the route within the application."""
        return f"{self.method} {self.path}"

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of the path."""
        return tuple(found["name"] for found in _PARAM.finditer(self.path))

    @property
    def plain_path(self) -> str:
        """The path as OpenAPI writes it."""
        return _PARAM.sub(r"{\g<name>}", self.path)

    @property
    def rule(self) -> str:
        """The path as Quart writes it."""
        return _PARAM.sub(lambda found: f"<{found['kind'] or 'string'}:{found['name']}>", self.path)

    @property
    def limit(self) -> LimitClass:
        """What bounds how often it is called (spec/api.md 7.4)."""
        return limit_class(self.method, self.plain_path)
