"""``/version``, ``/help``, ``/commands``, ``/health`` and ``/command_stats`` (spec/operations.md 4)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import attrs
import psutil
import trio

from alphapy.actors.embeds import Colour
from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.actors.status import listing
from alphapy.actors.status.messages import TRACKER, FlushTracker
from alphapy.gateway.commands import Access, Command, Cooldown, CooldownBy, Option, OptionKind, paths
from alphapy.gateway.components import ComponentRoute
from alphapy.gateway.models.component import ActionRow, Button
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.gateway.refusals import AccessDenied, Refused
from alphapy.pure.text import code
from alphapy.storage import audit
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.feature import Wiring
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.options import Options

PING_WITHIN = 3.0
"""Seconds that the database may take to answer ``/health``."""

FLUSH_WITHIN = 5.0
"""Seconds that ``/command_stats`` waits for entries that are not stored yet."""

COMPONENT = "status"

_MODULES = {"Reminders": "reminders", "Invites": "invites", "GDPR": "gdpr"}

_HELP = (
    ("🚀 Getting started", ("link", "config start", "system show", "automod status")),
    ("☀️ Every day", ("growthcheckin", "add_reminder", "agent start", "cc add", "cc list")),
    ("🛟 Support and premium", ("ticket", "premium")),
    ("📚 More", ("commands", "innersync", "health", "version")),
)


class StatusCommands:
    """The handlers."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only begins the measurement
        self.paging = ComponentRoute(
            pattern="ops:cmds:<page:int>:<admin:0|1>", handler=self._turn_page, changes=False
        )

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        flag, number = OptionKind.BOOLEAN, OptionKind.INTEGER
        return (
            Command(
                name="version",
                description="Show the version of Alphapy",
                handler=self._version,
                changes=False,
            ),
            Command(name="help", description="Show where to begin", handler=self._help, changes=False),
            Command(
                name="commands",
                description="List every command",
                handler=self._commands,
                changes=False,
                options=(
                    Option(kind=flag, name="include_admin", description="List the admins' commands too"),
                    Option(kind=flag, name="public", description="Show the list to everyone in the channel"),
                ),
                cooldown=Cooldown(per_seconds=60, by=CooldownBy.CHANNEL, when=_is_public),
                ephemeral=lambda options: not _is_public(options),
            ),
            Command(
                name="health",
                description="Show how the bot is doing",
                handler=self._health,
                changes=False,
                cooldown=Cooldown(per_seconds=10),
            ),
            Command(
                name="command_stats",
                description="Show which commands are used most",
                handler=self._command_stats,
                changes=False,
                options=(
                    Option(
                        kind=number,
                        name="days",
                        description="How many days back (default: 7)",
                        minimum=1,
                        maximum=365,
                    ),
                    Option(
                        kind=number,
                        name="limit",
                        description="How many commands (default: 10)",
                        minimum=1,
                        maximum=25,
                    ),
                    Option(
                        kind=flag, name="guild_only", description="Only this server's commands (default: yes)"
                    ),
                ),
                access=Access.ADMIN,
            ),
        )

    async def _version(self, invocation: Invocation) -> None:
        await invocation.reply(f"**Alphapy** {self._signature()}")

    async def _help(self, invocation: Invocation) -> None:
        known = {listed.path: listed.description for listed in self._listed()}
        fields = []
        for title, wanted in _HELP:
            lines = [f"`/{path}` — {known[path]}" for path in wanted if path in known]
            if lines:
                fields.append(EmbedField(title, "\n".join(lines)))
        await invocation.reply(
            self._message("Where to begin", Colour.HELP, tuple(fields), "Type `/` to see every command.")
        )

    async def _commands(self, invocation: Invocation) -> None:
        public = _is_public(invocation.options)
        if public and not (invocation.is_admin or Permissions.MANAGE_MESSAGES in invocation.permissions):
            raise Refused(
                "Only members who may manage messages can show the list to everyone.", "needs manage messages"
            )
        include_admin = invocation.options.boolean("include_admin", False)
        await invocation.reply(self._list_page(0, include_admin=include_admin))

    async def _turn_page(self, invocation: Invocation) -> None:
        include_admin = invocation.args["admin"] == "1"
        await invocation.update(self._list_page(invocation.args["page"], include_admin=include_admin))

    def _list_page(self, page: int, *, include_admin: bool) -> OutgoingMessage:
        pages = listing.pages(self._listed(), include_admin=include_admin)
        page = min(max(page, 0), len(pages) - 1)
        message = self._message("Commands", Colour.HELP, pages[page])
        if len(pages) == 1:
            return message
        admin = "1" if include_admin else "0"
        turn = tuple(
            Button(
                label=label,
                custom_id=self.paging.custom_id(page=target, admin=admin),
                disabled=not 0 <= target < len(pages),
            )
            for label, target in (("◀ Prev", page - 1), ("Next ▶", page + 1))
        )
        return attrs.evolve(message, components=(ActionRow(turn),))

    def _listed(self) -> list[listing.Listed]:
        return [
            listing.Listed(
                category=feature.category.label,
                emoji=feature.category.emoji,
                path=found.path,
                description=found.description,
                admin=found.admin,
            )
            for feature in self._wiring.catalogue.features()
            for found in paths(feature.commands)
        ]

    async def _health(self, invocation: Invocation) -> None:
        database_up = await self._database_answers()
        fields = [EmbedField("Database", _sign(database_up), True)]
        fields += await self._modules(invocation)
        memory = self._process.memory_info().rss / 1024 / 1024
        fields += [
            EmbedField("Uptime", self._uptime(), True),
            EmbedField("Memory", f"{memory:.1f} MB", True),
            EmbedField("CPU", f"{self._process.cpu_percent():.1f} %", True),
        ]
        colour = Colour.SUCCESS if database_up else Colour.ERROR
        await invocation.reply(self._message("Health", colour, tuple(fields)))

    async def _database_answers(self) -> bool:
        with trio.move_on_after(PING_WITHIN):
            try:
                await self._wiring.pool.ping()
            except StorageError:
                return False
            return True
        return False

    async def _modules(self, invocation: Invocation) -> list[EmbedField]:
        """Which modules this guild has switched on; unknown in a DM, and while the settings are away."""
        signs = dict.fromkeys(_MODULES.values(), "?")
        if invocation.in_guild:
            with contextlib.suppress(SettingsUnavailable):
                snapshot = await self._wiring.settings.fresh(invocation.guild_id)
                signs = {scope: _sign(snapshot.enabled(scope)) for scope in signs}
        return [EmbedField(name, signs[scope], True) for name, scope in _MODULES.items()]

    def _uptime(self) -> str:
        seconds = int((self._wiring.clock.now() - self._wiring.info.started_at).total_seconds())
        days, rest = divmod(max(seconds, 0), 86_400)
        return f"{days}d {rest // 3600}h {rest % 3600 // 60}m"

    async def _command_stats(self, invocation: Invocation) -> None:
        days = invocation.options.integer("days", 7)
        limit = invocation.options.integer("limit", 10)
        everywhere = not invocation.options.boolean("guild_only", True)
        if everywhere and not invocation.is_owner:
            raise AccessDenied(Access.OWNER)
        guild_id = None if everywhere else (invocation.interaction.guild_id or 0)
        # On the lane of the entries, so that all that were told before are stored.
        flushed = await self._wiring.bus.ask(TRACKER, FlushTracker(), timeout=FLUSH_WITHIN, lane=Lane.NORMAL)
        try:
            async with self._wiring.pool.transaction(COMPONENT, read_only=True) as tx:
                total = await audit.total(tx, guild_id, days=days)
                top = await audit.top(tx, guild_id, days=days, limit=limit)
        except StorageError as error:
            raise Refused(
                "The statistics cannot be read right now. Please try again in a moment.", "database away"
            ) from error
        complete = isinstance(flushed, Answered) and flushed.value
        note = None if complete else "The newest commands are not counted yet."
        fields = (
            EmbedField("Period", f"{days} day{'' if days == 1 else 's'}", True),
            EmbedField("Scope", "all servers" if everywhere else _place(invocation), True),
            EmbedField("Total commands", f"{total:,}", True),
            *_ranking(f"Top {limit}", top),
        )
        await invocation.reply(self._message("Command statistics", Colour.STATUS, fields, note))

    def _message(
        self, title: str, colour: Colour, fields: tuple[EmbedField, ...], text: str | None = None
    ) -> OutgoingMessage:
        embed = Embed(
            title=title,
            description=text,
            color=colour,
            fields=fields,
            footer=self._signature(),
            timestamp=self._wiring.clock.now(),
        )
        return OutgoingMessage(embeds=(embed,))

    def _signature(self) -> str:
        return f"v{self._wiring.info.version} — {self._wiring.info.codename}"


def _is_public(options: Options) -> bool:
    return options.boolean("public", False)


def _ranking(name: str, top: Sequence[audit.CommandUse]) -> tuple[EmbedField, ...]:
    """The most used commands; names may be those that other programs stored."""
    lines = (f"{rank}. {code(f'/{use.command_name}')} — {use.uses:,}" for rank, use in enumerate(top, 1))
    values = list(listing.blocks(lines)) or ["No command was used in this time."]
    return tuple(
        EmbedField(name if number == 0 else f"{name} (continued)", value)
        for number, value in enumerate(values)
    )


def _place(invocation: Invocation) -> str:
    return "this server" if invocation.in_guild else "direct messages"


def _sign(good: bool) -> str:
    return "✅" if good else "🛑"
