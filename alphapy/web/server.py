"""Serves the web application with Hypercorn, in the supervisor's nursery."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import attrs
import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve
from typing_extensions import override

if TYPE_CHECKING:
    from quart_trio import QuartTrio

GRACE = 2.0
"""Seconds that requests under way have to finish when the service stops."""


@attrs.frozen(str=False)
class PortTaken(Exception):
    """HTTP cannot listen where it was told to."""

    host: str
    port: int
    reason: str

    @override
    def __str__(self) -> str:
        return (
            f"HTTP cannot listen on {self.host}:{self.port} ({self.reason}). "
            "Stop the program that uses the port, or set PORT (and HOST) to another one."
        )


async def serve_web(
    app: QuartTrio,
    host: str,
    port: int,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; started with the port that is listened on. Raises PortTaken."""
    listener = _listen(host, port)
    bound: int = listener.getsockname()[1]
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("alphapy.web")
    config.graceful_timeout = GRACE
    config.include_server_header = False
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, config)
        task_status.started(bound)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(host, port, error.strerror or str(error)) from error
    return listener
