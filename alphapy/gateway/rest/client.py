"""Calls over HTTP: wait for a permit, send, learn from the answer, repeat what may be repeated.

Failure modes
    *No answer or 5xx*: repeated with growing, jittered pauses if repeating is harmless, else reported as in
    doubt. *429*: waited for as told, unless the call's deadline comes first. *A server that hangs*: the
    deadline of the whole call ends it. *A redirect, a body that is not what it should be*: an error, never
    followed. *Cancellation*: a permit not used returns itself; a request on its way counts as sent.

Secrets: the token is put into the header of a single request and lives nowhere else in the clear. Paths can
hold interaction tokens, so logs and errors name the route's template; httpx and httpcore, which log paths
and headers, are told to keep quiet.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import attrs
import httpx
import msgspec
import trio

from alphapy.gateway.models.outgoing import File
from alphapy.gateway.rest.answers import Answer, Scope, read_answer
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind, from_answer
from alphapy.gateway.rest.gate import Gate, Permit
from alphapy.gateway.rest.limiter import Limiter, LimiterStatistics
from alphapy.gateway.rest.routes import Target
from alphapy.gateway.rest.tickets import Priority, Refusal
from alphapy.pure.text import cut, single_line
from alphapy.version import VERSION

if TYPE_CHECKING:
    from types import TracebackType

    from alphapy.config import Secret
    from alphapy.gateway.rest.lanes import Ticket

log = logging.getLogger(__name__)

USER_AGENT = f"DiscordBot (https://alphapy.innersync.tech, {VERSION})"
"""https://docs.discord.com/developers/reference#user-agent"""

REASON = 512
"""The longest audit-log reason, in characters before URL encoding."""

