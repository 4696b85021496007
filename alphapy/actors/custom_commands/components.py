"""Buttons and forms of ``/cc``. All their state is in their ids (spec/moderation.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.custom_commands import rendering
from alphapy.actors.custom_commands.desk import Desk, refused
from alphapy.actors.custom_commands.messages import DeleteCommand, EditCommand, ListCommands
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Access
from alphapy.gateway.components import ComponentRoute, ModalRoute
from alphapy.gateway.models.component import ActionRow, Button
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.text import code, escape_markdown
from alphapy.storage.custom_commands import NotEdited

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation


class Components:
    """The routes of ``/cc`` and their handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.listing = ComponentRoute(
            pattern="cc:list:<page:int>:<uid:id>",
            handler=self._turn_page,
            changes=False,
            access=Access.ADMIN,
            guild_only=True,
            only_for="uid",
        )
        self.delete = ComponentRoute(
            pattern="cc:del:<choice:y|n>:<id:int>:<uid:id>:<exp:int>",
            handler=self._confirm,
            access=Access.ADMIN,
            guild_only=True,
            only_for="uid",
            expires="exp",
        )
        self.edit = ModalRoute(
            pattern="cc:edit:<id:int>:<rev:int>",
            handler=self._submit,
            access=Access.ADMIN,
            guild_only=True,
        )

    async def list_page(self, invocation: Invocation, page: int) -> OutgoingMessage:
        """One page of the list, read from the database; the page is clamped to those there are."""
        commands = await self._desk.ask(invocation.guild_id, ListCommands(stored=True))
        if not commands:
            return notice(
                Colour.INFO,
                "No custom commands yet",
                "Add the first one with `/cc add`: a trigger, and what I answer to it.",
            )
        pages = rendering.pages(commands)
        page = min(max(page, 0), len(pages) - 1)
        embed = Embed(
            title=rendering.list_title(len(commands)),
            description=pages[page],
            color=Colour.INFO,
            footer=f"Page {page + 1}/{len(pages)} · /cc view shows a command whole",
        )
        turn = tuple(
            Button(
                label=label,
                custom_id=self.listing.custom_id(page=target, uid=invocation.user_id),
                disabled=not 0 <= target < len(pages),
            )
            for label, target in (("◀ Prev", page - 1), ("Next ▶", page + 1))
        )
        rows = (ActionRow(turn),) if len(pages) > 1 else ()
        return OutgoingMessage(embeds=(embed,), components=rows, ephemeral=True)

    async def _turn_page(self, invocation: Invocation) -> None:
        await invocation.update(await self.list_page(invocation, invocation.args["page"]))

    async def _confirm(self, invocation: Invocation) -> None:
        if invocation.args["choice"] == "n":
            await invocation.update(notice(Colour.INFO, "Cancelled", "Nothing was deleted."))
            return
        name = await self._desk.ask(invocation.guild_id, DeleteCommand(invocation.args["id"]))
        if name is None:
            await invocation.update(
                notice(Colour.WARNING, "Gone already", "Somebody has deleted this command before.")
            )
            return
        self._desk.audit(invocation, f"deleted {code(name)}")
        await invocation.update(
            notice(Colour.SUCCESS, "Deleted", f"**{escape_markdown(name)}** does not answer any more.")
        )

    async def _submit(self, invocation: Invocation) -> None:
        command_id = invocation.args["id"]
        commands = await self._desk.ask(invocation.guild_id, ListCommands())
        current = next((command for command in commands if command.id == command_id), None)
        if current is None:
            raise refused("No such command", "Somebody has deleted it in the meantime.", reason="not found")
        trigger, response = Desk.checked_texts(
            current.trigger_type, invocation.fields.get("trigger", ""), invocation.fields.get("response", "")
        )
        edited = await self._desk.ask(
            invocation.guild_id,
            EditCommand(
                command_id=command_id, revision=invocation.args["rev"], trigger=trigger, response=response
            ),
        )
        if edited is NotEdited.GONE:
            raise refused("No such command", "Somebody has deleted it in the meantime.", reason="not found")
        if isinstance(edited, NotEdited):
            raise refused(
                "Changed in the meantime",
                "Somebody changed this command while your form was open, so nothing was overwritten. "
                "Open it again with `/cc edit`.",
                reason="conflict",
            )
        self._desk.audit(invocation, f"edited {code(edited.name)}")
        await invocation.reply(
            notice(Colour.SUCCESS, "Saved", f"**{escape_markdown(edited.name)}** answers as you wrote it.")
        )
