"""How the bot answers people: slash commands, autocomplete, buttons, menus, a form."""

from __future__ import annotations

import discord
from discord import app_commands
from typing_extensions import override

from tests.clients.bots.report import tell

WORDS = ("anchor", "beacon", "buoy", "harbour")


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

    @override
    async def on_submit(self, interaction: discord.Interaction) -> None:
        tell("modal", name=self.name.value, story=self.story.value)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(content=f"Thank you, {self.name.value}")
        await interaction.followup.send("filed", ephemeral=True)
