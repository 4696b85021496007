"""What the page does to the sandbox itself, not as a member: making trouble, and saving or loading the world.

The guard of the page holds here too (the routes are registered below it). Loading replaces the world in one
go or not at all; a refusal says why, and nothing has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Blueprint, Response, request

from alphapy.sandbox import handle
from alphapy.sandbox.page import trouble
from alphapy.sandbox.page.asking import BadQuestion, Question
from alphapy.sandbox.world import storage

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue

    from alphapy.sandbox.errors import JSON

WORLD_BYTES = 16 * 1024 * 1024
"""The largest world that is loaded: tens of thousands of messages."""
FILE_NAME = "sandbox-world.json"

routes = Blueprint("operating", __name__)


@routes.errorhandler(storage.UnreadableWorld)
async def unreadable(error: storage.UnreadableWorld) -> ResponseReturnValue:
    """What was to be loaded is no world."""
    return {"error": f"{error} Nothing has changed."}, 400


@routes.get("/page/trouble")
async def trouble_report() -> JSON:
    """The troubles on offer, under way and past."""
    return trouble.report(handle.current().faults)


@routes.post("/page/trouble")
async def make_trouble() -> JSON:
    """Make one of them."""
    question = Question.of_body(await request.get_json(force=True, silent=True))
    faults = handle.current().faults
    trouble.arm(faults, question.text("fault"), question.optional_number("code"))
    return trouble.report(faults)


@routes.post("/page/calm")
async def calm() -> JSON:
    """Call off what has not struck yet."""
    faults = handle.current().faults
    faults.disarm()
    return trouble.report(faults)


@routes.get("/page/world")
async def download() -> Response:
    """The world as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(storage.dump(handle.current().world), 200, headers, content_type="application/json")


@routes.post("/page/world")
async def load() -> ResponseReturnValue:
    """Go back to a world that was saved here."""
    if request.content_length is None:
        raise BadQuestion("The file's length must be told.")
    if request.content_length > WORLD_BYTES:
        async for _part in request.body:
            pass  # a browser reads the answer only when it has sent everything
        return {
            "error": f"The file is larger than {WORLD_BYTES // 1024 // 1024} MiB. Nothing has changed."
        }, 413
    storage.replace(handle.current().world, b"".join([part async for part in request.body]))
    return {}
