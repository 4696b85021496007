"""The web application: every route, and the conventions that all of them share (spec/api.md 7.1).

It owns no resources: it looks at what the supervisor hands it and tells actors what it wants done. When it
fails: a handler that takes too long is given up (504), one too many at once is refused (503), an unforeseen
error ends in :mod:`alphapy.web.errors`; a client that goes away cancels its handler and nothing else.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import trio
from quart import g, request
from quart_trio import QuartTrio
from typing_extensions import override

from alphapy.pure.http_limits import LIMITS, SlidingWindows
from alphapy.web import errors
from alphapy.web.auth.authenticator import authenticator
from alphapy.web.auth.hooks import HookGate
from alphapy.web.auth.operators import guard
from alphapy.web.auth.rules import Key
from alphapy.web.auth.service_key import ServiceKey
from alphapy.web.census import Census
from alphapy.web.connection import Connection
from alphapy.web.console import pages
from alphapy.web.errors import ApiError
from alphapy.web.probe import DatabaseProbe
from alphapy.web.route_table import declared_routes
from alphapy.web.routing.cors import Origins
from alphapy.web.routing.front import Counters, Front, FrontDesk
from alphapy.web.routing.hooks import HookSignatures
from alphapy.web.routing.mount import Reception, mount
from alphapy.web.routing.route import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quart.ctx import RequestContext
    from quart.typing import ResponseReturnValue

    from alphapy.pure.http_limits import LimitClass
    from alphapy.web.routing.route import Route
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web")

HANDLER_SECONDS: Final = DEADLINE
"""How long a handler may take, where its route says nothing else."""


class WebApp(QuartTrio):
    """The application behind its front, with a deadline for each request."""

    asgi_http_class = Connection

    def __init__(self, desk: FrontDesk, *, handler_seconds: float = HANDLER_SECONDS) -> None:
        super().__init__("alphapy.web", static_folder=None)
        self.url_map.merge_slashes = False
        self.front = Front(super().__call__, desk)
        self._handler_seconds = handler_seconds
        self._deadlines: dict[str, float] = {}
        self.declared: tuple[Route, ...] = ()
        """Every declared route that is served."""

    def mount(self, routes: Sequence[Route], reception: Reception) -> None:
        """Serve declared routes."""
        mount(self, routes, reception)
        self.declared += tuple(routes)
        self._deadlines |= {route.endpoint: route.deadline for route in routes if route.deadline != DEADLINE}

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.front(scope, receive, send)

    @override
    async def dispatch_request(self, request_context: RequestContext | None = None) -> ResponseReturnValue:
        with trio.move_on_after(self._deadlines.get(request.endpoint or "", self._handler_seconds)):
            return await super().dispatch_request(request_context)
        log.warning(
            "a request took too long and was given up",
            extra={"event": "web_timeout", "request_id": errors.request_id(), "path": request.path},
        )
        raise ApiError(504, "timeout", "The answer took too long.")


async def _identify() -> None:
    g.request_id = request.scope["state"]["request_id"]  # given by the front


def front_desk(
    sources: Sources,
    signatures: HookSignatures,
    counters: Counters,
    windows: SlidingWindows,
    *,
    body_seconds: float,
) -> FrontDesk:
    """What comes before every route of this service."""
    key = ServiceKey(sources.api_key)
    return FrontDesk(
        origins=Origins.of(sources.allowed_origins, production=sources.security.production),
        signatures=signatures,
        is_service=lambda offered: key.judge(offered) is Key.RIGHT,
        stopping=sources.stopping,
        trusted_proxies=sources.trusted_proxies,
        body_seconds=body_seconds,
        windows=windows,
        counters=counters,
    )


def build_app(
    sources: Sources,
    *,
    handler_seconds: float = HANDLER_SECONDS,
    limits: Mapping[LimitClass, int] = LIMITS,
    more: Sequence[Route] = (),
) -> WebApp:
    """The application that serves every route, and ``more``.

    Handlers get ``handler_seconds``, and bodies as long to arrive; clients get ``limits`` requests a minute.
    """
    probe = DatabaseProbe(sources)
    census = Census(sources.actors)
    doorkeeper = authenticator(sources)
    gate = HookGate(sources.security, sources.clock)
    counters = Counters()
    windows = SlidingWindows(limits)
    declared = (*declared_routes(sources, census, probe, counters, doorkeeper, windows), *more)
    desk = front_desk(
        sources, HookSignatures(gate, declared), counters, windows, body_seconds=handler_seconds
    )
    app = WebApp(desk, handler_seconds=handler_seconds)
    errors.register(app)
    app.before_request(_identify)
    app.mount(declared, Reception(doorkeeper=doorkeeper, gate=gate, pool=sources.pool, clock=sources.clock))
    app.register_blueprint(pages.blueprint(sources, census, probe, guard(sources)))
    return app
