"""Puts declared routes into the application: each request is let in, understood, handled and answered.

The order: the path (422), who calls (401, 403), the query and the body (422), the handler. Limits have been
looked at before any of it. When it fails: every refusal is an :class:`~alphapy.web.errors.ApiError`, and what
nobody foresaw ends in :mod:`alphapy.web.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
from quart import Response, request

from alphapy.pure.clock import Clock
from alphapy.pure.ids import GuildId, parse_snowflake
from alphapy.storage.idempotency import Recorded
from alphapy.storage.pool import Pool
from alphapy.web.auth.caller import Access, Caller
from alphapy.web.auth.hooks import HookGate
from alphapy.web.encoding import query_text
from alphapy.web.errors import invalid, request_id
from alphapy.web.routing.render import render
from alphapy.web.routing.route import JSON, Call, Reply, Route
from alphapy.web.routing.structure import structure_body, structure_hook, structure_path, structure_query
from alphapy.web.routing.work import Work, claim_of, claimed, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from quart_trio import QuartTrio

    from alphapy.storage.idempotency import Claim


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


@attrs.frozen(kw_only=True)
class Reception:
    """The collaborators of declared routes."""

    doorkeeper: Identifies
    gate: HookGate
    pool: Pool
    clock: Clock


def mount(app: QuartTrio, routes: Iterable[Route], reception: Reception) -> None:
    """Serve these routes."""
    for route in routes:
        app.add_url_rule(
            route.rule, endpoint=route.endpoint, view_func=_view(route, reception), methods=[route.method]
        )


def _view(route: Route, reception: Reception) -> Callable[..., Awaitable[Response]]:
    async def view(**params: str) -> Response:
        call = await receive(route, reception, params)
        key = None if route.idempotency is None else key_of(request.headers.get("Idempotency-Key"))
        if route.idempotency is None or key is None:
            return respond(route, await route.handler(call))
        target = (request.method, request.path, call.raw)
        return await _once(route, reception, call, claim_of(route.idempotency, call.caller, key, target))

    return view


async def receive(route: Route, reception: Reception, params: Mapping[str, str]) -> Call:
    """The request at hand as a call of a route; raises ApiError where it is none."""
    found = structure_path(params, route.params)
    guild_id = _guild(route, found)
    raw = await request.data
    is_hook = route.access is Access.HOOK
    if is_hook:
        caller = _signed(route, reception.gate, raw)
    else:
        caller = await reception.doorkeeper.identify(Sender(), route.access, guild_id)
    structure = structure_hook if is_hook else structure_body
    return Call(
        caller=caller,
        params=found,
        query=None if route.query is None else structure_query(_query(), route.query),
        body=None if route.body is None else structure(raw, route.body),
        guild_id=guild_id,
        request_id=request_id(),
        raw=raw,
        work=Work(reception.pool, reception.clock),
    )


def respond(route: Route, reply: Reply) -> Response:
    """What a handler answered, as the response."""
    status, body = _encoded(route, reply)
    return Response(body, status, dict(reply.headers), content_type=route.media)


async def _once(route: Route, reception: Reception, call: Call, wanted: Claim) -> Response:
    """The answer to a request with a key: its own, or the one that was given before."""

    def recorded(reply: Reply) -> Recorded:
        status, body = _encoded(route, reply)
        return Recorded(status, body.decode())

    work = Work(reception.pool, reception.clock, wanted, recorded)
    has_effect = False
    try:
        before = await claimed(reception.pool, wanted, reception.clock)
        if before is not None:
            headers = {"Idempotent-Replayed": "true"}
            return Response(before.body, before.status, headers, content_type=route.media)
        reply = await route.handler(attrs.evolve(call, work=work))
        has_effect = (reply.status or route.status) < 300
        await work.settle(reply)
        return respond(route, reply)
    finally:
        if not has_effect:
            await work.give_up()


def _signed(route: Route, gate: HookGate, raw: bytes) -> Caller:
    """A webhook's sender; raises ApiError for a delivery that is not signed as it should be."""
    proof = gate.examine(route.secrets, request.headers.get, raw, signature_headers=route.signature_headers)
    gate.admit(route.path, proof, route.secrets)
    return Caller(access=route.access, service=True)


def _encoded(route: Route, reply: Reply) -> tuple[int, bytes]:
    status = reply.status or route.status
    if route.media != JSON:
        return status, reply.body
    kind = route.answer if status == route.status else route.statuses.get(status)
    # Snowflakes that are numbers otherwise may be asked for as strings by any GET (7.1).
    ids_as_text = request.method == "GET" and query_text("ids") == "string"
    return status, render(reply.body, kind, ids_as_text=ids_as_text)


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
