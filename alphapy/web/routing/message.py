"""A request as ASGI hands it over, read without Quart, and an answer given the same way.

What is refused here costs a fraction of what Quart needs to say the same.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs
import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.web.errors import ApiError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@attrs.frozen(kw_only=True)
class Head:
    """The head of a request."""

    method: str
    path: str
    """Decoded, without the query."""
    peer: str
    """The address of the socket; empty where there is none."""
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, scope: Message) -> Head:
        """The head in an ASGI scope; a websocket begins as a GET."""
        client = scope.get("client")
        return cls(
            method=scope.get("method", "GET"),
            path=plain_path(scope["path"]),
            peer=client[0] if client else "",
            headers=tuple(scope["headers"]),
        )

    def get(self, name: bytes) -> bytes | None:
        """A header by its lower-case name; the first where there are several."""
        return next((value for found, value in self.headers if found.lower() == name), None)

    def header(self, name: str) -> str | None:
        """A header by its name, in any case."""
        value = self.get(name.lower().encode())
        return None if value is None else value.decode("latin-1")

    def request_id(self) -> str:
        """The caller's own id of the request if it is acceptable, else a new one (spec/api.md 7.1)."""
        given = self.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        return str(uuid.uuid4())

    def client(self, proxies: int) -> str:
        """The address of whoever sent it, behind so many proxies of ours (spec/api.md 7.4).

        Each proxy adds the address that it sees to the right of ``X-Forwarded-For``. What is no address, or
        was not added by as many, counts as the socket's own.
        """
        if proxies == 0:
            return self.peer
        hops = b",".join(value for name, value in self.headers if name.lower() == b"x-forwarded-for").split(
            b","
        )
        if len(hops) < proxies:
            return self.peer
        try:
            return str(ipaddress.ip_address(hops[-proxies].strip().decode("latin-1")))
        except ValueError:
            return self.peer


def plain_path(target: str) -> str:
    """The path in a request's target, which may be a whole address or anything else."""
    if target.startswith("/"):
        return target
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return "/"


async def answer(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: ApiError) -> None:
    """Answer with an error in its envelope."""
    body = msgspec.json.encode({"detail": error.detail, "code": error.code})
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    await answer(send, error.status, [(b"content-type", b"application/json"), *headers], body)


def replay(body: bytes, receive: Receive) -> Receive:
    """What an application receives of a request whose body has been read: that body, then what comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return pending.pop() if pending else await receive()

    return received
