"""Routes about invites and the audit log."""

from __future__ import annotations

from alphapy.sandbox.rest.routes import Answer, Call, Route
from alphapy.sandbox.world.audit import Query


async def create(call: Call) -> Answer:
    """An invite to a channel."""
    invite = call.world.invites.create(call.by, call.id("channel_id"), call.object(), reason=call.reason)
    return Answer(invite)


async def of_channel(call: Call) -> Answer:
    """The invites of a channel."""
    return Answer(call.world.invites.of_channel(call.by, call.id("channel_id")))


async def of_guild(call: Call) -> Answer:
    """The invites of a guild."""
    return Answer(call.world.invites.of_guild(call.by, call.id("guild_id")))


async def vanity(call: Call) -> Answer:
    """The guild's own address."""
    return Answer(call.world.invites.vanity(call.by, call.id("guild_id")))


async def get(call: Call) -> Answer:
    """One invite, as anybody sees it."""
    counts = call.query.get("with_counts", "").lower() in {"true", "1"}
    return Answer(call.world.invites.read(call.parameters["code"], counts=counts))


async def delete(call: Call) -> Answer:
    """End an invite."""
    return Answer(call.world.invites.delete(call.by, call.parameters["code"], reason=call.reason))


async def audit_log(call: Call) -> Answer:
    """A page of a guild's audit log."""
    action = call.query.get("action_type")
    query = Query(
        user_id=call.optional_id("user_id"),
        action=None if action is None else int(action),
        target_id=call.optional_id("target_id"),
        before=call.optional_id("before"),
        after=call.optional_id("after"),
        limit=call.number("limit", 50, 100),
    )
    return Answer(call.world.audit.read(call.by, call.id("guild_id"), query))


ROUTES = (
    Route("POST", "/channels/{channel_id}/invites", create),
    Route("GET", "/channels/{channel_id}/invites", of_channel),
    Route("GET", "/guilds/{guild_id}/invites", of_guild),
    Route("GET", "/guilds/{guild_id}/vanity-url", vanity),
    Route("GET", "/invites/{code}", get, open=True),
    Route("DELETE", "/invites/{code}", delete),
    Route("GET", "/guilds/{guild_id}/audit-logs", audit_log),
)
