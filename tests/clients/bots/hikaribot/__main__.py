"""A hikari bot that does what its test asks for. hikari itself is as it comes from PyPI.

It finds the sandbox by one address, ``rest_url``; the gateway is the one that REST names.
"""

from __future__ import annotations

import logging
import sys

import hikari

from tests.clients.bots.hikaribot import probe
from tests.clients.bots.hikaribot.steps import STEPS
from tests.clients.bots.report import API_BASE, TOKEN, order, tell


def client(event: hikari.Event) -> hikari.GatewayBot:
    """The bot that an event came to."""
    if not isinstance(event.app, hikari.GatewayBot):
        raise TypeError("not a gateway bot")
    return event.app


async def on_started(event: hikari.StartedEvent) -> None:
    bot = client(event)
    application = await bot.rest.fetch_application()
    commands = await bot.rest.set_application_commands(application.id, [probe.command()])
    tell("commands", names=[command.name for command in commands])
    while not bot.cache.get_available_guilds_view():
        await bot.wait_for(hikari.GuildAvailableEvent, timeout=10)
    me = bot.get_me()
    names = {str(guild.id): guild.name for guild in bot.cache.get_available_guilds_view().values()}
    tell("ready", id=str(me.id if me else 0), guilds=names)


async def on_shard_ready(event: hikari.ShardReadyEvent) -> None:
    tell("session", id=event.session_id)


async def on_resumed(_event: hikari.ShardResumedEvent) -> None:
    tell("resumed")


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
        result = await STEPS[step](client(event), message, arguments)
    except Exception as error:
        tell("failed", step=step, error=repr(error))
        raise
    tell("done", step=step, result=result)


async def on_edit(event: hikari.MessageUpdateEvent) -> None:
    message = event.message
    tell("edit", id=str(message.id), content=message.content or "", pinned=message.is_pinned)


async def on_delete(event: hikari.MessageDeleteEvent) -> None:
    tell("delete", id=str(event.message_id))


async def on_bulk_delete(event: hikari.GuildBulkMessageDeleteEvent) -> None:
    tell("bulk_delete", ids=sorted(str(message_id) for message_id in event.message_ids))


async def on_reaction(event: hikari.ReactionAddEvent) -> None:
    tell("reaction", message=str(event.message_id), emoji=str(event.emoji_name), user=str(event.user_id))


async def on_unreaction(event: hikari.ReactionDeleteEvent) -> None:
    tell("unreaction", message=str(event.message_id), emoji=str(event.emoji_name), user=str(event.user_id))


async def on_member_join(event: hikari.MemberCreateEvent) -> None:
    tell("member_join", id=str(event.user_id))


async def on_member_leave(event: hikari.MemberDeleteEvent) -> None:
    tell("member_leave", id=str(event.user_id))


async def on_member_update(event: hikari.MemberUpdateEvent) -> None:
    until = event.member.raw_communication_disabled_until
    tell("member_update", id=str(event.user_id), nick=event.member.nickname, timed_out=until is not None)


async def on_ban(event: hikari.BanCreateEvent) -> None:
    tell("ban", id=str(event.user_id), guild=str(event.guild_id))


async def on_unban(event: hikari.BanDeleteEvent) -> None:
    tell("unban", id=str(event.user_id), guild=str(event.guild_id))


async def on_role_create(event: hikari.RoleCreateEvent) -> None:
    tell("role_create", id=str(event.role_id), name=event.role.name)


async def on_role_update(event: hikari.RoleUpdateEvent) -> None:
    tell("role_update", id=str(event.role_id), name=event.role.name)


async def on_role_delete(event: hikari.RoleDeleteEvent) -> None:
    tell("role_delete", id=str(event.role_id))


async def on_channel_create(event: hikari.GuildChannelCreateEvent) -> None:
    tell("channel_create", id=str(event.channel_id), name=event.channel.name)


async def on_channel_update(event: hikari.GuildChannelUpdateEvent) -> None:
    tell("channel_update", id=str(event.channel_id), name=event.channel.name)


async def on_channel_delete(event: hikari.GuildChannelDeleteEvent) -> None:
    tell("channel_delete", id=str(event.channel_id))


async def on_thread_create(event: hikari.GuildThreadCreateEvent) -> None:
    tell("thread_create", id=str(event.thread_id), name=event.thread.name)


async def on_thread_update(event: hikari.GuildThreadUpdateEvent) -> None:
    tell("thread_update", id=str(event.thread_id))


async def on_thread_delete(event: hikari.GuildThreadDeleteEvent) -> None:
    tell("thread_delete", id=str(event.thread_id))


async def on_thread_members(event: hikari.ThreadMembersUpdateEvent) -> None:
    for user_id in event.added_members:
        tell("thread_join", id=str(event.thread_id), user=str(user_id))


async def on_invite_create(event: hikari.InviteCreateEvent) -> None:
    tell("invite_create", code=event.code)


async def on_invite_delete(event: hikari.InviteDeleteEvent) -> None:
    tell("invite_delete", code=event.code)


async def on_pins(event: hikari.GuildPinsUpdateEvent) -> None:
    tell("pins", channel=str(event.channel_id))


async def on_audit_log_entry(event: hikari.AuditLogEntryCreateEvent) -> None:
    entry = event.entry
    tell("audit", action=int(entry.action_type), reason=entry.reason, user=str(entry.user_id))


async def on_typing(event: hikari.TypingEvent) -> None:
    tell("typing", user=str(event.user_id))


LISTENERS = (
    on_started,
    on_shard_ready,
    on_resumed,
    on_message,
    on_edit,
    on_delete,
    on_bulk_delete,
    on_reaction,
    on_unreaction,
    on_member_join,
    on_member_leave,
    on_member_update,
    on_ban,
    on_unban,
    on_role_create,
    on_role_update,
    on_role_delete,
    on_channel_create,
    on_channel_update,
    on_channel_delete,
    on_thread_create,
    on_thread_update,
    on_thread_delete,
    on_thread_members,
    on_invite_create,
    on_invite_delete,
    on_pins,
    on_audit_log_entry,
    on_typing,
)


def main() -> None:
    """Run the bot until it is told to stop."""
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    bot = hikari.GatewayBot(
        TOKEN,
        rest_url=API_BASE,
        intents=hikari.Intents.ALL,
        auto_chunk_members=False,
        banner=None,
        logs=None,
        suppress_optimization_warning=True,
    )
    for listener in (*LISTENERS, *probe.LISTENERS):
        bot.listen()(listener)
    bot.run(check_for_updates=False)


if __name__ == "__main__":
    main()
