"""A hikari bot that does what its test asks for. hikari itself is as it comes from PyPI.

It finds the sandbox by one address, ``rest_url``; the gateway is the one that REST names.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hikari

from tests.clients.bots.report import API_BASE, JSON, TOKEN, order, tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WORDS = ("anchor", "beacon", "buoy", "harbour")
PRIVATE = hikari.MessageFlag.EPHEMERAL
CREATE = hikari.ResponseType.MESSAGE_CREATE

bot = hikari.GatewayBot(
    TOKEN or "MQ.x.x",
    rest_url=API_BASE or None,
    intents=hikari.Intents.ALL,
    auto_chunk_members=False,
    banner=None,
    logs=None,
    suppress_optimization_warning=True,
)
guild_names: dict[str, str] = {}


# What it sees


@bot.listen()
async def on_guild(event: hikari.GuildAvailableEvent) -> None:
    guild_names[str(event.guild_id)] = event.guild.name


@bot.listen()
async def on_started(_event: hikari.StartedEvent) -> None:
    application = await bot.rest.fetch_application()
    commands = await bot.rest.set_application_commands(application.id, [probe_command()])
    tell("commands", names=[command.name for command in commands])
    me = bot.get_me()
    while not guild_names:
        await bot.wait_for(hikari.GuildAvailableEvent, timeout=10)
    tell("ready", id=str(me.id if me else 0), guilds=guild_names)


@bot.listen()
async def on_shard_ready(event: hikari.ShardReadyEvent) -> None:
    tell("session", id=event.session_id)


@bot.listen()
async def on_resumed(_event: hikari.ShardResumedEvent) -> None:
    tell("resumed")


@bot.listen()
async def on_message(event: hikari.MessageCreateEvent) -> None:
    message = event.message
    tell(
        "message",
        id=str(message.id),
        type=int(message.type),
        content=message.content or "",
        author=str(message.author.id),
        channel=str(message.channel_id),
        guild=str(message.guild_id) if message.guild_id else None,
    )
    wanted = order(message.content)
    if wanted is None or message.author.is_bot:
        return
    step, arguments = wanted
    try:
        result = await STEPS[step](message, arguments)
    except Exception as error:
        tell("failed", step=step, error=repr(error))
        raise
    tell("done", step=step, result=result)


@bot.listen()
async def on_edit(event: hikari.MessageUpdateEvent) -> None:
    message = event.message
    tell("edit", id=str(message.id), content=message.content or "", pinned=message.is_pinned)


@bot.listen()
async def on_delete(event: hikari.MessageDeleteEvent) -> None:
    tell("delete", id=str(event.message_id))


@bot.listen()
async def on_bulk_delete(event: hikari.GuildBulkMessageDeleteEvent) -> None:
    tell("bulk_delete", ids=sorted(str(message_id) for message_id in event.message_ids))


@bot.listen()
async def on_reaction(event: hikari.ReactionAddEvent) -> None:
    tell("reaction", message=str(event.message_id), emoji=str(event.emoji_name), user=str(event.user_id))


@bot.listen()
async def on_unreaction(event: hikari.ReactionDeleteEvent) -> None:
    tell("unreaction", message=str(event.message_id), emoji=str(event.emoji_name), user=str(event.user_id))


@bot.listen()
async def on_member_join(event: hikari.MemberCreateEvent) -> None:
    tell("member_join", id=str(event.user_id))


@bot.listen()
async def on_member_leave(event: hikari.MemberDeleteEvent) -> None:
    tell("member_leave", id=str(event.user_id))


@bot.listen()
async def on_member_update(event: hikari.MemberUpdateEvent) -> None:
    until = event.member.raw_communication_disabled_until
    tell("member_update", id=str(event.user_id), nick=event.member.nickname, timed_out=until is not None)


@bot.listen()
async def on_ban(event: hikari.BanCreateEvent) -> None:
    tell("ban", id=str(event.user_id), guild=str(event.guild_id))


@bot.listen()
async def on_unban(event: hikari.BanDeleteEvent) -> None:
    tell("unban", id=str(event.user_id), guild=str(event.guild_id))


@bot.listen()
async def on_role_create(event: hikari.RoleCreateEvent) -> None:
    tell("role_create", id=str(event.role_id), name=event.role.name)


@bot.listen()
async def on_role_update(event: hikari.RoleUpdateEvent) -> None:
    tell("role_update", id=str(event.role_id), name=event.role.name)


@bot.listen()
async def on_role_delete(event: hikari.RoleDeleteEvent) -> None:
    tell("role_delete", id=str(event.role_id))


@bot.listen()
async def on_channel_create(event: hikari.GuildChannelCreateEvent) -> None:
    tell("channel_create", id=str(event.channel_id), name=event.channel.name)


@bot.listen()
async def on_channel_update(event: hikari.GuildChannelUpdateEvent) -> None:
    tell("channel_update", id=str(event.channel_id), name=event.channel.name)


@bot.listen()
async def on_channel_delete(event: hikari.GuildChannelDeleteEvent) -> None:
    tell("channel_delete", id=str(event.channel_id))


@bot.listen()
async def on_thread_create(event: hikari.GuildThreadCreateEvent) -> None:
    tell("thread_create", id=str(event.thread_id), name=event.thread.name)


@bot.listen()
async def on_thread_update(event: hikari.GuildThreadUpdateEvent) -> None:
    tell("thread_update", id=str(event.thread_id))


@bot.listen()
async def on_thread_delete(event: hikari.GuildThreadDeleteEvent) -> None:
    tell("thread_delete", id=str(event.thread_id))


@bot.listen()
async def on_thread_members(event: hikari.ThreadMembersUpdateEvent) -> None:
    for user_id in event.added_members:
        tell("thread_join", id=str(event.thread_id), user=str(user_id))


@bot.listen()
async def on_invite_create(event: hikari.InviteCreateEvent) -> None:
    tell("invite_create", code=event.code)


@bot.listen()
async def on_invite_delete(event: hikari.InviteDeleteEvent) -> None:
    tell("invite_delete", code=event.code)


@bot.listen()
async def on_pins(event: hikari.GuildPinsUpdateEvent) -> None:
    tell("pins", channel=str(event.channel_id))


@bot.listen()
async def on_audit_log_entry(event: hikari.AuditLogEntryCreateEvent) -> None:
    entry = event.entry
    tell("audit", action=int(entry.action_type), reason=entry.reason, user=str(entry.user_id))


@bot.listen()
async def on_typing(event: hikari.TypingEvent) -> None:
    tell("typing", user=str(event.user_id))


# What it does


async def members(message: hikari.Message, arguments: JSON) -> JSON:
    guild = _guild(message)
    everybody, chunks = await _chunks(guild, "all")
    found, _ = await _chunks(guild, "query", query=arguments["query"], limit=5)
    named, _ = await _chunks(guild, "ids", users=[hikari.Snowflake(user) for user in arguments["ids"]])
    return {
        "all": len({member.id for member in everybody}),
        "chunks": chunks,
        "query": sorted(member.username for member in found),
        "by_id": sorted(str(member.id) for member in named),
    }


async def _chunks(guild: hikari.Snowflake, nonce: str, **what: Any) -> tuple[list[hikari.Member], int]:
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


async def chat(message: hikari.Message, arguments: JSON) -> JSON:
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


async def file(message: hikari.Message, arguments: JSON) -> JSON:
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


async def pins(message: hikari.Message, arguments: JSON) -> JSON:
    rest, here, target = bot.rest, message.channel_id, int(arguments["message"])
    await rest.pin_message(here, target)
    pinned = [str(pin.message.id) async for pin in rest.fetch_pins(here)]
    await rest.unpin_message(here, target)
    left = [str(pin.message.id) async for pin in rest.fetch_pins(here)]
    return {"pinned": pinned, "left": left}


async def thread(message: hikari.Message, arguments: JSON) -> JSON:
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


async def roles(message: hikari.Message, arguments: JSON) -> JSON:
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


async def channels(message: hikari.Message, arguments: JSON) -> JSON:
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


async def moderate(message: hikari.Message, arguments: JSON) -> JSON:
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


async def invites(message: hikari.Message, arguments: JSON) -> JSON:
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


async def direct(message: hikari.Message, arguments: JSON) -> JSON:
    channel = await bot.rest.create_dm_channel(int(arguments["user"]))
    sent = await bot.rest.create_message(channel, "just between us")
    return {"channel": str(sent.channel_id), "id": str(sent.id)}


async def refusals(message: hikari.Message, arguments: JSON) -> JSON:
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


async def stop(message: hikari.Message, arguments: JSON) -> None:
    await bot.close()


STEPS: dict[str, Callable[[hikari.Message, JSON], Awaitable[Any]]] = {
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


# How it answers people


def probe_command() -> hikari.api.SlashCommandBuilder:
    """The slash commands: each tells what it got and answers in its own way."""
    kinds = hikari.OptionType
    echo = [
        hikari.CommandOption(
            type=kinds.STRING, name="text", description="What to say", is_required=True, autocomplete=True
        ),
        hikari.CommandOption(
            type=kinds.INTEGER,
            name="count",
            description="How often",
            is_required=True,
            min_value=1,
            max_value=10,
        ),
        hikari.CommandOption(type=kinds.FLOAT, name="ratio", description="How much"),
        hikari.CommandOption(type=kinds.BOOLEAN, name="flag", description="Whether"),
        hikari.CommandOption(type=kinds.USER, name="who", description="Who"),
        hikari.CommandOption(
            type=kinds.CHANNEL,
            name="where",
            description="Where",
            channel_types=[hikari.ChannelType.GUILD_TEXT],
        ),
        hikari.CommandOption(type=kinds.ROLE, name="role", description="Which role"),
    ]
    builder = hikari.impl.SlashCommandBuilder("probe", "What the test asks for")
    builder.add_option(
        hikari.CommandOption(type=kinds.SUB_COMMAND, name="echo", description="Say it again", options=echo)
    )
    for name, description in (
        ("buttons", "Show buttons"),
        ("form", "Open a form"),
        ("slow", "Take one's time"),
        ("silent", "Answer nobody"),
    ):
        builder.add_option(
            hikari.CommandOption(type=kinds.SUB_COMMAND, name=name, description=description)
        )
    return builder


@bot.listen()
async def on_command(event: hikari.CommandInteractionCreateEvent) -> None:
    interaction = event.interaction
    leaf = (interaction.options or ())[0]
    await ANSWERS[leaf.name](interaction, leaf)


async def echo(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    values = {option.name: option.value for option in leaf.options or ()}
    resolved = interaction.resolved
    tell(
        "command",
        path=f"{interaction.command_name} {leaf.name}",
        user=str(interaction.user.id),
        channel=str(interaction.channel_id),
        who=_only(resolved.members if resolved else {}),
        where=_only(resolved.channels if resolved else {}),
        role=_only(resolved.roles if resolved else {}),
        **{key: values.get(key) for key in ("text", "count", "ratio", "flag")},
    )
    await interaction.create_initial_response(CREATE, f"echo: {values['text']}")
    shown = await interaction.fetch_initial_response()
    tell("original", id=str(shown.id), content=shown.content)


async def buttons(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    row = bot.rest.build_message_action_row()
    row.add_interactive_button(hikari.ButtonStyle.PRIMARY, "press", label="Press")
    choose = bot.rest.build_message_action_row()
    menu = choose.add_text_menu("pick", placeholder="Pick some", min_values=1, max_values=2)
    for word in WORDS:
        menu.add_option(word.title(), word)
    people = bot.rest.build_message_action_row()
    people.add_select_menu(hikari.ComponentType.USER_SELECT_MENU, "person")
    await interaction.create_initial_response(CREATE, "Choose:", components=[row, choose, people])


async def form(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    name = bot.rest.build_modal_action_row().add_text_input("name", "Name", max_length=20)
    story = bot.rest.build_modal_action_row().add_text_input(
        "story",
        "Story",
        style=hikari.TextInputStyle.PARAGRAPH,
        required=False,
        value="once upon a time",
    )
    await interaction.create_modal_response("A form", "form", components=[name, story])


async def slow(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
    await interaction.edit_initial_response("done thinking")
    further = await interaction.execute("and more")
    secret = await interaction.execute("only for you", flags=PRIVATE)
    await interaction.delete_message(further)
    private = bool(secret.flags & PRIVATE)
    tell("slow", further=str(further.id), secret=str(secret.id), private=private)


async def silent(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    tell("silent", user=str(interaction.user.id))


ANSWERS: dict[
    str, Callable[[hikari.CommandInteraction, hikari.CommandInteractionOption], Awaitable[None]]
] = {"echo": echo, "buttons": buttons, "form": form, "slow": slow, "silent": silent}


@bot.listen()
async def on_autocomplete(event: hikari.AutocompleteInteractionCreateEvent) -> None:
    leaf = event.interaction.options[0]
    focused = next(option for option in leaf.options or () if option.is_focused)
    current = str(focused.value)
    tell("autocomplete", current=current)
    fitting = [word for word in WORDS if word.startswith(current)]
    await event.interaction.create_response(
        [hikari.impl.AutocompleteChoiceBuilder(name=word.title(), value=word) for word in fitting]
    )


@bot.listen()
async def on_component(event: hikari.ComponentInteractionCreateEvent) -> None:
    interaction = event.interaction
    if interaction.custom_id == "press":
        tell("button", custom_id="press", user=str(interaction.user.id))
        await interaction.create_initial_response(
            hikari.ResponseType.MESSAGE_UPDATE, "pressed", components=[]
        )
    elif interaction.custom_id == "pick":
        tell("select", values=list(interaction.values))
        await interaction.create_initial_response(CREATE, " ".join(interaction.values), flags=PRIVATE)
    else:
        tell("person", values=list(interaction.values))
        await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_UPDATE)
        await interaction.execute("noted", flags=PRIVATE)


@bot.listen()
async def on_modal(event: hikari.ModalInteractionCreateEvent) -> None:
    interaction = event.interaction
    texts = {component.custom_id: component.value for row in interaction.components for component in row}
    tell("modal", name=texts["name"], story=texts["story"])
    await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE, flags=PRIVATE)
    await interaction.edit_initial_response(f"Thank you, {texts['name']}")
    await interaction.execute("filed", flags=PRIVATE)


def _guild(message: hikari.Message) -> hikari.Snowflake:
    if message.guild_id is None:
        raise ValueError("not in a guild")
    return message.guild_id


def _only(found: Any) -> str | None:
    return next((str(entry) for entry in found), None)


if __name__ == "__main__":
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    bot.run(check_for_updates=False)
