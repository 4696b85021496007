"""What comes before every route: ids, CORS, limits, the body, how much runs at once (spec/api.md 7.1-7.4, 8).

It stands between Hypercorn and Quart. The order: a preflight is answered; a service that stops refuses; the
limit of the caller's class is looked at, before anybody is authenticated and before the body is read, except
for a signed webhook, whose class depends on its body; the body is read; one request too many at once is
refused. Whatever the answer is, and whoever gives it, it has an id and CORS headers, and is counted.

When it fails: it holds nothing but counters. Refusals that come too often wait for their turn
(:mod:`alphapy.pure.refusal_pace`), so that a flood does not buy the work of refusing it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio

from alphapy.pure.http_limits import LimitClass, SlidingWindows, limit_class
from alphapy.pure.ids import parse_snowflake
from alphapy.pure.log_context import logged_with
from alphapy.pure.refusal_pace import RefusalPace
from alphapy.pure.traffic import Traffic
from alphapy.web.errors import BUSY, TOO_LARGE, ApiError
from alphapy.web.routing import message
from alphapy.web.routing.cors import Origins
from alphapy.web.routing.message import Head, Message, Receive, Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.web.routing.cors import Headers

App = Callable[..., Awaitable[None]]
"""An ASGI application."""

BODY_LIMIT: Final = 256 * 1024
"""Bytes of a request's body."""

BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""

BODIES: Final = 200
"""Requests whose bodies are awaited at the same time: 50 MiB at the most."""

CONCURRENT: Final = 100
"""Requests that are answered at the same time."""

FOR_HOOKS: Final = 20
"""How many of these are kept for webhooks."""

_ALWAYS: Final = frozenset({"/status", "/api/health", "/api/ready"})
"""What tells how the service is doing answers while it stops, too."""

_CLOSE: Final = {"Connection": "close"}


class Signatures(Protocol):
    """Tells signed webhooks from others."""

    def may_accept(self, head: Head) -> bool:
        """Whether it depends on the body; False where a delivery is refused whatever it is."""
        ...

    def accepts(self, head: Head, body: bytes) -> bool:
        """Whether a delivery is signed as it should be, or need not be."""
        ...


@attrs.define(kw_only=True)
class Counters:
    """What the front counts. It belongs to the front; others look."""

    api: Traffic = attrs.field(factory=Traffic)
    hooks: Traffic = attrs.field(factory=Traffic)
    limited: dict[LimitClass, int] = attrs.field(factory=lambda: dict.fromkeys(LimitClass, 0))
    """Requests refused because of a limit."""
    overloaded: int = 0
    """Requests refused because too much was going on."""
    running: int = 0
    """Requests that are being answered."""
    reading: int = 0
    """Requests whose bodies are awaited."""


@attrs.frozen(kw_only=True)
class FrontDesk:
    """The collaborators of the front. ``is_service`` tells the service key from other texts."""

    origins: Origins
    signatures: Signatures
    is_service: Callable[[str | None], bool]
    stopping: Callable[[], bool]
    trusted_proxies: int = 0
    body_seconds: float = BODY_SECONDS
    windows: SlidingWindows = attrs.field(factory=SlidingWindows)
    pace: RefusalPace = attrs.field(factory=RefusalPace)
    counters: Counters = attrs.field(factory=Counters)

    def client(self, head: Head) -> str:
        """Whose limits count (spec/api.md 7.4): the address's, or the Discord user's a service speaks for."""
        user = parse_snowflake(head.header("x-discord-user-id"))
        if user is not None and self.is_service(head.header("x-api-key")):
            return f"discord:{user}"
        return head.client(self.trusted_proxies)

    def sweep(self) -> None:
        """Forget whoever has not been heard of for a while."""
        now = trio.current_time()
        self.windows.sweep(now)
        self.pace.sweep(now)


