"""The web application: every route, and the conventions that all of them share (spec/api.md 7.1).

It owns no resources: it looks at what the supervisor hands it and tells actors what it wants done. When it
fails: a handler that takes too long is given up (504), one too many at once is refused (503), an unforeseen
error ends in :mod:`alphapy.web.errors`; a client that goes away cancels its handler and nothing else.
"""

from __future__ import annotations

import logging
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

import trio
from quart import g, request
from quart_trio import QuartTrio
from typing_extensions import override

from alphapy.web import errors, health, letters, metrics, tree
from alphapy.web.auth.authenticator import authenticator
from alphapy.web.auth.operators import guard
from alphapy.web.census import Census
from alphapy.web.connection import Connection
from alphapy.web.console import pages
from alphapy.web.errors import ApiError
from alphapy.web.probe import DatabaseProbe
from alphapy.web.routes import custom_commands, discord_meta, logs, settings, top_commands
from alphapy.web.routes import metrics as dashboard_metrics
from alphapy.web.routing.mount import mount

if TYPE_CHECKING:
    from quart.ctx import RequestContext
    from quart.typing import ResponseReturnValue, ResponseTypes
    from quart.wrappers import Request

    from alphapy.web.auth.authenticator import Authenticator
    from alphapy.web.routing.route import Route
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web")

BODY_LIMIT: Final = 256 * 1024
"""Bytes of a request's body."""

HANDLER_SECONDS: Final = 10.0
"""How long a handler may take."""

CONCURRENT: Final = 100
"""Requests that are answered at the same time (spec/api.md 8)."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_ALWAYS: Final = frozenset({"/status", "/api/health", "/api/ready"})
"""What tells how the service is doing answers while it stops, too."""


class WebApp(QuartTrio):
    """The application, with a deadline and a bound on what runs at once."""

    asgi_http_class = Connection

    def __init__(self, sources: Sources, *, handler_seconds: float = HANDLER_SECONDS) -> None:
        super().__init__("alphapy.web", static_folder=None)
        self.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
        self.config["BODY_TIMEOUT"] = handler_seconds
        self.url_map.merge_slashes = False
        self._sources = sources
        self._handler_seconds = handler_seconds
        self._running = 0

    @override
    async def handle_request(self, request: Request) -> Any:
        self._running += 1
        try:
            return await super().handle_request(request)
        finally:
            self._running -= 1

    @override
    async def dispatch_request(self, request_context: RequestContext | None = None) -> ResponseReturnValue:
        with trio.move_on_after(self._handler_seconds):
            return await super().dispatch_request(request_context)
        log.warning(
            "a request took too long and was given up",
            extra={"event": "web_timeout", "request_id": errors.request_id(), "path": request.path},
        )
        raise ApiError(504, "timeout", "The answer took too long.")

    async def check(self) -> None:
        """Refuse what is not to be answered now, and read the body; raises ApiError or werkzeug's own."""
        if self._sources.stopping() and request.path not in _ALWAYS:
            headers = {"Connection": "close"}
            raise ApiError(503, "overloaded", "The service is stopping. Please try again soon.", headers)
        if self._running > CONCURRENT:
            raise ApiError(503, "overloaded", "Too much is going on. Please try again.", {"Retry-After": "1"})
        # Read before anything is answered: a connection with an unread body cannot be used any further.
        await request.get_data()


async def _identify() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


async def _identify_websocket() -> None:
    g.request_id = str(uuid.uuid4())


async def _finish(response: ResponseTypes) -> ResponseTypes:
    response.headers["X-Request-ID"] = errors.request_id()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.path == "/api" or request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"
    return response


async def _finish_websocket(response: ResponseTypes | None) -> ResponseTypes | None:
    if response is not None:  # it was refused; there are no websockets here
        response.headers["X-Request-ID"] = errors.request_id()
    return response


def routes(
    sources: Sources, census: Census, probe: DatabaseProbe, doorkeeper: Authenticator
) -> tuple[Route, ...]:
    """Every declared route, by area."""
    return (
        *health.routes(sources, probe),
        *letters.routes(sources),
        *tree.routes(sources, census),
        *metrics.routes(sources, census, probe),
        *settings.routes(sources),
        *custom_commands.routes(sources),
        *discord_meta.routes(sources),
        *logs.routes(sources),
        *top_commands.routes(sources, doorkeeper),
        *dashboard_metrics.routes(sources, doorkeeper),
    )


def build_app(sources: Sources, *, handler_seconds: float = HANDLER_SECONDS) -> QuartTrio:
    """The application that serves every route. Handlers get ``handler_seconds``."""
    app = WebApp(sources, handler_seconds=handler_seconds)
    errors.register(app)
    app.before_request(_identify)
    app.before_websocket(_identify_websocket)
    app.before_request(app.check)
    app.after_request(_finish)
    app.after_websocket(_finish_websocket)
    probe = DatabaseProbe(sources)
    census = Census(sources.actors)
    door = guard(sources)
    doorkeeper = authenticator(sources)
    mount(app, routes(sources, census, probe, doorkeeper), doorkeeper)
    app.register_blueprint(pages.blueprint(sources, census, probe, door))
    return app
