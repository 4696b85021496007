"""Routes about the gateway, the bot's own account and its application."""

from __future__ import annotations

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route


async def get_gateway(call: Call) -> Answer:
    """Where the gateway is."""
    return Answer({"url": call.gateway_url})


async def get_gateway_bot(call: Call) -> Answer:
    """Where the gateway is, how many shards are recommended, and the allowance of identifies."""
    guilds = sum(1 for _ in call.world.guilds.of_user(call.by))
    return Answer(
        {
            "url": call.gateway_url,
            "shards": max(1, guilds // 1000 if call.world.tuning.guilds_per_shard else 1),
            "session_start_limit": call.session_starts(call.by),
        }
    )


async def get_me(call: Call) -> Answer:
    """The account that calls."""
    return Answer(call.world.users.own(call.me))


async def edit_me(call: Call) -> Answer:
    """Change the bot's username."""
    body = call.object()
    problems = Problems()
    problems.longest(("username",), body.get("username"), limits.NICK, least=2)
    problems.raise_if_any()
    user = call.world.users.get(call.by)
    if body.get("username"):
        user["username"] = body["username"]
        call.world.feed.wake()
    return Answer(call.world.users.own(call.by))


async def get_user(call: Call) -> Answer:
    """Any account."""
    return Answer(call.world.users.get(call.id("user_id")))


async def get_application(call: Call) -> Answer:
    """The bot's application."""
    return Answer(call.world.applications.json(call.world.applications.get(call.by)))


async def list_guilds(call: Call) -> Answer:
    """The guilds of the account that calls, in the order of their ids."""
    after = call.optional_id("after") or 0
    before = call.optional_id("before")
    ids = sorted(
        g for g in call.world.guilds.of_user(call.me) if g > after and (before is None or g < before)
    )
    return Answer([_partial(call, guild_id) for guild_id in ids[: call.number("limit", 200, 200)]])


async def leave_guild(call: Call) -> Answer:
    """Leave a guild."""
    guild_id = call.id("guild_id")
    if not call.world.guilds.is_member(guild_id, call.by):
        raise refused(Code.UNKNOWN_GUILD)
    call.world.members.leave(guild_id, call.by)
    return NOTHING


async def open_direct(call: Call) -> Answer:
    """Open the direct message channel with a user."""
    recipient = int(call.object()["recipient_id"])
    call.world.users.get(recipient)
    if recipient == call.by or call.world.users.is_bot(recipient):
        raise refused(Code.CANNOT_MESSAGE_USER)
    channel = call.world.guilds.open_direct(call.by, recipient)
    return Answer(call.world.guilds.channel_json(channel, call.by))


def _partial(call: Call, guild_id: int) -> JSON:
    guild = call.world.guilds.peek(guild_id)
    shown: JSON = {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": guild.owner_id == call.me,
        "permissions": str(call.world.access.in_guild(call.me, guild)),
        "features": guild.record["features"],
    }
    if call.query.get("with_counts", "").lower() in {"true", "1"}:
        shown["approximate_member_count"] = shown["approximate_presence_count"] = len(guild.members)
    return shown


ROUTES = (
    Route("GET", "/gateway", get_gateway, open=True),
    Route("GET", "/gateway/bot", get_gateway_bot),
    Route("GET", "/users/@me", get_me, scope="identify"),
    Route("PATCH", "/users/@me", edit_me),
    Route("GET", "/users/{user_id}", get_user),
    Route("GET", "/oauth2/applications/@me", get_application),
    Route("GET", "/applications/@me", get_application),
    Route("GET", "/users/@me/guilds", list_guilds, scope="guilds"),
    Route("DELETE", "/users/@me/guilds/{guild_id}", leave_guild),
    Route("POST", "/users/@me/channels", open_direct),
)
