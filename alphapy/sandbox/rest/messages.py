"""Routes about messages, reactions and pins."""

from __future__ import annotations

from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route


async def list_messages(call: Call) -> Answer:
    """A channel's messages, newest first."""
    found = call.world.messages.history(
        call.by,
        call.id("channel_id"),
        limit=call.number("limit", 50, 100),
        before=call.optional_id("before"),
        after=call.optional_id("after"),
        around=call.optional_id("around"),
    )
    return Answer(found)


async def get_message(call: Call) -> Answer:
    """One message."""
    return Answer(call.world.messages.read(call.by, call.id("channel_id"), call.id("message_id")))


async def create_message(call: Call) -> Answer:
    """Send a message."""
    return Answer(call.world.messages.create(call.by, call.id("channel_id"), call.object(), call.uploads))


async def edit_message(call: Call) -> Answer:
    """Change one's own message."""
    message = call.world.messages.edit(
        call.by, call.id("channel_id"), call.id("message_id"), call.object(), call.uploads
    )
    return Answer(message)


async def delete_message(call: Call) -> Answer:
    """Delete a message."""
    call.world.messages.delete(call.by, call.id("channel_id"), call.id("message_id"), reason=call.reason)
    return NOTHING


async def bulk_delete(call: Call) -> Answer:
    """Delete up to a hundred messages."""
    ids = [int(message_id) for message_id in call.object()["messages"]]
    call.world.messages.bulk_delete(call.by, call.id("channel_id"), ids, reason=call.reason)
    return NOTHING


async def add_reaction(call: Call) -> Answer:
    """React to a message."""
    call.world.reactions.add(call.by, call.id("channel_id"), call.id("message_id"), call.parameters["emoji"])
    return NOTHING


async def remove_reaction(call: Call) -> Answer:
    """Take back a reaction, one's own or another's."""
    user_id = call.id("user_id") if "user_id" in call.parameters else call.by
    call.world.reactions.remove(
        call.by, call.id("channel_id"), call.id("message_id"), call.parameters["emoji"], user_id
    )
    return NOTHING


async def list_reactions(call: Call) -> Answer:
    """Who reacted with an emoji."""
    people = call.world.reactions.people(
        call.by,
        call.id("channel_id"),
        call.id("message_id"),
        call.parameters["emoji"],
        limit=call.number("limit", 25, 100),
        after=call.optional_id("after") or 0,
    )
    return Answer(people)


async def clear_reactions(call: Call) -> Answer:
    """Remove all reactions, or all of one emoji."""
    call.world.reactions.clear(
        call.by, call.id("channel_id"), call.id("message_id"), call.parameters.get("emoji")
    )
    return NOTHING


async def list_pins(call: Call) -> Answer:
    """The pinned messages."""
    return Answer(call.world.messages.pins(call.by, call.id("channel_id")))


async def page_pins(call: Call) -> Answer:
    """A page of the pinned messages, with when they were pinned, newest pin first."""
    limit, before = call.number("limit", 50, 50), call.instant("before")
    pins = call.world.messages.pinned(call.by, call.id("channel_id"), before=before)
    return Answer({"items": pins[:limit], "has_more": len(pins) > limit})


async def pin(call: Call) -> Answer:
    """Pin a message."""
    call.world.messages.pin(
        call.by, call.id("channel_id"), call.id("message_id"), pinned=True, reason=call.reason
    )
    return NOTHING


async def unpin(call: Call) -> Answer:
    """Unpin a message."""
    call.world.messages.pin(
        call.by, call.id("channel_id"), call.id("message_id"), pinned=False, reason=call.reason
    )
    return NOTHING


_CHANNEL = "/channels/{channel_id}"
_MESSAGE = f"{_CHANNEL}/messages/{{message_id}}"
_REACTIONS = f"{_MESSAGE}/reactions"
ROUTES = (
    Route("GET", f"{_CHANNEL}/messages", list_messages),
    Route("POST", f"{_CHANNEL}/messages", create_message),
    Route("POST", f"{_CHANNEL}/messages/bulk-delete", bulk_delete),
    Route("GET", f"{_CHANNEL}/messages/pins", page_pins),
    Route("PUT", f"{_CHANNEL}/messages/pins/{{message_id}}", pin),
    Route("DELETE", f"{_CHANNEL}/messages/pins/{{message_id}}", unpin),
    Route("GET", f"{_CHANNEL}/pins", list_pins),
    Route("PUT", f"{_CHANNEL}/pins/{{message_id}}", pin),
    Route("DELETE", f"{_CHANNEL}/pins/{{message_id}}", unpin),
    Route("GET", _MESSAGE, get_message),
    Route("PATCH", _MESSAGE, edit_message),
    Route("DELETE", _MESSAGE, delete_message),
    Route("DELETE", _REACTIONS, clear_reactions),
    Route("GET", f"{_REACTIONS}/{{emoji}}", list_reactions),
    Route("DELETE", f"{_REACTIONS}/{{emoji}}", clear_reactions),
    Route("PUT", f"{_REACTIONS}/{{emoji}}/@me", add_reaction),
    Route("DELETE", f"{_REACTIONS}/{{emoji}}/@me", remove_reaction),
    Route("DELETE", f"{_REACTIONS}/{{emoji}}/{{user_id}}", remove_reaction),
)