@attrs.define
class _Visit:
    """One request: what is known of it, and what every answer to it has in common."""

    desk: FrontDesk
    head: Head
    begun: float
    request_id: str
    prefix: str
    """Of the types of messages: empty for HTTP, ``websocket.`` for the beginning of a websocket."""
    _send: Send
    status: int = 0
    """Of the answer; 0 before it has begun."""

    async def send(self, sent: Message) -> None:
        """Send a part of the answer, with the headers that every answer has."""
        if sent["type"] == "http.response.start":
            self.status = sent["status"]
            sent = {**sent, "headers": self._dressed(sent.get("headers", ()))}
        await self._send({**sent, "type": self.prefix + sent["type"]})

    def _dressed(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        is_api = self.head.path == "/api" or self.head.path.startswith("/api/")
        found = [
            *(header for header in headers if not (is_api and header[0].lower() == b"cache-control")),
            (b"x-request-id", self.request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            *self.desk.origins.headers(self.head.get(b"origin")),
        ]
        return [*found, (b"cache-control", b"no-store")] if is_api else found

    def preflight(self) -> Headers | None:
        """What to answer a browser that asks whether it may ask; None if this is no preflight."""
        origin = self.head.get(b"origin")
        if self.head.method != "OPTIONS" or origin is None:
            return None
        if self.head.get(b"access-control-request-method") is None:
            return None
        return self.desk.origins.preflight(origin, self.head.get(b"access-control-request-headers"))

    def count(self) -> None:
        """Count the answer, if there was one."""
        if self.status:
            counters = self.desk.counters
            kind = counters.hooks if self.head.path.startswith("/webhooks/") else counters.api
            kind.count(self.status, trio.current_time() - self.begun)


class Gone(Exception):
    """The client went away before its request was complete."""


class Front:
    """An ASGI application in front of another one."""

    def __init__(self, app: App, desk: FrontDesk) -> None:
        self._app = app
        self.desk = desk
        """What it works with."""
        self._idle = trio.lowlevel.ParkingLot()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; what is none goes straight to the application."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        head = Head.of(scope)
        prefix = "" if scope["type"] == "http" else "websocket."
        visit = _Visit(self.desk, head, trio.current_time(), head.request_id(), prefix, send)
        state = {**scope.get("state", {}), "request_id": visit.request_id}
        with logged_with(request_id=visit.request_id):
            try:
                await self._answer(visit, {**scope, "path": head.path, "state": state}, receive)
            except Gone:
                return
            finally:
                visit.count()

    async def _answer(self, visit: _Visit, scope: Message, receive: Receive) -> None:
        try:
            if visit.prefix:
                await self._limit(visit, LimitClass.READ)
                raise ApiError(400, "bad_payload", "There are no websockets here.")
            if (headers := visit.preflight()) is not None:
                await self._body(visit.head, receive)
                await message.answer(visit.send, 200, headers)
                return
            body = await self._admit(visit, receive)
            with self._slot(visit.head):
                await self._app(scope, message.replay(body, receive), visit.send)
        except ApiError as error:
            await message.refuse(visit.send, error)

    async def _admit(self, visit: _Visit, receive: Receive) -> bytes:
        """The body of a request that is within its limits; raises ApiError for another."""
        head, signatures = visit.head, self.desk.signatures
        kind = limit_class(head.method, head.path)
        if kind is LimitClass.HOOK and not signatures.may_accept(head):
            kind = LimitClass.WRITE
        try:
            if self.desk.stopping() and head.path not in _ALWAYS:
                raise ApiError(503, "overloaded", "The service is stopping. Please try again soon.", _CLOSE)
            if kind is not LimitClass.HOOK:
                await self._limit(visit, kind)
        except ApiError:
            # A connection with an unread body cannot be used any further.
            await self._body(head, receive)
            raise
        body = await self._body(head, receive)
        if kind is LimitClass.HOOK:
            await self._limit(visit, kind if signatures.accepts(head, body) else LimitClass.WRITE)
        return body

    async def _limit(self, visit: _Visit, kind: LimitClass) -> None:
        """Count a request; raises ApiError for one too many, when its turn to be refused has come."""
        desk = self.desk
        client = desk.client(visit.head)
        refusal = desk.windows.take(client, kind, trio.current_time())
        if refusal is None:
            return
        wait = desk.pace.wait(client, trio.current_time())
        if wait > 0:
            visit.begun += wait  # it was not worked on
            await trio.sleep(wait)
            refusal = desk.windows.take(client, kind, trio.current_time())
            if refusal is None:
                return
        desk.counters.limited[kind] += 1
        raise ApiError(
            429,
            "rate_limited",
            f"Too many requests: {refusal.limit} of this kind ({kind.value}) are accepted a minute.",
            {"Retry-After": str(refusal.retry_after)},
        )

    async def _body(self, head: Head, receive: Receive) -> bytes:
        """The whole body; raises ApiError for one that is too large, or takes too long."""
        counters = self.desk.counters
        declared = head.get(b"content-length") or b""
        if declared.isdigit() and int(declared) > BODY_LIMIT:
            raise ApiError(413, "too_large", TOO_LARGE, _CLOSE)
        if counters.reading >= BODIES:
            counters.overloaded += 1
            raise ApiError(503, "overloaded", BUSY, {**_CLOSE, "Retry-After": "1"})
        counters.reading += 1
        try:
            with trio.fail_after(self.desk.body_seconds):
                return await _read(receive)
        except trio.TooSlowError:
            raise ApiError(
                408, "timeout", "The body of the request took too long to arrive.", _CLOSE
            ) from None
        finally:
            counters.reading -= 1

    @contextmanager
    def _slot(self, head: Head) -> Iterator[None]:
        """Being one of those that are answered at the same time; raises ApiError when there are too many."""
        counters = self.desk.counters
        most = CONCURRENT if head.path.startswith("/webhooks/") else CONCURRENT - FOR_HOOKS
        if counters.running >= most:
            counters.overloaded += 1
            raise ApiError(503, "overloaded", BUSY, {"Retry-After": "1"})
        counters.running += 1
        try:
            yield
        finally:
            counters.running -= 1
            if not counters.running:
                self._idle.unpark_all()

    async def finish(self, *, within: float) -> None:
        """Return once nothing is being answered any more, or after so many seconds."""
        with trio.move_on_after(within):
            while self.desk.counters.running:
                await self._idle.park()


async def _read(receive: Receive) -> bytes:
    """The body, part by part; raises ApiError for one that is too large, and Gone."""
    parts = bytearray()
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise Gone
        parts += part.get("body", b"")
        if len(parts) > BODY_LIMIT:
            raise ApiError(413, "too_large", TOO_LARGE, _CLOSE)
        if not part.get("more_body", False):
            return bytes(parts)
