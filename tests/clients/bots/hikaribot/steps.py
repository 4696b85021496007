"""What the bot does when it is told to: each step comes back with what its test looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hikari

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.clients.bots.report import JSON


async def members(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    everybody, chunks = await _chunks(bot, guild, "all")
    found, _ = await _chunks(bot, guild, "query", query=arguments["query"], limit=5)
    named, _ = await _chunks(bot, guild, "ids", users=[hikari.Snowflake(user) for user in arguments["ids"]])
    return {
        "all": len({member.id for member in everybody}),
        "chunks": chunks,
        "query": sorted(member.username for member in found),
        "by_id": sorted(str(member.id) for member in named),
    }


async def _chunks(
    bot: hikari.GatewayBot, guild: hikari.Snowflake, nonce: str, **what: Any
) -> tuple[list[hikari.Member], int]:
    with bot.stream(hikari.MemberChunkEvent, timeout=10).filter(("nonce", nonce)) as stream:
        await bot.request_guild_members(guild, nonce=nonce, **what)
        found: list[hikari.Member] = []
        count = 0
        async for event in stream:
            count += 1
            found += event.members.values()
            if event.chunk_index == event.chunk_count - 1:
                break
    return found, count


async def chat(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, here = bot.rest, message.channel_id
    embed = hikari.Embed(title="A title", description="A text", colour=0x336699)
    embed.add_field("one", "1", inline=True).set_footer("below")
    async with rest.trigger_typing(here):
        sent = await rest.create_message(here, "hello **there**", embed=embed, nonce=arguments["nonce"])
    reply = await message.respond("an answer", reply=True, mentions_reply=False)
    quiet = await rest.create_message(
        here,
        f"<@{message.author.id}>",
        user_mentions=False,
        flags=hikari.MessageFlag.SUPPRESS_NOTIFICATIONS,
    )
    edited = await sent.edit("changed")
    await sent.add_reaction("\N{THUMBS UP SIGN}")
    await sent.add_reaction("\N{EYES}")
    await sent.remove_reaction("\N{EYES}")
    extra = [await rest.create_message(here, f"extra {number}") for number in range(3)]
    await extra[0].delete()
    await rest.delete_messages(here, extra[1:])
    fetched = await rest.fetch_message(here, sent)
    history = [entry.content async for entry in rest.fetch_messages(here).limit(3)]
    fans = [str(u.id) async for u in rest.fetch_reactions_for_emoji(here, sent, "\N{THUMBS UP SIGN}")]
    return {
        "sent": str(sent.id),
        "reply": str(reply.id),
        "quiet": str(quiet.id),
        "edited": edited.content,
        "embed": fetched.embeds[0].title,
        "field": fetched.embeds[0].fields[0].value,
        "reactions": {str(r.emoji): r.count for r in fetched.reactions},
        "fans": fans,
        "history": history,
        "deleted": [str(entry.id) for entry in extra],
        "reply_to": str(reply.message_reference.id) if reply.message_reference else None,
    }


async def file(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    files = [
        hikari.Bytes(arguments["text"].encode(), "notes.txt"),
        hikari.Bytes(bytes(range(256)), "bytes.bin", spoiler=True),
    ]
    sent = await bot.rest.create_message(message.channel_id, "two files", attachments=files)
    read = [await attachment.read() for attachment in sent.attachments]
    left = await sent.edit(attachments=[sent.attachments[0]])
    return {
        "id": str(sent.id),
        "names": [attachment.filename for attachment in sent.attachments],
        "sizes": [attachment.size for attachment in sent.attachments],
        "text": read[0].decode(),
        "intact": read[1] == bytes(range(256)),
        "left": [attachment.filename for attachment in left.attachments],
    }


async def pins(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, here, target = bot.rest, message.channel_id, int(arguments["message"])
    await rest.pin_message(here, target)
    pinned = [str(pin.message.id) async for pin in rest.fetch_pins(here)]
    await rest.unpin_message(here, target)
    left = [str(pin.message.id) async for pin in rest.fetch_pins(here)]
    return {"pinned": pinned, "left": left}


async def thread(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, here, user = bot.rest, message.channel_id, int(arguments["user"])
    started = await rest.create_message_thread(
        here,
        int(arguments["message"]),
        "about this",
        auto_archive_duration=timedelta(hours=1),
        reason="to discuss",
    )
    said = await rest.create_message(started, "in the thread")
    await rest.add_thread_member(started, user)
    inside = [str(member.user_id) async for member in rest.fetch_thread_members(started)]
    await rest.remove_thread_member(started, user)
    await rest.edit_channel(started, name="renamed", archived=True, locked=False)
    archived = [str(entry.id) async for entry in rest.fetch_public_archived_threads(here)]
    alone = await rest.create_thread(here, hikari.ChannelType.GUILD_PUBLIC_THREAD, "alone")
    private = await rest.create_thread(
        here, hikari.ChannelType.GUILD_PRIVATE_THREAD, "private", invitable=False
    )
    active = sorted(str(entry.name) for entry in await rest.fetch_active_threads(_guild(message)))
    await rest.delete_channel(alone)
    return {
        "id": str(started.id),
        "said": str(said.id),
        "members": inside,
        "archived": archived,
        "alone": str(alone.id),
        "private": str(private.id),
        "active": active,
    }


async def roles(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, guild, user = bot.rest, _guild(message), int(arguments["user"])
    role = await rest.create_role(
        guild, name="keeper", colour=0x112233, hoist=True, reason="a light needs one"
    )
    await rest.edit_role(guild, role, name="lamp keeper", mentionable=True, reason="a better name")
    await rest.add_role_to_member(guild, user, role, reason="well earned")
    given = role.id in (await rest.fetch_member(guild, user)).role_ids
    await rest.remove_role_from_member(guild, user, role, reason="a shift has an end")
    spare = await rest.create_role(guild, name="spare")
    await rest.reposition_roles(guild, {spare.position + 1: role.id})
    await rest.delete_role(guild, spare, reason="not needed")
    fetched = await rest.fetch_roles(guild)
    return {
        "id": str(role.id),
        "spare": str(spare.id),
        "given": given,
        "above": next(entry.position for entry in fetched if entry.id == role.id),
        "names": [entry.name for entry in fetched],
    }


async def channels(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, guild, user = bot.rest, _guild(message), int(arguments["user"])
    category = await rest.create_guild_category(guild, "harbour", reason="a place")
    channel = await rest.create_guild_text_channel(
        guild, "watch", topic="keep it", category=category, reason="a channel"
    )
    await rest.edit_channel(
        channel, name="night-watch", topic="all night", rate_limit_per_user=5, reason="night falls"
    )
    await rest.edit_permission_overwrite(
        channel,
        user,
        target_type=hikari.PermissionOverwriteType.MEMBER,
        deny=hikari.Permissions.SEND_MESSAGES,
        reason="sleep",
    )
    fetched = await rest.fetch_channel(channel)
    if not isinstance(fetched, hikari.GuildTextChannel):
        raise TypeError("not a text channel")
    denied = fetched.permission_overwrites[hikari.Snowflake(user)].deny
    await rest.delete_permission_overwrite(channel, user, reason="awake")
    names = [entry.name for entry in await rest.fetch_guild_channels(guild)]
    spare = await rest.create_guild_voice_channel(guild, "spare", reason="for a moment")
    await rest.delete_channel(spare, reason="gone")
    return {
        "id": str(channel.id),
        "category": str(category.id),
        "spare": str(spare.id),
        "may_send": not denied & hikari.Permissions.SEND_MESSAGES,
        "names": names,
        "slowmode": int(fetched.rate_limit_per_user.total_seconds()),
    }


async def moderate(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, guild = bot.rest, _guild(message)
    loud, rude, away = (int(arguments[name]) for name in ("timeout", "ban", "kick"))
    await rest.edit_member(guild, loud, nickname="Quiet one", reason="a hint")
    until = datetime.now(UTC) + timedelta(minutes=10)
    await rest.edit_member(guild, loud, communication_disabled_until=until, reason="too loud")
    muted = (await rest.fetch_member(guild, loud)).communication_disabled_until() is not None
    await rest.edit_member(guild, loud, communication_disabled_until=None, reason="calm again")
    await rest.ban_user(guild, rude, delete_message_seconds=3600, reason="ünpleasant & rude")
    ban = await rest.fetch_ban(guild, rude)
    bans = [str(entry.user.id) async for entry in rest.fetch_bans(guild)]
    await rest.unban_user(guild, rude, reason="forgiven")
    await rest.kick_user(guild, away, reason="asked for it")
    crowd = [hikari.Snowflake(user) for user in arguments["crowd"]]
    many = await rest.bulk_ban_users(guild, crowd, reason="a raid")
    pages = rest.fetch_audit_log(guild)
    entries = [entry async for page in pages.limit(1) for entry in page.entries.values()]
    chosen_pages = rest.fetch_audit_log(guild, event_type=hikari.AuditLogEventType.MEMBER_BAN_ADD)
    chosen = [entry async for page in chosen_pages.limit(1) for entry in page.entries.values()]
    return {
        "muted": muted,
        "ban_reason": ban.reason,
        "bans": bans,
        "many": sorted(str(user) for user in many.banned_users),
        "log": [
            {"action": int(entry.action_type), "reason": entry.reason, "user": str(entry.user_id)}
            for entry in entries[:8]
        ],
        "chosen": [str(entry.target_id) for entry in chosen[:5]],
    }


async def invites(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, here = bot.rest, message.channel_id
    invite = await rest.create_invite(here, max_age=3600, max_uses=2, unique=True, reason="for a friend")
    other = await rest.create_invite(here, max_age=0, unique=True)
    fetched = await rest.fetch_invite(invite.code, with_counts=True)
    listed = sorted(entry.code for entry in await rest.fetch_guild_invites(_guild(message)))
    await rest.delete_invite(other, reason="too many")
    left = [entry.code for entry in await rest.fetch_channel_invites(here)]
    return {
        "code": invite.code,
        "other": other.code,
        "guild": str(fetched.guild_id),
        "members": fetched.approximate_member_count,
        "max_uses": invite.max_uses,
        "listed": listed,
        "left": left,
    }


async def direct(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    channel = await bot.rest.create_dm_channel(int(arguments["user"]))
    sent = await bot.rest.create_message(channel, "just between us")
    return {"channel": str(sent.channel_id), "id": str(sent.id)}


async def refusals(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> JSON:
    rest, guild, here = bot.rest, _guild(message), message.channel_id
    owner = int(arguments["owner"])
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "hidden": lambda: rest.create_message(int(arguments["hidden"]), "x"),
        "message": lambda: rest.fetch_message(here, 1),
        "channel": lambda: rest.fetch_channel(1),
        "user": lambda: rest.fetch_user(1),
        "empty": lambda: rest.create_message(here, ""),
        "long": lambda: rest.create_message(here, "x" * 2001),
        "owner": lambda: rest.kick_user(guild, owner),
        "invite": lambda: rest.fetch_invite("nothing"),
        "ban": lambda: rest.fetch_ban(guild, owner),
        "foreign": lambda: rest.edit_message(here, message, "x"),
    }
    refused = {}
    for name, attempt in attempts.items():
        try:
            await attempt()
        except hikari.ClientHTTPResponseError as error:
            text = error.message
            if isinstance(error, hikari.BadRequestError):
                text = f"{text} {error.errors}"
            refused[name] = {"status": int(error.status), "code": error.code, "text": text}
    return refused


async def stop(bot: hikari.GatewayBot, message: hikari.Message, arguments: JSON) -> None:
    await bot.close()


def _guild(message: hikari.Message) -> hikari.Snowflake:
    if message.guild_id is None:
        raise ValueError("not in a guild")
    return message.guild_id


STEPS: dict[str, Callable[[hikari.GatewayBot, hikari.Message, JSON], Awaitable[Any]]] = {
    "members": members,
    "chat": chat,
    "file": file,
    "pins": pins,
    "thread": thread,
    "roles": roles,
    "channels": channels,
    "moderate": moderate,
    "invites": invites,
    "direct": direct,
    "refusals": refusals,
    "stop": stop,
}
