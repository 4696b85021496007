"""A discord.py bot that does what its test asks for. discord.py itself is as it comes from PyPI.

It finds the sandbox by two addresses: ``Route.BASE`` for REST, and the gateway that REST names.
"""

from __future__ import annotations

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from typing_extensions import override

from tests.clients.bots.discordpy.probe import Probe
from tests.clients.bots.discordpy.steps import STEPS
from tests.clients.bots.report import API_BASE, TOKEN, order, tell


class Bot(discord.Client):
    """Tells what it sees and does what the owner writes."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.all(), chunk_guilds_at_startup=False)
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(Probe(name="probe", description="What the test asks for"))

    @override
    async def setup_hook(self) -> None:
        _, url, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        commands = await self.tree.sync()
        tell("commands", names=[command.name for command in commands])

    # What it sees

    async def on_ready(self) -> None:
        me = self.user
        names = {str(guild.id): guild.name for guild in self.guilds}
        tell("ready", id=str(me.id if me else 0), guilds=names)

    async def on_resumed(self) -> None:
        tell("resumed")

    async def on_message(self, message: discord.Message) -> None:
        tell(
            "message",
            id=str(message.id),
            type=message.type.value,
            content=message.content,
            author=str(message.author.id),
            channel=str(message.channel.id),
            guild=str(message.guild.id) if message.guild else None,
        )
        wanted = order(message.content)
        if wanted is None or message.author.bot:
            return
        step, arguments = wanted
        try:
            result = await STEPS[step](self, message, arguments)
        except Exception as error:
            tell("failed", step=step, error=repr(error))
            raise
        tell("done", step=step, result=result)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        tell("edit", id=str(event.message_id), content=event.message.content, pinned=event.message.pinned)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        tell("delete", id=str(event.message_id))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        tell("bulk_delete", ids=sorted(str(message_id) for message_id in event.message_ids))

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        tell("reaction", message=str(event.message_id), emoji=str(event.emoji), user=str(event.user_id))

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        tell("unreaction", message=str(event.message_id), emoji=str(event.emoji), user=str(event.user_id))

    async def on_member_join(self, member: discord.Member) -> None:
        tell("member_join", id=str(member.id))

    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        tell("member_leave", id=str(event.user.id))

    async def on_member_ban(self, guild: discord.Guild, user: discord.User | discord.Member) -> None:
        tell("ban", id=str(user.id), guild=str(guild.id))

    async def on_member_unban(self, guild: discord.Guild, user: discord.User) -> None:
        tell("unban", id=str(user.id), guild=str(guild.id))

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        until = after.timed_out_until
        tell("member_update", id=str(after.id), nick=after.nick, timed_out=until is not None)

    async def on_guild_role_create(self, role: discord.Role) -> None:
        tell("role_create", id=str(role.id), name=role.name)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        tell("role_update", id=str(after.id), name=after.name)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        tell("role_delete", id=str(role.id))

    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        tell("channel_create", id=str(channel.id), name=channel.name)

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        tell("channel_update", id=str(after.id), name=after.name)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        tell("channel_delete", id=str(channel.id))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        tell("thread_create", id=str(thread.id), name=thread.name)

    async def on_raw_thread_update(self, event: discord.RawThreadUpdateEvent) -> None:
        tell("thread_update", id=str(event.thread_id))

    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        tell("thread_delete", id=str(event.thread_id))

    async def on_thread_member_join(self, member: discord.ThreadMember) -> None:
        tell("thread_join", id=str(member.thread_id), user=str(member.id))

    async def on_invite_create(self, invite: discord.Invite) -> None:
        tell("invite_create", code=invite.code)

    async def on_invite_delete(self, invite: discord.Invite) -> None:
        tell("invite_delete", code=invite.code)

    async def on_guild_channel_pins_update(
        self, channel: discord.abc.GuildChannel | discord.Thread, last_pin: object
    ) -> None:
        tell("pins", channel=str(channel.id))

    async def on_audit_log_entry_create(self, entry: discord.AuditLogEntry) -> None:
        tell("audit", action=entry.action.value, reason=entry.reason, user=str(entry.user_id))

    async def on_raw_typing(self, event: discord.RawTypingEvent) -> None:
        tell("typing", user=str(event.user_id))


if __name__ == "__main__":
    Route.BASE = API_BASE
    Bot().run(TOKEN, log_level=30)
