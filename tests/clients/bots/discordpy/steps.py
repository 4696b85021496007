"""What the bot does when it is told to: each step comes back with what its test looks at."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.clients.bots.report import JSON


async def members(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    everybody = await guild.chunk(cache=True)
    found = await guild.query_members(arguments["query"], limit=5)
    named = await guild.query_members(user_ids=arguments["ids"], limit=100)
    return {
        "all": len({member.id for member in everybody}),
        "query": sorted(member.name for member in found),
        "by_id": sorted(str(member.id) for member in named),
    }


async def chat(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    channel = _text(message)
    embed = discord.Embed(title="A title", description="A text", colour=0x336699)
    embed.add_field(name="one", value="1", inline=True).set_footer(text="below")
    async with channel.typing():
        sent = await channel.send("hello **there**", embed=embed, nonce=arguments["nonce"])
    reply = await message.reply("an answer", mention_author=False)
    quiet = await channel.send(
        f"<@{message.author.id}>", allowed_mentions=discord.AllowedMentions.none(), silent=True
    )
    edited = await sent.edit(content="changed")
    await sent.add_reaction("\N{THUMBS UP SIGN}")
    await sent.add_reaction("\N{EYES}")
    me = bot.user
    if me is not None:
        await sent.remove_reaction("\N{EYES}", me)
    extra = [await channel.send(f"extra {number}") for number in range(3)]
    await extra[0].delete()
    await channel.delete_messages(extra[1:])
    fetched = await channel.fetch_message(sent.id)
    history = [entry.content async for entry in channel.history(limit=3)]
    fans = [str(user.id) async for user in fetched.reactions[0].users()]
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
        "reply_to": str(reply.reference.message_id) if reply.reference else None,
    }


async def file(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    files = [
        discord.File(io.BytesIO(arguments["text"].encode()), "notes.txt", description="Some notes"),
        discord.File(io.BytesIO(bytes(range(256))), "bytes.bin", spoiler=True),
    ]
    sent = await message.channel.send("two files", files=files)
    read = [await attachment.read() for attachment in sent.attachments]
    left = await sent.edit(attachments=[sent.attachments[0]])
    return {
        "id": str(sent.id),
        "names": [attachment.filename for attachment in sent.attachments],
        "sizes": [attachment.size for attachment in sent.attachments],
        "description": sent.attachments[0].description,
        "text": read[0].decode(),
        "intact": read[1] == bytes(range(256)),
        "left": [attachment.filename for attachment in left.attachments],
    }


async def pins(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    target = await message.channel.fetch_message(int(arguments["message"]))
    await target.pin()
    pinned = [str(entry.id) async for entry in message.channel.pins()]
    await target.unpin()
    left = [str(entry.id) async for entry in message.channel.pins()]
    return {"pinned": pinned, "left": left}


async def thread(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    channel = _text(message)
    target = await channel.fetch_message(int(arguments["message"]))
    thread = await target.create_thread(name="about this", auto_archive_duration=60, reason="to discuss")
    said = await thread.send("in the thread")
    user = discord.Object(int(arguments["user"]))
    await thread.add_user(user)
    members = [str(member.id) for member in await thread.fetch_members()]
    await thread.remove_user(user)
    await thread.edit(name="renamed", archived=True, locked=False)
    archived = [str(entry.id) async for entry in channel.archived_threads()]
    alone = await channel.create_thread(name="alone", type=discord.ChannelType.public_thread)
    private = await channel.create_thread(name="private", invitable=False)
    active = sorted(entry.name for entry in await channel.guild.active_threads())
    await alone.delete()
    return {
        "id": str(thread.id),
        "said": str(said.id),
        "members": members,
        "archived": archived,
        "alone": str(alone.id),
        "private": str(private.id),
        "active": active,
    }


async def roles(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    role = await guild.create_role(
        name="keeper", colour=discord.Colour(0x112233), hoist=True, reason="a light needs one"
    )
    await role.edit(name="lamp keeper", mentionable=True, reason="a better name")
    member = await guild.fetch_member(int(arguments["user"]))
    await member.add_roles(role, reason="well earned")
    given = role.id in [entry.id for entry in (await guild.fetch_member(member.id)).roles]
    await member.remove_roles(role, reason="a shift has an end")
    spare = await guild.create_role(name="spare")
    moved = await guild.edit_role_positions({role: spare.position + 1})
    await spare.delete(reason="not needed")
    fetched = await guild.fetch_roles()
    return {
        "id": str(role.id),
        "spare": str(spare.id),
        "given": given,
        "above": next(r.position for r in moved if r.id == role.id),
        "names": [entry.name for entry in fetched],
    }


async def channels(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    category = await guild.create_category("harbour", reason="a place")
    channel = await guild.create_text_channel("watch", topic="keep it", category=category, reason="a channel")
    await channel.edit(name="night-watch", topic="all night", slowmode_delay=5, reason="night falls")
    member = await guild.fetch_member(int(arguments["user"]))
    await channel.set_permissions(member, send_messages=False, reason="sleep")
    fetched = await guild.fetch_channel(channel.id)
    if not isinstance(fetched, discord.TextChannel):
        raise TypeError("not a text channel")
    may_send = fetched.permissions_for(member).send_messages
    await channel.set_permissions(member, overwrite=None, reason="awake")
    names = [entry.name for entry in await guild.fetch_channels()]
    spare = await guild.create_voice_channel("spare", reason="for a moment")
    await spare.delete(reason="gone")
    return {
        "id": str(channel.id),
        "category": str(category.id),
        "spare": str(spare.id),
        "may_send": may_send,
        "names": names,
        "slowmode": fetched.slowmode_delay,
    }


async def moderate(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    loud = await guild.fetch_member(int(arguments["timeout"]))
    await loud.edit(nick="Quiet one", reason="a hint")
    await loud.timeout(timedelta(minutes=10), reason="too loud")
    muted = (await guild.fetch_member(loud.id)).is_timed_out()
    await loud.timeout(None, reason="calm again")
    rude = await guild.fetch_member(int(arguments["ban"]))
    await rude.ban(reason="ünpleasant & rude", delete_message_seconds=3600)
    ban = await guild.fetch_ban(discord.Object(rude.id))
    bans = [str(entry.user.id) async for entry in guild.bans()]
    await guild.unban(discord.Object(rude.id), reason="forgiven")
    away = await guild.fetch_member(int(arguments["kick"]))
    await away.kick(reason="asked for it")
    crowd = [discord.Object(int(user)) for user in arguments["crowd"]]
    many = await guild.bulk_ban(crowd, reason="a raid")
    log = [
        {"action": entry.action.value, "reason": entry.reason, "user": str(entry.user_id)}
        async for entry in guild.audit_logs(limit=8)
    ]
    chosen = [e async for e in guild.audit_logs(limit=5, action=discord.AuditLogAction.ban)]
    return {
        "muted": muted,
        "ban_reason": ban.reason,
        "bans": bans,
        "many": sorted(str(user.id) for user in many.banned),
        "log": log,
        "chosen": [str(getattr(entry.target, "id", None)) for entry in chosen],
    }


async def invites(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    channel = _text(message)
    invite = await channel.create_invite(max_age=3600, max_uses=2, unique=True, reason="for a friend")
    other = await channel.create_invite(max_age=0, unique=True)
    fetched = await bot.fetch_invite(invite.code)
    listed = sorted(entry.code for entry in await channel.guild.invites())
    await other.delete(reason="too many")
    left = [entry.code for entry in await channel.invites()]
    return {
        "code": invite.code,
        "other": other.code,
        "guild": str(fetched.guild.id) if fetched.guild else None,
        "members": fetched.approximate_member_count,
        "max_uses": invite.max_uses,
        "listed": listed,
        "left": left,
    }


async def direct(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    user = await bot.fetch_user(int(arguments["user"]))
    sent = await user.send("just between us")
    return {"channel": str(sent.channel.id), "id": str(sent.id)}


async def refusals(bot: discord.Client, message: discord.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "hidden": lambda: bot.http.send_message(
            int(arguments["hidden"]), params=discord.http.MultipartParameters({"content": "x"}, None, None)
        ),
        "message": lambda: message.channel.fetch_message(1),
        "channel": lambda: bot.fetch_channel(1),
        "user": lambda: bot.fetch_user(1),
        "empty": lambda: message.channel.send(""),
        "long": lambda: message.channel.send("x" * 2001),
        "owner": lambda: guild.kick(discord.Object(int(arguments["owner"]))),
        "invite": lambda: bot.fetch_invite("nothing"),
        "ban": lambda: guild.fetch_ban(discord.Object(int(arguments["owner"]))),
        "foreign": lambda: bot.http.edit_message(
            message.channel.id,
            message.id,
            params=discord.http.MultipartParameters({"content": "x"}, None, None),
        ),
    }
    refused = {}
    for name, attempt in attempts.items():
        try:
            await attempt()
        except discord.HTTPException as error:
            refused[name] = {"status": error.status, "code": error.code, "text": error.text}
    return refused


async def stop(bot: discord.Client, message: discord.Message, arguments: JSON) -> None:
    await bot.close()


def _guild(message: discord.Message) -> discord.Guild:
    if message.guild is None:
        raise ValueError("not in a guild")
    return message.guild


def _text(message: discord.Message) -> discord.TextChannel:
    if not isinstance(message.channel, discord.TextChannel):
        raise TypeError("not a text channel")
    return message.channel


STEPS: dict[str, Callable[[discord.Client, discord.Message, JSON], Awaitable[Any]]] = {
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
