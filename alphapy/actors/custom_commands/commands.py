"""``/cc``: what admins do with custom commands (spec/moderation.md 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.custom_commands import rendering
from alphapy.actors.custom_commands.desk import Desk, refused
from alphapy.actors.custom_commands.messages import AddCommand, ListCommands, ToggleCommand
from alphapy.actors.custom_commands.triggers import is_broken
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Access, Choice, Command, Group, Handler, Option, OptionKind
from alphapy.gateway.models.component import ActionRow, Button, ButtonStyle, Modal, TextInput, TextInputStyle
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.pure.custom_commands import (
    MAX_COMMANDS,
    MAX_RESPONSE,
    MAX_TRIGGER,
    CustomCommand,
    Draft,
    TriggerType,
    clean_name,
    is_name,
)
from alphapy.pure.text import code, escape_markdown
from alphapy.storage.custom_commands import NotAdded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.custom_commands.components import Components
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.clock import Clock

CONFIRM_WITHIN = 30
"""Seconds that a delete confirmation is good for."""

_SUGGESTIONS = 25


class Commands:
    """The handlers of ``/cc``."""

    def __init__(self, desk: Desk, components: Components, clock: Clock) -> None:
        self._desk = desk
        self._components = components
        self._clock = clock

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="cc",
            description="Custom commands: answers to messages that match a trigger",
            access=Access.ADMIN,
            guild_only=True,
            admin_listed=True,
            children=(
                self._add_command(),
                self._named("edit", "Change a command's trigger and response", self._edit, opens_modal=True),
                self._named("delete", "Delete a command", self._delete),
                Command(
                    name="list", description="List the custom commands", handler=self._list, changes=False
                ),
                self._named("view", "Show everything about a command", self._view),
                self._named("toggle", "Switch a command on or off", self._toggle),
            ),
        )

    def _add_command(self) -> Command:
        kinds = tuple(Choice(name=name, value=kind.value) for kind, name in rendering.TYPE_NAMES.items())
        text, flag = OptionKind.STRING, OptionKind.BOOLEAN
        return Command(
            name="add",
            description="Add a custom command",
            handler=self._add,
            options=(
                Option(kind=text, name="name", description="Its name, for managing it", required=True),
                Option(
                    kind=text,
                    name="trigger_type",
                    description="How messages are compared with the trigger",
                    required=True,
                    choices=kinds,
                ),
                Option(
                    kind=text, name="trigger", description="What messages are compared with", required=True
                ),
                Option(
                    kind=text,
                    name="response",
                    description="The answer; may hold {user}, {user.name}, {server}, {channel}, {uses}",
                    required=True,
                ),
                Option(kind=flag, name="case_sensitive", description="Whether case counts (default: no)"),
                Option(
                    kind=flag, name="delete_trigger", description="Delete the member's message (default: no)"
                ),
                Option(kind=flag, name="reply_to_user", description="Answer as a reply (default: yes)"),
            ),
        )

    def _named(self, name: str, description: str, handler: Handler, *, opens_modal: bool = False) -> Command:
        option = Option(
            kind=OptionKind.STRING,
            name="name",
            description="Which command",
            required=True,
            autocomplete=self._suggest,
        )
        return Command(
            name=name, description=description, handler=handler, options=(option,), opens_modal=opens_modal
        )

    async def _suggest(self, invocation: Invocation, typed: str) -> Sequence[Choice]:
        query = clean_name(typed)
        commands = await self._desk.ask(invocation.guild_id, ListCommands())
        names = (command.name for command in commands if query in command.name)
        return [Choice(name=name, value=name) for name, _ in zip(names, range(_SUGGESTIONS), strict=False)]

    async def _add(self, invocation: Invocation) -> None:
        draft = _draft(invocation)
        added = await self._desk.ask(invocation.guild_id, AddCommand(draft, invocation.user_id))
        if added is NotAdded.FULL:
            raise refused(
                "No room for another command",
                f"A server has at most {MAX_COMMANDS} custom commands. Delete one with `/cc delete` first.",
                colour=Colour.WARNING,
                reason="50 commands exist",
            )
        if isinstance(added, NotAdded):
            raise refused(
                "That name is taken",
                f"There is a command named {code(draft.name)} already. Change it with `/cc edit`.",
                reason="name taken",
            )
        self._desk.audit(invocation, f"added {code(added.name)}")
        await invocation.reply(
            OutgoingMessage(
                embeds=(
                    Embed(
                        title="Custom command added",
                        description=f"**{escape_markdown(added.name)}** answers from now on.",
                        color=Colour.SUCCESS,
                        fields=(
                            EmbedField("Trigger type", rendering.type_name(added.trigger_type), True),
                            EmbedField("Trigger", code(added.trigger), True),
                            EmbedField("Case counts", "yes" if added.case_sensitive else "no", True),
                            EmbedField(
                                "Response", rendering.verbatim(added.response, rendering.RESPONSE_PREVIEW)
                            ),
                            EmbedField("Variables of a response", rendering.placeholder_list()),
                        ),
                    ),
                ),
                ephemeral=True,
            )
        )

    async def _edit(self, invocation: Invocation) -> None:
        command = await self._desk.find(invocation)
        await invocation.modal(
            Modal(
                custom_id=self._components.edit.custom_id(id=command.id, rev=command.revision),
                title=f"Edit {command.name}",
                inputs=(
                    TextInput(
                        custom_id="trigger",
                        label="Trigger",
                        style=TextInputStyle.SHORT,
                        min_length=1,
                        max_length=MAX_TRIGGER,
                        value=command.trigger[:MAX_TRIGGER],
                    ),
                    TextInput(
                        custom_id="response",
                        label="Response",
                        style=TextInputStyle.PARAGRAPH,
                        min_length=1,
                        max_length=MAX_RESPONSE,
                        value=command.response[:MAX_RESPONSE],
                    ),
                ),
            )
        )

    async def _delete(self, invocation: Invocation) -> None:
        command = await self._desk.find(invocation)
        state = {
            "id": command.id,
            "uid": invocation.user_id,
            "exp": int(self._clock.now().timestamp()) + CONFIRM_WITHIN,
        }
        route = self._components.delete
        buttons = (
            Button(label="Delete", style=ButtonStyle.DANGER, custom_id=route.custom_id(choice="y", **state)),
            Button(
                label="Cancel", style=ButtonStyle.SECONDARY, custom_id=route.custom_id(choice="n", **state)
            ),
        )
        await invocation.reply(
            OutgoingMessage(
                embeds=(
                    Embed(
                        title="Delete this command?",
                        description=(
                            f"**{escape_markdown(command.name)}** ({code(command.trigger)}, "
                            f"{rendering.counted_uses(command.uses)}) cannot be brought back.\n"
                            f"These buttons work for {CONFIRM_WITHIN} seconds."
                        ),
                        color=Colour.WARNING,
                    ),
                ),
                components=(ActionRow(buttons),),
                ephemeral=True,
            )
        )

    async def _list(self, invocation: Invocation) -> None:
        await invocation.reply(await self._components.list_page(invocation, 0))

    async def _view(self, invocation: Invocation) -> None:
        command = await self._desk.find(invocation)
        await invocation.reply(OutgoingMessage(embeds=(_details(command),), ephemeral=True))

    async def _toggle(self, invocation: Invocation) -> None:
        name = clean_name(invocation.options.text("name"))
        toggled = await self._desk.ask(invocation.guild_id, ToggleCommand(name))
        if toggled is None:
            raise self._desk.not_found(name)
        state = "on" if toggled.enabled else "off"
        self._desk.audit(invocation, f"switched {code(toggled.name)} {state}")
        await invocation.reply(
            notice(
                Colour.SUCCESS, f"Switched {state}", f"**{escape_markdown(toggled.name)}** is now {state}."
            )
        )


def _draft(invocation: Invocation) -> Draft:
    """What the member wants to add, checked in the order of the specification; raises Refused."""
    options = invocation.options
    name = clean_name(options.text("name"))
    if not is_name(name):
        raise refused(
            "That name cannot be used",
            "A name has 1 to 50 characters: letters, digits, spaces, `_`, `-` and `.`.",
            reason="bad name",
        )
    kind = TriggerType(options.text("trigger_type"))
    trigger, response = Desk.checked_texts(kind.value, options.text("trigger"), options.text("response"))
    return Draft(
        name=name,
        trigger_type=kind,
        trigger=trigger,
        response=response,
        case_sensitive=options.boolean("case_sensitive", False),
        delete_trigger=options.boolean("delete_trigger", False),
        reply_to_user=options.boolean("reply_to_user", True),
    )


def _details(command: CustomCommand) -> Embed:
    creator = "unknown" if command.created_by is None else str(command.created_by)
    status = "on" if command.enabled else "off"
    if is_broken(command):
        status += ", but ⚠️ its regular expression cannot be used, so it never answers"
    return Embed(
        title=f"Custom command {escape_markdown(command.name)}",
        color=Colour.INFO,
        fields=(
            EmbedField("Status", status, True),
            EmbedField("Trigger type", rendering.type_name(command.trigger_type), True),
            EmbedField("Uses", f"{command.uses:,}", True),
            EmbedField("Trigger", rendering.verbatim(command.trigger)),
            EmbedField("Response", rendering.verbatim(command.response)),
            EmbedField("Options", rendering.options_line(command)),
        ),
        footer=f"Created by {creator} · change it with /cc edit",
    )
