"""A discord.py bot that does what its test asks for. discord.py itself is as it comes from PyPI.

It finds the sandbox by two addresses: ``Route.BASE`` for REST, and the gateway that REST names.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.clients.bots.report import API_BASE, JSON, TOKEN, order, tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WORDS = ("anchor", "beacon", "buoy", "harbour")


class Bot(discord.Client):
    """Tells what it sees and does what the owner writes."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.all(), chunk_guilds_at_startup=False)
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(Probe(name="probe", description="What the test asks for"))
        self.steps: dict[str, Callable[[discord.Message, JSON], Awaitable[Any]]] = {
            "members": self.members,
            "chat": self.chat,
            "file": self.file,
            "pins": self.pins,
            "thread": self.thread,
            "roles": self.roles,
            "channels": self.channels,
            "moderate": self.moderate,
            "invites": self.invites,
            "direct": self.direct,
            "refusals": self.refusals,
            "stop": self.stop,
        }

    async def setup_hook(self) -> None:
        _, url, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        commands = await self.tree.sync()
        tell("commands", names=[command.name for command in commands])

    # What it sees

    async def on_ready(self) -> None:
        me = self.user
        names = {str(guild.id): guild.name for guild in self.guilds}
        tell("ready", id=str(me.id if me else 0), guilds=names, session=self.ws.session_id)

    async def on_resumed(self) -> None:
        tell("resumed", session=self.ws.session_id)

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
            result = await self.steps[step](message, arguments)
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

    # What it does

    async def members(self, message: discord.Message, arguments: JSON) -> JSON:
        guild = _guild(message)
        everybody = await guild.chunk(cache=True)
        found = await guild.query_members(arguments["query"], limit=5)
        named = await guild.query_members(user_ids=arguments["ids"], limit=100)
        return {
            "all": len({member.id for member in everybody}),
            "query": sorted(member.name for member in found),
            "by_id": sorted(str(member.id) for member in named),
        }

    async def chat(self, message: discord.Message, arguments: JSON) -> JSON:
        channel = message.channel
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
        me = self.user
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

    async def file(self, message: discord.Message, arguments: JSON) -> JSON:
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

    async def pins(self, message: discord.Message, arguments: JSON) -> JSON:
        target = await message.channel.fetch_message(int(arguments["message"]))
        await target.pin()
        pinned = [str(entry.id) async for entry in message.channel.pins()]
        await target.unpin()
        left = [str(entry.id) async for entry in message.channel.pins()]
        return {"pinned": pinned, "left": left}

    async def thread(self, message: discord.Message, arguments: JSON) -> JSON:
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

    async def roles(self, message: discord.Message, arguments: JSON) -> JSON:
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

    async def channels(self, message: discord.Message, arguments: JSON) -> JSON:
        guild = _guild(message)
        category = await guild.create_category("harbour", reason="a place")
        channel = await guild.create_text_channel(
            "watch", topic="keep it", category=category, reason="a channel"
        )
        await channel.edit(name="night-watch", topic="all night", slowmode_delay=5, reason="night falls")
        member = await guild.fetch_member(int(arguments["user"]))
        await channel.set_permissions(member, send_messages=False, reason="sleep")
        fetched = await guild.fetch_channel(channel.id)
        muted = fetched.permissions_for(member).send_messages if _is_text(fetched) else None
        await channel.set_permissions(member, overwrite=None, reason="awake")
        names = [entry.name for entry in await guild.fetch_channels()]
        spare = await guild.create_voice_channel("spare", reason="for a moment")
        await spare.delete(reason="gone")
        return {
            "id": str(channel.id),
            "category": str(category.id),
            "spare": str(spare.id),
            "may_send": muted,
            "names": names,
            "slowmode": fetched.slowmode_delay if _is_text(fetched) else None,
        }

    async def moderate(self, message: discord.Message, arguments: JSON) -> JSON:
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

    async def invites(self, message: discord.Message, arguments: JSON) -> JSON:
        channel = _text(message)
        invite = await channel.create_invite(max_age=3600, max_uses=2, unique=True, reason="for a friend")
        other = await channel.create_invite(max_age=0, unique=True)
        fetched = await self.fetch_invite(invite.code)
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

    async def direct(self, message: discord.Message, arguments: JSON) -> JSON:
        user = await self.fetch_user(int(arguments["user"]))
        sent = await user.send("just between us")
        return {"channel": str(sent.channel.id), "id": str(sent.id)}

    async def refusals(self, message: discord.Message, arguments: JSON) -> JSON:
        guild = _guild(message)
        attempts: dict[str, Callable[[], Awaitable[object]]] = {
            "hidden": lambda: self.http.send_message(
                int(arguments["hidden"]), params=discord.http.MultipartParameters({"content": "x"}, None, None)
            ),
            "message": lambda: message.channel.fetch_message(1),
            "channel": lambda: self.fetch_channel(1),
            "user": lambda: self.fetch_user(1),
            "empty": lambda: message.channel.send(""),
            "long": lambda: message.channel.send("x" * 2001),
            "owner": lambda: guild.kick(discord.Object(int(arguments["owner"]))),
            "invite": lambda: self.fetch_invite("nothing"),
            "ban": lambda: guild.fetch_ban(discord.Object(int(arguments["owner"]))),
            "foreign": lambda: self.http.edit_message(
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

    async def stop(self, message: discord.Message, arguments: JSON) -> None:
        await self.close()


class Probe(app_commands.Group):
    """The slash commands: each tells what it got and answers in its own way."""

    @app_commands.command(description="Say it again")
    async def echo(
        self,
        interaction: discord.Interaction,
        text: str,
        count: app_commands.Range[int, 1, 10],
        ratio: float | None = None,
        flag: bool | None = None,
        who: discord.Member | None = None,
        where: discord.TextChannel | None = None,
        role: discord.Role | None = None,
    ) -> None:
        tell(
            "command",
            path="probe echo",
            user=str(interaction.user.id),
            channel=str(interaction.channel_id),
            text=text,
            count=count,
            ratio=ratio,
            flag=flag,
            who=str(who.id) if who else None,
            where=str(where.id) if where else None,
            role=str(role.id) if role else None,
        )
        await interaction.response.send_message(f"echo: {text}")
        shown = await interaction.original_response()
        tell("original", id=str(shown.id), content=shown.content)

    @echo.autocomplete("text")
    async def complete(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        tell("autocomplete", current=current)
        fitting = [word for word in WORDS if word.startswith(current)]
        return [app_commands.Choice(name=word.title(), value=word) for word in fitting]

    @app_commands.command(description="Show buttons")
    async def buttons(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("Choose:", view=Choices())

    @app_commands.command(description="Open a form")
    async def form(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    @app_commands.command(description="Take one's time")
    async def slow(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content="done thinking")
        further = await interaction.followup.send("and more", wait=True)
        secret = await interaction.followup.send("only for you", ephemeral=True, wait=True)
        await further.delete()
        tell("slow", further=str(further.id), secret=str(secret.id), private=secret.flags.ephemeral)

    @app_commands.command(description="Answer nobody")
    async def silent(self, interaction: discord.Interaction) -> None:
        tell("silent", user=str(interaction.user.id))


class Choices(discord.ui.View):
    """A button and a select menu."""

    @discord.ui.button(label="Press", style=discord.ButtonStyle.primary, custom_id="press")
    async def press(self, interaction: discord.Interaction, button: discord.ui.Button[Choices]) -> None:
        tell("button", custom_id=button.custom_id, user=str(interaction.user.id))
        await interaction.response.edit_message(content="pressed")

    @discord.ui.select(
        custom_id="pick",
        placeholder="Pick some",
        min_values=1,
        max_values=2,
        options=[discord.SelectOption(label=word.title(), value=word) for word in WORDS],
    )
    async def pick(self, interaction: discord.Interaction, select: discord.ui.Select[Choices]) -> None:
        tell("select", values=select.values)
        await interaction.response.send_message(" ".join(select.values), ephemeral=True)

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="person")
    async def person(self, interaction: discord.Interaction, select: discord.ui.UserSelect[Choices]) -> None:
        tell("person", values=[str(user.id) for user in select.values])
        await interaction.response.defer()
        await interaction.followup.send("noted", ephemeral=True)


class Form(discord.ui.Modal, title="A form"):
    """Two fields."""

    name: discord.ui.TextInput[Form] = discord.ui.TextInput(label="Name", custom_id="name", max_length=20)
    story: discord.ui.TextInput[Form] = discord.ui.TextInput(
        label="Story",
        custom_id="story",
        style=discord.TextStyle.paragraph,
        required=False,
        default="once upon a time",
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        tell("modal", name=self.name.value, story=self.story.value)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(content=f"Thank you, {self.name.value}")
        await interaction.followup.send("filed", ephemeral=True)


def _guild(message: discord.Message) -> discord.Guild:
    if message.guild is None:
        raise ValueError("not in a guild")
    return message.guild


def _text(message: discord.Message) -> discord.TextChannel:
    if not isinstance(message.channel, discord.TextChannel):
        raise TypeError("not a text channel")
    return message.channel


def _is_text(channel: object) -> bool:
    return isinstance(channel, discord.TextChannel)


if __name__ == "__main__":
    Route.BASE = API_BASE
    Bot().run(TOKEN, log_level=30)
