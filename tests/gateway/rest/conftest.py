"""A scripted Discord and a client that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import pytest

from alphapy.config import Secret
from alphapy.gateway.rest.calls import DiscordCalls
from alphapy.gateway.rest.client import Patience, RestClient
from tests.support import openapi
from tests.support.http_server import Answerer, Received, ScriptedServer, scripted_server

TOKEN = "the-bot-token-that-nobody-may-see"


@attrs.frozen
class Line:
    """A client, its calls, and the server at the other end."""

    client: RestClient
    calls: DiscordCalls
    server: ScriptedServer

    @property
    def received(self) -> list[Received]:
        return self.server.received


Connect = Callable[[Answerer], AbstractAsyncContextManager[Line]]


@pytest.fixture
def connect() -> Connect:
    """``async with connect(answer) as line``; every request is checked against Discord's document."""

    @asynccontextmanager
    async def connected(answer: Answerer) -> AsyncIterator[Line]:
        patience = Patience(operation=2.0, first_pause=0.02, longest_pause=0.05)
        async with scripted_server(answer) as server:
            async with RestClient(Secret(TOKEN), server.base_url, patience=patience) as client:
                yield Line(client, DiscordCalls(client), server)
            for received in server.received:
                check_contract(received)

    return connected


def check_contract(received: Received) -> None:
    """Fail if Discord's document, where it is at hand, does not allow the request."""
    discord = openapi.validator()
    if discord is None:
        return
    body = received.json if received.headers.get("content-type") == "application/json" else None
    if body is None and received.headers.get("content-type", "").startswith("multipart/"):
        return
    assert discord.violations(received.method, received.target.removeprefix("/api/v10"), body) == []
