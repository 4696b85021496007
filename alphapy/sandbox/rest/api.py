"""One REST request from headers to answer: route, token, faults, rate limit, body, handler, log."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import attrs
import msgspec
import trio
from quart import Request, Response

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Refused, invalid_form, refused
from alphapy.sandbox.faults import ArmedRestFault, Faults, RestFault
from alphapy.sandbox.rest import channels, commands, gateway, guilds, interactions, invites, messages, threads
from alphapy.sandbox.rest.log import Record, RequestLog
from alphapy.sandbox.rest.ratelimits import RateLimits, Verdict
from alphapy.sandbox.rest.routes import Answer, Call, Route, Table
from alphapy.sandbox.world.applications import Application
from alphapy.sandbox.world.files import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import Headers

    from alphapy.sandbox.gateway.server import GatewayServer
    from alphapy.sandbox.oauth2.grants import Grants
    from alphapy.sandbox.world.world import World

log = logging.getLogger(__name__)

ROUTES = (
    *gateway.ROUTES,
    *commands.ROUTES,
    *interactions.ROUTES,
    *messages.ROUTES,
    *channels.ROUTES,
    *threads.ROUTES,
    *invites.ROUTES,
    *guilds.ROUTES,
)
VIA = {"Via": "1.1 google"}
"""Discord's own answers carry it and those of its edge do not: so discord.py tells their 429s apart."""
_LIMIT_FAULTS = {
    RestFault.USER_LIMIT: "user",
    RestFault.SHARED_LIMIT: "shared",
    RestFault.GLOBAL_LIMIT: "global",
}


@attrs.define
class _Exchange:
    """What is known of a request by now."""

    method: str
    path: str
    query: dict[str, str]
    route: Route | None = None
    parameters: dict[str, str] = attrs.field(factory=dict)
    application: Application | None = None
    user_id: int | None = None
    body: Any = None
    uploads: tuple[Upload, ...] = ()
    reason: str | None = None
    headers: dict[str, str] = attrs.field(factory=dict)
    answer: Any = None


