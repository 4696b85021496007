"""How the bot answers people: slash commands, autocomplete, buttons, menus, a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import hikari

from tests.clients.bots.report import tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WORDS = ("anchor", "beacon", "buoy", "harbour")
PRIVATE = hikari.MessageFlag.EPHEMERAL
CREATE: Literal[hikari.ResponseType.MESSAGE_CREATE] = hikari.ResponseType.MESSAGE_CREATE
UPDATE: Literal[hikari.ResponseType.MESSAGE_UPDATE] = hikari.ResponseType.MESSAGE_UPDATE


def command() -> hikari.api.SlashCommandBuilder:
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
        builder.add_option(hikari.CommandOption(type=kinds.SUB_COMMAND, name=name, description=description))
    return builder


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
    row = interaction.app.rest.build_message_action_row()
    row.add_interactive_button(hikari.ButtonStyle.PRIMARY, "press", label="Press")
    choose = interaction.app.rest.build_message_action_row()
    menu = choose.add_text_menu("pick", placeholder="Pick some", min_values=1, max_values=2)
    for word in WORDS:
        menu.add_option(word.title(), word)
    people = interaction.app.rest.build_message_action_row()
    people.add_select_menu(hikari.ComponentType.USER_SELECT_MENU, "person")
    await interaction.create_initial_response(CREATE, "Choose:", components=[row, choose, people])


async def form(interaction: hikari.CommandInteraction, leaf: hikari.CommandInteractionOption) -> None:
    name = interaction.app.rest.build_modal_action_row().add_text_input("name", "Name", max_length=20)
    story = interaction.app.rest.build_modal_action_row().add_text_input(
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


async def on_autocomplete(event: hikari.AutocompleteInteractionCreateEvent) -> None:
    leaf = event.interaction.options[0]
    focused = next(option for option in leaf.options or () if option.is_focused)
    current = str(focused.value)
    tell("autocomplete", current=current)
    fitting = [word for word in WORDS if word.startswith(current)]
    await event.interaction.create_response(
        [hikari.impl.AutocompleteChoiceBuilder(name=word.title(), value=word) for word in fitting]
    )


async def on_component(event: hikari.ComponentInteractionCreateEvent) -> None:
    interaction = event.interaction
    if interaction.custom_id == "press":
        tell("button", custom_id="press", user=str(interaction.user.id))
        await interaction.create_initial_response(UPDATE, "pressed", components=[])
    elif interaction.custom_id == "pick":
        tell("select", values=list(interaction.values))
        await interaction.create_initial_response(CREATE, " ".join(interaction.values), flags=PRIVATE)
    else:
        tell("person", values=list(interaction.values))
        await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_UPDATE)
        await interaction.execute("noted", flags=PRIVATE)


async def on_modal(event: hikari.ModalInteractionCreateEvent) -> None:
    interaction = event.interaction
    texts = {component.custom_id: component.value for row in interaction.components for component in row}
    tell("modal", name=texts["name"], story=texts["story"])
    await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE, flags=PRIVATE)
    await interaction.edit_initial_response(f"Thank you, {texts['name']}")
    await interaction.execute("filed", flags=PRIVATE)


def _only(found: Any) -> str | None:
    return next((str(entry) for entry in found), None)


LISTENERS = (on_command, on_autocomplete, on_component, on_modal)
