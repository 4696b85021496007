"""The local Discord as a service: REST and page on one port, the gateway on another, in one Trio run.

If it is cancelled, both listeners close at once and the world is saved a last time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_http
from quart import Response, request
from quart_trio import QuartTrio

from alphapy.sandbox import limits
from alphapy.sandbox.faults import Faults
from alphapy.sandbox.gateway.server import GatewayServer
from alphapy.sandbox.handle import EXTENSION, Sandbox
from alphapy.sandbox.oauth2 import endpoints as oauth2
from alphapy.sandbox.oauth2.grants import Grants
from alphapy.sandbox.page import page
from alphapy.sandbox.rest.api import Api
from alphapy.sandbox.world.storage import keep_saved

if TYPE_CHECKING:
    from pathlib import Path

    from alphapy.sandbox.world.world import World


__all__ = ["Sandbox", "make_app", "serve"]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
KEEP_ALIVE = 300.0
"""Seconds that an idle HTTP connection is kept, so that a client's pool does not meet closed ones."""


async def serve(
    world: World,
    *,
    port: int = 0,
    gateway_port: int = 0,
    host: str = "127.0.0.1",
    save_to: Path | None = None,
    task_status: trio.TaskStatus[Sandbox] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the world until cancelled. Port 0 takes a free one; the started value has the addresses.

    With ``save_to`` every change is saved to that file a moment later, and once more at the end.
    """
    faults = Faults()
    gateway = GatewayServer(world, faults)
    grants = Grants()
    api = Api(world, faults, gateway, grants)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve, host, gateway_port)
        app = make_app(api, world, grants)
        binds = await nursery.start(serve_http, app, _config(host, port))
        base = binds[0]
        world.files.base = base
        sandbox = Sandbox(
            api_base=f"{base}/api/v10",
            gateway_url=gateway.url,
            page_url=f"{base}/",
            world=world,
            faults=faults,
            requests=api.requests,
            forget_sessions=gateway.sessions.forget_all,
        )
        app.extensions[EXTENSION] = sandbox
        nursery.start_soon(world.interactions.run)
        if save_to is not None:
            await nursery.start(keep_saved, world, save_to)
        task_status.started(sandbox)


def make_app(api: Api, world: World, grants: Grants) -> QuartTrio:
    """The HTTP application: the REST interface under its prefixes, OAuth2, attachments, and the pages."""
    app = QuartTrio("alphapy.sandbox", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.FILE_BYTES * limits.FILES

    async def call(path: str) -> Response:
        version, _, rest = path.partition("/")
        return await api.handle(request, f"/{rest}" if version in {"v9", "v10"} else f"/{path}")

    async def attachment(attachment_id: int, **_where: object) -> Response:
        upload = world.files.files.get(attachment_id)
        if upload is None:
            return Response("", 404)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(upload.data, 200, headers, content_type=upload.content_type)

    app.add_url_rule("/api/<path:path>", "api", call, methods=METHODS)
    app.add_url_rule("/attachments/<int:channel_id>/<int:attachment_id>/<filename>", "attachment", attachment)
    app.config[page.WORLD] = world
    app.register_blueprint(page.blueprint)
    app.register_blueprint(oauth2.blueprint(world, grants))
    return app


def _config(host: str, port: int) -> Config:
    config = Config()
    config.bind = [f"{host}:{port}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("alphapy.sandbox.http")
    config.graceful_timeout = 0.5
    config.keep_alive_timeout = KEEP_ALIVE
    config.include_server_header = False
    return config
