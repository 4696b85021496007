"""Puts declared routes into the application: each request is let in, understood, handled and answered.

The order: the path (422), who calls (401, 403), the query and the body (422), the handler. Limits have been
looked at before any of it. When it fails: every refusal is an :class:`~alphapy.web.errors.ApiError`, and what
nobody foresaw ends in :mod:`alphapy.web.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
from quart import Response, request

from alphapy.pure.ids import GuildId, parse_snowflake
from alphapy.web.encoding import query_text
from alphapy.web.errors import invalid, request_id
from alphapy.web.routing.render import render
from alphapy.web.routing.route import JSON, Call, Reply, Route
from alphapy.web.routing.structure import structure_body, structure_path, structure_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from quart_trio import QuartTrio

    from alphapy.web.auth.caller import Access, Caller


class Credentials(Protocol):
    """What a request says of who sends it."""

    @property
    def peer(self) -> str:
        """The address of the socket."""
        ...

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name."""
        ...


class Identifies(Protocol):
    """Tells who calls."""

    async def identify(self, request: Credentials, access: Access, guild_id: GuildId | None) -> Caller:
        """Whoever sends the request, if the class lets them in; raises ApiError if not."""
        ...


class Sender:
    """The credentials of the request at hand."""

    @property
    def peer(self) -> str:
        """The address of the socket."""
        client = request.scope.get("client")
        return client[0] if client else ""

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name."""
        return request.headers.get(name)


def mount(app: QuartTrio, routes: Iterable[Route], doorkeeper: Identifies) -> None:
    """Serve these routes."""
    for route in routes:
        app.add_url_rule(
            route.rule,
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route, doorkeeper),
            methods=[route.method],
        )


def _view(route: Route, doorkeeper: Identifies) -> Callable[..., Awaitable[Response]]:
    async def view(**params: str) -> Response:
        return answer(route, await route.handler(await receive(route, doorkeeper, params)))

    return view


async def receive(route: Route, doorkeeper: Identifies, params: Mapping[str, str]) -> Call:
    """The request at hand as a call of a route; raises ApiError where it is none."""
    found = structure_path(params, route.params)
    guild_id = _guild(route, found)
    caller = await doorkeeper.identify(Sender(), route.access, guild_id)
    raw = await request.data
    return Call(
        caller=caller,
        params=found,
        query=None if route.query is None else structure_query(_query(), route.query),
        body=None if route.body is None else structure_body(raw, route.body),
        guild_id=guild_id,
        request_id=request_id(),
        raw=raw,
    )


def answer(route: Route, reply: Reply) -> Response:
    """What a handler answered, as the response."""
    status = reply.status or route.status
    if route.media != JSON:
        return Response(reply.body, status, dict(reply.headers), content_type=route.media)
    kind = route.answer if status == route.status else route.statuses.get(status)
    body = render(reply.body, kind, ids_as_text=query_text("ids") == "string")
    return Response(body, status, dict(reply.headers), content_type=JSON)


def _query() -> dict[str, str]:
    """The parameters of the query; of several of a name, the last."""
    return {name: values[-1] for name, values in request.args.to_dict(flat=False).items()}


def _guild(route: Route, params: Mapping[str, Any]) -> GuildId | None:
    """The guild that the request is about; raises ApiError 422 for a query that names none."""
    if route.guild in params:
        return GuildId(params[route.guild])
    if route.query is None or route.guild not in attrs.fields_dict(route.query):
        return None
    text = query_text(route.guild)
    if text is None:
        return None
    if (found := parse_snowflake(text)) is None:
        raise invalid(route.guild, "this must be an id: digits only, 1 to 2^63-1", "snowflake")
    return GuildId(found)
