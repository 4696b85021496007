"""``/sendto`` and ``/embed``: admins have the bot write for them (spec/engagement.md 4.8).

When it fails: nothing is posted, or Discord's silence leaves that open; the admin reads which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.posting.desk import POSTED_IN, TO_EMBED, TO_SEND, Desk
from alphapy.gateway.commands import Access, Command, Option, OptionKind
from alphapy.gateway.components import ModalRoute
from alphapy.gateway.models.component import Modal, TextInput, TextInputStyle
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import AllowedMentions, Embed, OutgoingMessage
from alphapy.gateway.refusals import Refused
from alphapy.pure.ids import ChannelId
from alphapy.pure.posting import (
    MAX_COLOUR,
    MAX_DESCRIPTION,
    MAX_FOOTER,
    MAX_TITLE,
    EmbedParts,
    Flaw,
    checked_message,
    mentioned_roles,
    mentioned_users,
)

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation

_CHANNEL = Option(
    kind=OptionKind.CHANNEL,
    name="channel",
    description="Where it is posted",
    required=True,
    channel_types=POSTED_IN,
)


class Posts:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.form = ModalRoute(
            pattern="embed:create:<channel_id:id>",
            handler=self._submit,
            access=Access.ADMIN,
            guild_only=True,
        )

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        return (
            Command(
                name="sendto",
                description="Post a message in a channel",
                handler=self._send,
                access=Access.ADMIN,
                guild_only=True,
                options=(
                    _CHANNEL,
                    Option(
                        kind=OptionKind.STRING,
                        name="message",
                        description=r"What is posted; \n begins a new line",
                        required=True,
                    ),
                ),
            ),
            Command(
                name="embed",
                description="Fill in a form, and have it posted as an embed",
                handler=self._open,
                access=Access.ADMIN,
                guild_only=True,
                opens_modal=True,
                changes=False,
                options=(_CHANNEL,),
            ),
        )

    async def _send(self, invocation: Invocation) -> None:
        channel_id = invocation.options.channel("channel").id
        may = self._desk.check(invocation, channel_id, TO_SEND)
        try:
            text = checked_message(invocation.options.text("message"))
        except Flaw as flaw:
            raise Refused(flaw.text, flaw.reason) from flaw
        everybody = Permissions.MENTION_EVERYONE in may
        mentions = AllowedMentions(
            user_ids=mentioned_users(text),
            role_ids=mentioned_roles(text) if everybody else (),
            everyone=everybody,
        )
        await invocation.defer(ephemeral=True)
        await self._desk.post(
            invocation, channel_id, OutgoingMessage(content=text, allowed_mentions=mentions)
        )
        await invocation.reply(f"✅ Posted in <#{channel_id}>.", ephemeral=True)

    async def _open(self, invocation: Invocation) -> None:
        channel_id = invocation.options.channel("channel").id
        self._desk.check(invocation, channel_id, TO_EMBED)
        await invocation.modal(
            Modal(
                custom_id=self.form.custom_id(channel_id=channel_id),
                title="A new embed",
                inputs=(
                    TextInput(custom_id="title", label="Title", required=False, max_length=MAX_TITLE),
                    TextInput(
                        custom_id="description",
                        label="Description",
                        style=TextInputStyle.PARAGRAPH,
                        required=False,
                        max_length=MAX_DESCRIPTION,
                    ),
                    TextInput(
                        custom_id="color",
                        label="Colour",
                        placeholder="#3498DB",
                        required=False,
                        max_length=MAX_COLOUR,
                    ),
                    TextInput(custom_id="footer", label="Footer", required=False, max_length=MAX_FOOTER),
                ),
            )
        )

    async def _submit(self, invocation: Invocation) -> None:
        channel_id = ChannelId(int(invocation.args["channel_id"]))
        self._desk.check(invocation, channel_id, TO_EMBED)
        try:
            parts = EmbedParts.read(invocation.fields)
        except Flaw as flaw:
            raise Refused(flaw.text, flaw.reason) from flaw
        embed = Embed(
            title=parts.title, description=parts.description, footer=parts.footer, color=parts.colour
        )
        await invocation.defer(ephemeral=True)
        await self._desk.post(invocation, channel_id, OutgoingMessage(embeds=(embed,)))
        await invocation.reply(f"✅ Posted in <#{channel_id}>.", ephemeral=True)
