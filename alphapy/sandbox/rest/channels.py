"""Routes about channels and their overwrites."""

from __future__ import annotations

from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route


async def get_channel(call: Call) -> Answer:
    """One channel."""
    place = call.world.channels.visible(call.by, call.id("channel_id"))
    return Answer(call.world.guilds.channel_json(place.channel, call.by))


async def edit_channel(call: Call) -> Answer:
    """Change a channel or a thread."""
    return Answer(call.world.channels.edit(call.by, call.id("channel_id"), call.object(), reason=call.reason))


async def delete_channel(call: Call) -> Answer:
    """Delete a channel or a thread."""
    channel_id = call.id("channel_id")
    channel = call.world.channels.delete(call.by, channel_id, reason=call.reason)
    return Answer(channel)


async def set_overwrite(call: Call) -> Answer:
    """Set the permissions of a role or a member."""
    call.world.channels.set_overwrite(
        call.by, call.id("channel_id"), call.id("overwrite_id"), call.object(), reason=call.reason
    )
    return NOTHING


async def delete_overwrite(call: Call) -> Answer:
    """Remove the permissions of a role or a member."""
    call.world.channels.delete_overwrite(
        call.by, call.id("channel_id"), call.id("overwrite_id"), reason=call.reason
    )
    return NOTHING


async def type_in(call: Call) -> Answer:
    """Show that the bot is typing."""
    call.world.channels.type(call.by, call.id("channel_id"))
    return NOTHING


_CHANNEL = "/channels/{channel_id}"
ROUTES = (
    Route("GET", _CHANNEL, get_channel),
    Route("PATCH", _CHANNEL, edit_channel),
    Route("DELETE", _CHANNEL, delete_channel),
    Route("PUT", f"{_CHANNEL}/permissions/{{overwrite_id}}", set_overwrite),
    Route("DELETE", f"{_CHANNEL}/permissions/{{overwrite_id}}", delete_overwrite),
    Route("POST", f"{_CHANNEL}/typing", type_in),
)