class Api:
    """Answers requests below ``/api``."""

    def __init__(self, world: World, faults: Faults, gateway_server: GatewayServer, grants: Grants) -> None:
        tuning = world.tuning
        self._grants = grants
        self._world = world
        self._faults = faults
        self._gateway = gateway_server
        self._table = Table(ROUTES)
        self._limits = RateLimits(
            enforced=tuning.rate_limits,
            global_limit=(tuning.global_limit, tuning.global_window),
            overrides=tuning.buckets,
        )
        self.requests = RequestLog(tuning.request_log)

    async def handle(self, request: Request, path: str) -> Response:
        """Answer one request; ``path`` is what follows the version prefix."""
        exchange = _Exchange(request.method, path, dict(request.args))
        try:
            response = await self._answer(exchange, request)
        except Refused as refusal:
            response = _json(refusal.to_json(), refusal.status, exchange.headers)
        self._record(exchange, response.status_code)
        return response

    async def _answer(self, exchange: _Exchange, request: Request) -> Response:
        found = self._table.find(exchange.method, exchange.path)
        if isinstance(found, int):
            words = "404: no such route" if found == 404 else "405: the route has no such method"
            return _json({"message": words, "code": 0}, found, {})
        exchange.route, exchange.parameters = found
        self._authenticate(exchange, exchange.route, request.headers.get("Authorization", ""))
        # Read before anything is refused, so that the log of requests is whole.
        exchange.reason = _reason(request.headers)
        readable = await self._read_body(exchange, request)
        fault = self._faults.for_request(exchange.route.key, exchange.parameters)
        if fault is not None:
            early = await self._struck(fault)
            if early is not None:
                return early
        if not exchange.route.unlimited:
            verdict = self._verdict(exchange)
            exchange.headers = verdict.headers(self._world.ids.now().timestamp())
            if not verdict.allowed:
                return _limited(verdict, exchange.headers)
        if not readable:
            raise refused(Code.INVALID_JSON)
        answer = await self._handled(exchange)
        exchange.answer = answer.body
        if fault is not None and fault.kind is RestFault.LOST_ANSWER:
            return _json({"message": f"{fault.status}: a scripted fault", "code": 0}, fault.status, {})
        return _json(answer.body, answer.status, exchange.headers)

    def _authenticate(self, exchange: _Exchange, route: Route, given: str) -> None:
        """Find out who calls: a bot, or a client in a person's name."""
        scheme, _, token = given.partition(" ")
        grant = self._grants.by_access(token, self._world.monotonic()) if scheme == "Bearer" else None
        if grant is not None and route.scope is not None:
            if route.scope not in grant.scopes:
                raise Refused(Code.UNAUTHORIZED, 401, f"401: the token is not good for {route.scope}")
            exchange.application = self._world.applications.get(grant.application_id)
            exchange.user_id = grant.user_id
            return
        exchange.application = self._world.applications.by_token(given.removeprefix("Bot "))
        if not route.open and (exchange.application is None or scheme != "Bot"):
            raise Refused(Code.GENERAL, 401, "401: the token is missing or wrong")

    async def _struck(self, fault: ArmedRestFault) -> Response | None:
        scope = _LIMIT_FAULTS.get(fault.kind)
        if scope is not None:
            verdict = Verdict(
                allowed=False,
                bucket="scripted",
                limit=1,
                remaining=0,
                reset_after=fault.seconds,
                retry_after=fault.seconds,
                scope=scope,
            )
            return _limited(verdict, verdict.headers(self._world.ids.now().timestamp()))
        if fault.kind is RestFault.EDGE_LIMIT:
            return Response("error code: 1015", 429, {"Retry-After": "1"}, content_type="text/plain")
        if fault.kind is RestFault.SERVER_ERROR:
            return _json({"message": f"{fault.status}: a scripted fault", "code": 0}, fault.status, {})
        if fault.kind is RestFault.SLOW:
            await trio.sleep(fault.seconds)
        elif fault.kind is RestFault.HANG:
            await trio.sleep_forever()
        return None

    def _verdict(self, exchange: _Exchange) -> Verdict:
        route = exchange.route
        if route is None:
            raise refused(Code.GENERAL)
        client = 0 if exchange.application is None else exchange.application.id
        return self._limits.take(
            self._world.monotonic(), client, route.key, exchange.parameters, exempt=route.exempt
        )

    async def _read_body(self, exchange: _Exchange, request: Request) -> bool:
        """Whether the body can be read, or there is none."""
        if request.mimetype == "multipart/form-data":
            form = await request.form
            exchange.uploads = await _uploads(request)
            raw = form.get("payload_json", "").encode() or msgspec.json.encode(
                {key: value for key, value in form.items() if not key.startswith("files[")}
            )
        else:
            raw = await request.get_data(as_text=False)
        if not raw:
            return True
        try:
            exchange.body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return False
        return True

    async def _handled(self, exchange: _Exchange) -> Answer:
        route = exchange.route
        if route is None:
            raise refused(Code.GENERAL)
        call = Call(
            world=self._world,
            application=exchange.application,
            user_id=exchange.user_id,
            parameters=exchange.parameters,
            query=exchange.query,
            body=exchange.body,
            uploads=exchange.uploads,
            reason=exchange.reason,
            gateway_url=self._gateway.url,
            session_starts=self._session_starts,
        )
        try:
            return await route.handler(call)
        except (KeyError, ValueError, TypeError, AttributeError):
            # The shape of a body is not checked field by field: what trips over it is the client's mistake.
            log.warning("malformed body for %s", route.key, exc_info=True)
            words = "The body does not have the form that the route asks for"
            raise invalid_form({"_errors": [{"code": "MODEL_TYPE_CONVERT", "message": words}]}) from None

    def _session_starts(self, application_id: int) -> JSON:
        allowance = self._gateway.sessions.allowance(application_id)
        return {
            "total": self._world.tuning.session_starts,
            "remaining": allowance.remaining,
            "reset_after": int(max(allowance.resets_at - self._world.monotonic(), 0) * 1000),
            "max_concurrency": self._world.tuning.max_concurrency,
        }

    def _record(self, exchange: _Exchange, status: int) -> None:
        self.requests.add(
            Record(
                method=exchange.method,
                path=exchange.path,
                route="" if exchange.route is None else exchange.route.template,
                query=exchange.query,
                body=exchange.body,
                files=len(exchange.uploads),
                reason=exchange.reason,
                application_id=None if exchange.application is None else exchange.application.id,
                status=status,
            ),
            exchange.answer,
        )


def _json(body: Any, status: int, headers: Mapping[str, str]) -> Response:
    if body is None:
        return Response("", status, {**VIA, **headers})
    return Response(json.dumps(body), status, {**VIA, **headers}, content_type="application/json")


def _limited(verdict: Verdict, headers: Mapping[str, str]) -> Response:
    body: JSON = {
        "message": "Too many requests: wait as long as retry_after says",
        "retry_after": round(verdict.retry_after, 3),
        "global": verdict.scope == "global",
    }
    return _json(body, 429, headers)


def _reason(headers: Headers) -> str | None:
    given = headers.get("X-Audit-Log-Reason")
    if given is None:
        return None
    reason = unquote(given)
    if len(reason) > limits.REASON:
        raise refused(Code.INVALID_FORM)
    return reason


async def _uploads(request: Request) -> tuple[Upload, ...]:
    found = []
    for count, (name, file) in enumerate((await request.files).items(multi=True)):
        digits = "".join(character for character in name if character.isdecimal())
        found.append(
            Upload(
                number=int(digits) if digits else count,
                filename=file.filename or "file",
                content_type=file.content_type or "application/octet-stream",
                data=file.read(),
            )
        )
    return tuple(found)
