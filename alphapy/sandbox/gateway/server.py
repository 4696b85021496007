"""The gateway's listener: a WebSocket server on a port of its own, in the sandbox's nursery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio_websocket import ConnectionClosed, HandshakeError, wrap_server_stream

from alphapy.sandbox.gateway.connection import Connection
from alphapy.sandbox.gateway.sessions import Sessions

if TYPE_CHECKING:
    from alphapy.sandbox.faults import Faults
    from alphapy.sandbox.world.world import World

HANDSHAKE_WITHIN = 10.0
"""Seconds that a client has for the WebSocket handshake."""


class GatewayServer:
    """Accepts gateway sockets; ``url`` is known once it serves."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self.sessions = Sessions(world)
        self.url = ""

    async def serve(
        self, host: str, port: int, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; the started value is the address."""
        listeners = await trio.open_tcp_listeners(port, host=host)
        bound = listeners[0].socket.getsockname()[1]
        self.url = f"ws://{host}:{bound}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._accept, listeners)
            task_status.started(self.url)

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(HANDSHAKE_WITHIN):
                    request = await wrap_server_stream(nursery, stream)
                    socket = await request.accept()
                connection = Connection(self._world, self.sessions, self._faults, socket, stream, self.url)
                await connection.run(request.path)
                nursery.cancel_scope.cancel()
        except* (ConnectionClosed, HandshakeError, trio.TooSlowError, trio.BrokenResourceError):
            await trio.aclose_forcefully(stream)
