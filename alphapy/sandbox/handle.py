"""What a running sandbox hands out: addresses, the world, the faults, the log of requests."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from quart import current_app

from alphapy.sandbox.faults import Faults
from alphapy.sandbox.rest.log import RequestLog
from alphapy.sandbox.world.world import World

EXTENSION = "alphapy-sandbox"


@attrs.frozen(kw_only=True)
class Sandbox:
    """A running sandbox."""

    api_base: str
    """What a bot uses instead of ``https://discord.com/api/v10``."""
    gateway_url: str
    page_url: str
    world: World
    faults: Faults
    requests: RequestLog
    forget_sessions: Callable[[], None]
    """Lets no bot resume its session from now on."""


def current() -> Sandbox:
    """The sandbox whose page serves the present request."""
    sandbox: Sandbox = current_app.extensions[EXTENSION]
    return sandbox
