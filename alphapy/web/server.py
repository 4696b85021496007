"""Serves the web application with Hypercorn, in the supervisor's nursery, behind a door of its own.

Hypercorn speaks HTTP; who gets a connection at all is decided here. A connection costs a task and its
buffers, a refused one a few microseconds: so an address that opens too many, or a process that has too many,
hangs up at once, and a flood of connections does not reach HTTP.

When it fails: a connection that breaks in an unforeseen way is logged and closed, and no other one notices.
A process that has no file descriptors left goes on with the connections that it has.
"""

from __future__ import annotations

import errno
import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from typing_extensions import override

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

log = logging.getLogger("alphapy.web")

CONNECTIONS: Final = 1000
"""Connections of all clients together."""

OF_ONE_ADDRESS: Final = 128
"""Connections of one address, unless there are proxies in front, behind whose addresses everybody is."""

BACKLOG: Final = 1024
"""Connections that the system holds until they are accepted."""

AT_ONCE: Final = 64
"""Connections that are accepted before others get their turn."""

RECOVERY: Final = 0.1
"""Seconds until accepting is tried again after the system had no room for another connection."""

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


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


class Door:
    """Who may have a connection. Counts those that are open."""

    def __init__(self, *, of_one_address: int | None = OF_ONE_ADDRESS, in_all: int = CONNECTIONS) -> None:
        self._of_one_address = in_all if of_one_address is None else of_one_address
        self._in_all = in_all
        self._open: dict[str, int] = {}
        self.total = 0
        """Connections that are open."""
        self.refused = 0
        """Connections that were not accepted since the start."""

    def enter(self, address: str) -> bool:
        """Count a new connection; False for one too many."""
        held = self._open.get(address, 0)
        if held >= self._of_one_address or self.total >= self._in_all:
            self.refused += 1
            return False
        self._open[address] = held + 1
        self.total += 1
        return True

    def leave(self, address: str) -> None:
        """A connection has ended."""
        self.total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


async def serve_web(
    app: ASGIFramework,
    host: str,
    port: int,
    *,
    proxies: int = 0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; started with the port that is listened on. Raises PortTaken.

    ``proxies`` are those in front of the service.
    """
    listener = _listen(host, port)
    bound: int = listener.getsockname()[1]
    config = HypercornConfig()
    config.accesslog = None
    config.errorlog = log
    config.include_server_header = False
    wrapped = ASGIWrapper(app)
    lifespan = Lifespan(wrapped, config, {})
    serve = partial(TCPServer, wrapped, config, WorkerContext(None), ConnectionState({}))
    door = Door(of_one_address=None if proxies else OF_ONE_ADDRESS)
    with listener:
        async with trio.open_nursery() as nursery:
            await nursery.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            task_status.started(bound)
            await _accept(listener, door, nursery, serve)


async def _accept(
    listener: socket.socket, door: Door, nursery: trio.Nursery, serve: partial[TCPServer]
) -> None:
    """Take in whoever calls, some at a time, as long as this is not cancelled."""
    while True:
        await trio.lowlevel.wait_readable(listener)
        for _ in range(AT_ONCE):
            try:
                connection, address = listener.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    continue  # whoever called has hung up already
                log.warning(
                    "there is no room for another connection",
                    extra={"event": "web_no_room", "error": str(error)},
                )
                await trio.sleep(RECOVERY)
                break
            if door.enter(address[0]):
                nursery.start_soon(_converse, connection, address[0], door, serve)
            else:
                connection.close()


async def _converse(connection: socket.socket, address: str, door: Door, serve: partial[TCPServer]) -> None:
    """One connection, to its end."""
    connection.setblocking(False)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
    try:
        await serve(stream).run()
    except Exception:  # the web's error boundary: no other connection is touched
        log.warning("a connection broke", exc_info=True, extra={"event": "web_connection_broke"})
    finally:
        stream.socket.close()
        door.leave(address)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortTaken(host, port, error.strerror or str(error)) from error
    return listener