_REPEATABLE_METHODS = frozenset({"GET", "PUT", "PATCH", "DELETE"})
"""Idempotent as we use them: every PATCH states values, never differences."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@attrs.frozen(kw_only=True)
class Patience:
    """How long and how often to try. Seconds; ``operation`` is for one connect, read or write."""

    operation: float = 10.0
    repeats: int = 3
    first_pause: float = 0.5
    longest_pause: float = 5.0
    waits: int = 5
    """How many 429s one call sits out."""


@attrs.frozen
class Call:
    """One call. ``deadline`` (seconds) covers all of it: waiting, sending, repeating.

    ``repeatable`` says whether repeating it is harmless; by default that depends on the method.
    No attempt begins later than ``start_within`` seconds after the call. ``reason`` goes to the audit log.
    """

    target: Target
    json: Any = attrs.field(default=None, kw_only=True, repr=False)
    files: tuple[File, ...] = attrs.field(default=(), kw_only=True)
    query: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    priority: Priority = attrs.field(default=Priority.OTHER, kw_only=True)
    reason: str | None = attrs.field(default=None, kw_only=True, repr=False)
    repeatable: bool = attrs.field(kw_only=True)
    deadline: float = attrs.field(default=30.0, kw_only=True)
    start_within: float | None = attrs.field(default=None, kw_only=True)

    @repeatable.default
    def _by_method(self) -> bool:
        return self.target.route.method in _REPEATABLE_METHODS


@attrs.frozen(kw_only=True)
class RestStatistics:
    """Counters since the start. ``answers`` by class of status, ``rate_limited`` by scope of the 429."""

    calls: int
    requests: int
    answers: Mapping[str, int]
    repeats: int
    rate_limited: Mapping[str, int]
    refused: int
    timed_out: int
    transport_failures: int
    waits: int
    waited_seconds: float
    limiter: LimiterStatistics


@attrs.frozen
class _Response:
    """An answer as it came."""

    answer: Answer
    body: bytes = attrs.field(repr=False)
    encoded: bool

    @property
    def status(self) -> int:
        return self.answer.status


@attrs.define(eq=False)
class _Run:
    """One call under way."""

    call: Call
    started: float
    attempts: int = 0
    repeats: int = 0
    waits: int = 0
    sent: bool = False

    @property
    def name(self) -> str:
        return self.call.target.route.key

    @property
    def last_start(self) -> float:
        """After this instant no attempt may begin."""
        deadline = self.call.deadline
        within = deadline if self.call.start_within is None else min(self.call.start_within, deadline)
        return self.started + within

    def error(
        self, kind: DiscordErrorKind, message: str, *, retry_after: float | None = None
    ) -> DiscordError:
        return DiscordError(
            kind=kind,
            route=self.name,
            message=message,
            retry_after=retry_after,
            sent=self.sent,
            attempts=self.attempts,
        )


@attrs.define(eq=False)
class _Counters:
    calls: int = 0
    requests: int = 0
    repeats: int = 0
    refused: int = 0
    timed_out: int = 0
    transport_failures: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    answers: Counter[str] = attrs.field(factory=Counter)
    rate_limited: Counter[str] = attrs.field(factory=Counter)


class RestClient:
    """Discord's REST interface behind the rate limiter. Use as an async context manager, or close it."""

    def __init__(
        self,
        token: Secret,
        base_url: str,
        *,
        limiter: Limiter | None = None,
        patience: Patience | None = None,
        rng: random.Random | None = None,
    ) -> None:
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._limiter = limiter or Limiter()
        self._gate = Gate(self._limiter)
        self._patience = patience or Patience()
        self._rng = rng or random.Random()
        self._counters = _Counters()
        local = urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}
        self._http = httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self._patience.operation),
            limits=httpx.Limits(max_connections=self._limiter.most_in_flight, max_keepalive_connections=50),
            follow_redirects=False,
            trust_env=not local,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; calls under way fail."""
        await self._http.aclose()

    async def request(self, call: Call) -> bytes:
        """The body of a successful answer, empty for 204. Raises DiscordError."""
        self._counters.calls += 1
        run = _Run(call, trio.current_time())
        with trio.move_on_after(call.deadline):
            return await self._run(run)
        self._counters.timed_out += 1
        raise run.error(DiscordErrorKind.TIMED_OUT, f"no answer within {call.deadline:g} seconds")

    def statistics(self) -> RestStatistics:
        """The counters and the limiter's state, frozen."""
        counters = attrs.asdict(self._counters)
        return RestStatistics(**counters, limiter=self._limiter.statistics(trio.current_time()))

    async def _run(self, run: _Run) -> bytes:
        while True:
            ticket = await self._wait_for_turn(run)
            try:
                response = await self._attempt(run, ticket)
            except httpx.TransportError as failure:
                self._counters.transport_failures += 1
                error = run.error(DiscordErrorKind.TRANSPORT, str(failure) or type(failure).__name__)
                error.__cause__ = failure
                again = run.call.repeatable or isinstance(failure, _NEVER_SENT)
                await self._pause_or_raise(run, error, again=again)
                continue
            if response.encoded:
                raise run.error(DiscordErrorKind.MALFORMED, "compressed although we did not ask for it")
            if 200 <= response.status < 300:
                return response.body
            answer = response.answer
            error = from_answer(
                run.name,
                response.status,
                response.body,
                retry_after=answer.retry_after or None,
                attempts=run.attempts,
            )
            if answer.scope is not None:
                self._sit_out_or_raise(run, error, answer.scope, answer.retry_after)
            else:
                again = run.call.repeatable and error.kind is DiscordErrorKind.SERVER
                await self._pause_or_raise(run, error, again=again)

    async def _wait_for_turn(self, run: _Run) -> Ticket:
        asked = trio.current_time()
        call = run.call
        ticket = await self._gate.wait_for_turn(call.target, call.priority, expires_at=run.last_start)
        now = trio.current_time()
        if ticket.granted_at > asked:
            self._counters.waits += 1
            self._counters.waited_seconds += now - asked
        if ticket.refusal is not None:
            self._counters.refused += 1
            if ticket.refusal is Refusal.TOO_LONG:
                kind, retry_after = DiscordErrorKind.RATE_LIMITED, ticket.retry_after
                raise run.error(kind, ticket.refusal.value, retry_after=retry_after)
            raise run.error(DiscordErrorKind.REFUSED, ticket.refusal.value)
        if now > run.last_start:
            with self._gate.permit(ticket):
                raise run.error(DiscordErrorKind.TIMED_OUT, "its turn came too late")
        return ticket

    async def _attempt(self, run: _Run, ticket: Ticket) -> _Response:
        with self._gate.permit(ticket) as permit:
            response = await self._send(run, permit, self._build(run.call))
            permit.answer = response.answer
        self._counters.answers[f"{response.status // 100}xx"] += 1
        return response

    async def _send(self, run: _Run, permit: Permit, request: httpx.Request) -> _Response:
        sent_before = run.sent
        permit.used = run.sent = True
        run.attempts += 1
        self._counters.requests += 1
        try:
            found = await self._http.send(request, stream=True)
        except _NEVER_SENT:
            permit.used, run.sent = False, sent_before
            raise
        permit.heard_at = trio.current_time()
        try:
            body = b"".join([part async for part in found.aiter_raw()])
        finally:
            await _close(found)
        answer = read_answer(found.status_code, found.headers, body)
        return _Response(answer, body, found.headers.get("Content-Encoding", "identity") != "identity")

    def _build(self, call: Call) -> httpx.Request:
        route = call.target.route
        headers: dict[str, str] = {}
        if not route.by_token:
            headers["Authorization"] = f"Bot {self._token.reveal()}"
        if call.reason is not None and (reason := cut(single_line(call.reason), REASON)):
            headers["X-Audit-Log-Reason"] = quote(reason, safe="")
        body: dict[str, Any] = {}
        if call.files:
            parts: list[tuple[str, tuple[str | None, bytes, str]]] = [
                ("payload_json", (None, msgspec.json.encode(call.json), "application/json"))
            ]
            for number, file in enumerate(call.files):
                parts.append((f"files[{number}]", (file.name, file.content, file.content_type)))
            body["files"] = parts
        elif call.json is not None:
            headers["Content-Type"] = "application/json"
            body["content"] = msgspec.json.encode(call.json)
        url = self._base_url + call.target.path
        return self._http.build_request(route.method, url, headers=headers, params=call.query or None, **body)

    def _sit_out_or_raise(self, run: _Run, error: DiscordError, scope: Scope, seconds: float) -> None:
        """After a 429 the limiter makes the next attempt wait; give up if that takes too long."""
        self._counters.rate_limited[scope.value] += 1
        run.waits += 1
        log.warning(
            "rate limited",
            extra={"route": run.name, "scope": scope.value, "retry_after": seconds},
        )
        too_late = trio.current_time() + seconds > run.last_start
        if too_late or run.waits > self._patience.waits:
            raise error

    async def _pause_or_raise(self, run: _Run, error: DiscordError, *, again: bool) -> None:
        """Before an attempt is repeated; raises the error when it may not be, or not in time."""
        patience = self._patience
        pause = min(patience.longest_pause, patience.first_pause * 2**run.repeats)
        pause *= self._rng.uniform(0.5, 1.0)
        if not again or run.repeats >= patience.repeats or trio.current_time() + pause > run.last_start:
            raise error
        run.repeats += 1
        self._counters.repeats += 1
        log.info("request repeated", extra={"route": run.name, "kind": error.kind.value, "pause": pause})
        await trio.sleep(pause)


async def _close(response: httpx.Response) -> None:
    """Give the connection back, or drop it if the body was not read to its end; cancelled or not."""
    with trio.move_on_after(1.0, shield=True):
        await response.aclose()
