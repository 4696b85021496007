"""Serves the web application with Hypercorn, in the supervisor's nursery."""

from __future__ import annotations

import logging
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
    config = HypercornConfig()
    config.bind = [f"{host}:{port}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("alphapy.web")
    config.graceful_timeout = GRACE
    config.include_server_header = False
    async with trio.open_nursery() as nursery:
        try:
            binds: list[str] = await nursery.start(serve, app, config)
        except OSError as error:
            raise _port_taken(host, port, error) from error
        except BaseExceptionGroup as group:
            failures, rest = group.split(OSError)
            if failures is None or rest is not None:
                raise
            raise _port_taken(host, port, failures) from group
        task_status.started(int(binds[0].rpartition(":")[2]))


def _port_taken(host: str, port: int, cause: BaseException) -> PortTaken:
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return PortTaken(host, port, reason)
