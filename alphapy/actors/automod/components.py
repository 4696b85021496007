"""Buttons and forms of auto-moderation. All their state is in their ids (spec/moderation.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.automod import rendering
from alphapy.actors.automod.desk import Desk, refused
from alphapy.actors.automod.messages import FileAppeal, Resolve, Resolved
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Access
from alphapy.gateway.components import ComponentRoute, ModalRoute
from alphapy.gateway.models.component import ActionRow, Button, Modal, TextInput, TextInputStyle
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation

APPEAL_LEAST, APPEAL_MOST = 10, 1000
"""Characters of an appeal."""


class Components:
    """The routes and their handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.rules = ComponentRoute(
            pattern="am:rules:<page:int>:<uid:id>",
            handler=self._turn_rules,
            access=Access.ADMIN,
            guild_only=True,
            only_for="uid",
        )
        self.show = ComponentRoute(
            pattern="am:show:<page:int>:<uid:id>",
            handler=self._turn_settings,
            access=Access.ADMIN,
            guild_only=True,
            only_for="uid",
        )
        self.undo = ComponentRoute(
            pattern="am:undo:<log:int>",
            handler=self._undo,
            access=Access.ADMIN,
            guild_only=True,
            updates=False,
        )
        self.resolve = ComponentRoute(
            pattern="am:res:<log:int>:<choice:a|d>",
            handler=self._resolve,
            access=Access.ADMIN,
            guild_only=True,
        )
        self.appeal = ComponentRoute(
            pattern="am:appeal:<guild:id>:<log:int>", handler=self._open_appeal, opens_modal=True
        )
        self.appeal_form = ModalRoute(pattern="am:appealm:<guild:id>:<log:int>", handler=self._file_appeal)

    @property
    def buttons(self) -> tuple[ComponentRoute, ...]:
        """The routes of buttons."""
        return (self.rules, self.show, self.undo, self.resolve, self.appeal)

    async def rules_page(self, invocation: Invocation, page: int) -> OutgoingMessage:
        """One page of the rules, read from the database."""
        rules = await self._desk.rules(invocation.guild_id, stored=True)
        if not rules.rules:
            return notice(
                Colour.INFO,
                "No rules yet",
                "Add the first one, for example with `/automod add_badwords_rule`.",
            )
        pages = rendering.pages_of(len(rules.rules))
        page = min(max(page, 0), pages - 1)
        rows = self._turning(self.rules, page, pages, invocation)
        return OutgoingMessage(embeds=(rendering.rules_embed(rules, page),), components=rows, ephemeral=True)

    async def settings_page(self, invocation: Invocation, page: int) -> OutgoingMessage:
        """One page of the settings."""
        settings = await self._desk.snapshot(invocation.guild_id)
        pages = rendering.pages_of(len(settings.registry.scope("automod")))
        page = min(max(page, 0), pages - 1)
        guild = self._desk.guilds.get(invocation.guild_id)
        rows = self._turning(self.show, page, pages, invocation)
        embed = rendering.settings_embed(settings, guild, page)
        return OutgoingMessage(embeds=(embed,), components=rows, ephemeral=True)

    @staticmethod
    def _turning(
        route: ComponentRoute, page: int, pages: int, invocation: Invocation
    ) -> tuple[ActionRow, ...]:
        if pages == 1:
            return ()
        return (
            ActionRow(
                tuple(
                    Button(
                        label=label,
                        custom_id=route.custom_id(page=target, uid=invocation.user_id),
                        disabled=not 0 <= target < pages,
                    )
                    for label, target in (("◀ Prev", page - 1), ("Next ▶", page + 1))
                )
            ),
        )

    async def _turn_rules(self, invocation: Invocation) -> None:
        await invocation.update(await self.rules_page(invocation, invocation.args["page"]))

    async def _turn_settings(self, invocation: Invocation) -> None:
        await invocation.update(await self.settings_page(invocation, invocation.args["page"]))

    async def _undo(self, invocation: Invocation) -> None:
        log_id = invocation.args["log"]
        resolved = await self._desk.ask(
            invocation.guild_id,
            Resolve(log_id=log_id, approve=True, moderator_id=invocation.user_id, undo=True),
        )
        await invocation.reply(resolution(self._desk, invocation, log_id, resolved))

    async def _resolve(self, invocation: Invocation) -> None:
        log_id = invocation.args["log"]
        resolved = await self._desk.ask(
            invocation.guild_id,
            Resolve(log_id=log_id, approve=invocation.args["choice"] == "a", moderator_id=invocation.user_id),
        )
        answer = resolution(self._desk, invocation, log_id, resolved)
        await invocation.update(OutgoingMessage(embeds=answer.embeds))

    async def _open_appeal(self, invocation: Invocation) -> None:
        guild, log_id = invocation.args["guild"], invocation.args["log"]
        await invocation.modal(
            Modal(
                custom_id=self.appeal_form.custom_id(guild=guild, log=log_id),
                title="Appeal",
                inputs=(
                    TextInput(
                        custom_id="reason",
                        label="Why should this be taken back?",
                        style=TextInputStyle.PARAGRAPH,
                        min_length=APPEAL_LEAST,
                        max_length=APPEAL_MOST,
                    ),
                ),
            )
        )

    async def _file_appeal(self, invocation: Invocation) -> None:
        reason = invocation.fields.get("reason", "").strip()
        if not APPEAL_LEAST <= len(reason) <= APPEAL_MOST:
            raise refused(
                "That is no appeal",
                f"Write {APPEAL_LEAST} to {APPEAL_MOST} characters, not counting spaces at the ends.",
                reason="bad reason",
            )
        refusal = await self._desk.ask(
            GuildId(int(invocation.args["guild"])),
            FileAppeal(log_id=int(invocation.args["log"]), user_id=invocation.user_id, reason=reason),
        )
        if refusal:
            raise refused("That cannot be appealed", refusal, reason="appeal refused")
        await invocation.reply(
            notice(Colour.SUCCESS, "Appeal filed", "The moderators will look at it, and I will tell you.")
        )


def resolution(desk: Desk, invocation: Invocation, log_id: int, resolved: Resolved | None) -> OutgoingMessage:
    """How an appeal or an undo has ended, for the moderator; records it. Raises Refused where it has not."""
    if resolved is None:
        raise refused("No such violation", "There is no violation of that number here.", reason="not found")
    if not resolved.changed:
        raise refused(
            "Nothing to decide",
            _STANDS.get(resolved.status, "Nobody has appealed this."),
            reason=f"appeal is {resolved.status}",
        )
    approved = resolved.status == "approved"
    desk.audit(invocation, f"{'took back' if approved else 'upheld'} the violation `#{log_id}`")
    lines = [f"Violation `#{log_id}`: {'taken back' if approved else 'upheld'} by <@{invocation.user_id}>."]
    if approved:
        lines.append("Its points are returned, and it counts as a false positive.")
        if resolved.lifted:
            lines.append(f"Lifted: {', '.join(resolved.lifted)}.")
    colour = Colour.SUCCESS if approved else Colour.WARNING
    title = "Taken back" if approved else "Appeal denied"
    return OutgoingMessage(
        embeds=(Embed(title=title, description="\n".join(lines), color=colour),), ephemeral=True
    )


_STANDS = {
    "approved": "It was taken back before.",
    "denied": "The appeal was denied before.",
    "pending": "The appeal waits for a decision.",
}
