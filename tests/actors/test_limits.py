"""What features show is inside Discord's limits, whatever is stored: other programs wrote there too."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapy.actors.custom_commands import commands as cc_commands
from alphapy.actors.custom_commands import rendering
from alphapy.actors.embeds import Colour, notice
from alphapy.actors.settings.definitions import registry
from alphapy.actors.settings.rendering import scope_embed
from alphapy.actors.settings.snapshot import SettingsSnapshot
from alphapy.actors.status import commands as status_commands
from alphapy.actors.status import listing
from alphapy.gateway.models.component import Modal, TextInput, TextInputStyle
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.custom_commands import MAX_RESPONSE, MAX_TRIGGER, CustomCommand
from alphapy.pure.ids import GuildId
from alphapy.pure.text import code
from alphapy.storage.audit import CommandUse
from tests.gateway.rest.test_outgoing import characters, check_embed
from tests.support import openapi

QUICK = settings(deadline=None, max_examples=40)
SIGNS = "*_`~|>[]()\\#@<&:!-\u200b\u202e\ufffd\U0001f9e9\x00\ud800 \n\t\r"
PIECES = st.text(st.sampled_from(SIGNS) | st.characters(exclude_categories=()), min_size=1, max_size=6)


@st.composite
def hostile(draw: st.DrawFn, longest: int) -> str:
    """A few signs, or many: markup, mentions, invisible ones, half characters, nothing but blanks."""
    piece = draw(
        PIECES | st.sampled_from(["```", "@everyone", "<@1>", "||", "***", "**", "\u200b", " ", "\n"])
    )
    return (piece * (longest // len(piece) + 1))[: draw(st.integers(0, longest))]


stored = st.builds(
    CustomCommand,
    id=st.integers(1, 2**31),
    name=hostile(500),
    trigger_type=st.sampled_from(["exact", "starts_with", "contains", "regex"]) | hostile(300),
    trigger=hostile(3000),
    response=hostile(9000),
    enabled=st.booleans(),
    case_sensitive=st.booleans(),
    delete_trigger=st.booleans(),
    reply_to_user=st.booleans(),
    uses=st.integers(0, 2**63 - 1),
    created_by=st.none() | st.integers(0, 2**63 - 1),
    revision=st.just(1),
)


def check(message: OutgoingMessage) -> None:
    """Discord takes the message: by its limits, and by its own description where that is at hand."""
    body = message.to_json()
    embeds: list[dict[str, Any]] = body.get("embeds", [])
    assert 1 <= len(embeds) <= 10
    assert sum(map(characters, embeds)) <= 6000
    for embed in embeds:
        check_embed(embed)
    assert body["allowed_mentions"]["parse"] == []
    discord = openapi.validator()
    if discord is not None:
        assert discord.violations("POST", "/channels/1/messages", body) == []


def check_one(embed: Embed) -> None:
    check(OutgoingMessage(embeds=(embed,)))


@QUICK
@given(st.lists(stored, min_size=1, max_size=4), st.integers(1, 15))
def test_pages_of_custom_commands(commands: list[CustomCommand], times: int) -> None:
    many = commands * times
    pages = rendering.pages(many)
    for page in pages:
        check_one(Embed(title=rendering.list_title(len(many)), description=page, footer="Page 1/1"))
    assert sum(page.count("\n") + 1 for page in pages) >= len(many)


@QUICK
@given(stored)
def test_a_custom_command_in_full(command: CustomCommand) -> None:
    check_one(cc_commands._details(command))
    check(notice(Colour.SUCCESS, "Added", f"**{command.name}** ({code(command.trigger)})"))


@QUICK
@given(stored)
def test_the_form_of_a_custom_command(command: CustomCommand) -> None:
    form = Modal(
        custom_id=f"cc:edit:{command.id}:{command.revision}",
        title=f"Edit {command.name}",
        inputs=(
            TextInput(custom_id="trigger", label="Trigger", max_length=MAX_TRIGGER, value=command.trigger),
            TextInput(
                custom_id="response",
                label="Response",
                style=TextInputStyle.PARAGRAPH,
                max_length=MAX_RESPONSE,
                value=command.response,
            ),
        ),
    ).to_json()
    assert 1 <= len(form["title"]) <= 45
    for row in form["components"]:
        part = row.get("component") or row["components"][0]
        assert len(part.get("value", "")) <= part["max_length"]
    str(form).encode()


@QUICK
@given(st.data())
def test_settings(data: st.DataObject) -> None:
    known = registry(llm_provider="grok")
    values = hostile(5000) | st.integers(-(2**63), 2**63) | st.booleans() | st.none()
    for scope in known.scopes():
        overrides = {(d.scope, d.key): data.draw(values) for d in known.scope(scope)}
        snapshot = SettingsSnapshot(GuildId(1), known, overrides, 1, 0.0)
        check_one(scope_embed(scope, snapshot, None))


@QUICK
@given(st.lists(st.builds(CommandUse, hostile(500), st.integers(0, 2**63)), max_size=30))
def test_the_most_used_commands(top: list[CommandUse]) -> None:
    check_one(Embed(title="Command statistics", fields=status_commands._ranking("Top 30", top)))


listed = st.builds(
    listing.Listed,
    hostile(60),
    st.just("🧩"),
    hostile(100).map(lambda path: path or "x"),
    hostile(300),
    st.booleans(),
)


@QUICK
@given(st.lists(listed, max_size=60), st.booleans())
def test_the_list_of_commands(commands: list[listing.Listed], include_admin: bool) -> None:
    for page in listing.pages(commands, include_admin=include_admin):
        assert len(page) <= 25
        check_one(Embed(title="Commands", fields=page, footer="v1"))


@QUICK
@given(hostile(400), hostile(9000))
def test_any_notice(title: str, text: str) -> None:
    check(notice(Colour.INFO, title, text))
