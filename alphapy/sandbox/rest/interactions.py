"""Routes that answer interactions; their token stands in the path, and they are free of the global limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route
from alphapy.sandbox.world.answers import Callback
from alphapy.sandbox.world.board import EPHEMERAL, LOADING

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON


async def callback(call: Call) -> Answer:
    """Acknowledge or answer an interaction."""
    body = call.object()
    interaction, message = call.world.answers.respond(
        call.id("interaction_id"), call.parameters["token"], body, call.uploads
    )
    if call.query.get("with_response", "").lower() not in {"true", "1"}:
        return NOTHING
    shown: JSON = {
        "id": str(interaction.id),
        "type": int(interaction.kind),
        "response_message_loading": bool(message and message["flags"] & LOADING),
        "response_message_ephemeral": bool(message and message["flags"] & EPHEMERAL),
    }
    answer: JSON = {"interaction": shown}
    if message is not None:
        shown["response_message_id"] = message["id"]
        if body["type"] in {Callback.MESSAGE, Callback.UPDATE_MESSAGE}:
            answer["resource"] = {"type": int(body["type"]), "message": message}
    return Answer(answer)


async def follow_up(call: Call) -> Answer:
    """Send a further message."""
    message = call.world.answers.follow_up(
        call.id("application_id"), call.parameters["token"], call.object(), call.uploads
    )
    return Answer(message)


async def read(call: Call) -> Answer:
    """Read a message of the interaction."""
    return Answer(
        call.world.answers.read(call.id("application_id"), call.parameters["token"], _message_id(call))
    )


async def edit(call: Call) -> Answer:
    """Change a message of the interaction."""
    message = call.world.answers.edit(
        call.id("application_id"), call.parameters["token"], _message_id(call), call.object(), call.uploads
    )
    return Answer(message)


async def delete(call: Call) -> Answer:
    """Delete a message of the interaction."""
    call.world.answers.delete(call.id("application_id"), call.parameters["token"], _message_id(call))
    return NOTHING


def _message_id(call: Call) -> int | None:
    return call.id("message_id") if "message_id" in call.parameters else None


_WEBHOOK = "/webhooks/{application_id}/{token}"
ROUTES = (
    Route("POST", "/interactions/{interaction_id}/{token}/callback", callback, open=True, unlimited=True),
    Route("POST", _WEBHOOK, follow_up, open=True, exempt=True),
    *(
        Route(method, f"{_WEBHOOK}/messages/{which}", handler, open=True, exempt=True)
        for which in ("@original", "{message_id}")
        for method, handler in (("GET", read), ("PATCH", edit), ("DELETE", delete))
    ),
)
