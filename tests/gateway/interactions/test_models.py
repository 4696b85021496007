"""Components within Discord's limits, and interactions as they come."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.models.component import (
    ActionRow,
    Button,
    ButtonStyle,
    ChannelSelect,
    InvalidComponent,
    Modal,
    RoleSelect,
    Select,
    SelectOption,
    StringSelect,
    TextInput,
    TextInputStyle,
    UserSelect,
    button_rows,
    check_rows,
)
from alphapy.gateway.models.interaction import Interaction, InteractionType


def button(number: int = 0, **more: Any) -> Button:
    return Button(**({"label": "Go", "custom_id": f"b{number}"} | more))


def options(count: int) -> tuple[SelectOption, ...]:
    return tuple(SelectOption(label=f"L{n}", value=f"v{n}") for n in range(count))


def test_buttons_as_discord_takes_them() -> None:
    assert button(style=ButtonStyle.DANGER, emoji="🗑️", disabled=True).to_json() == {
        "type": 2,
        "style": 4,
        "label": "Go",
        "custom_id": "b0",
        "emoji": {"id": None, "name": "🗑️"},
        "disabled": True,
    }
    assert Button.link("Docs", "https://example.invalid/").to_json() == {
        "type": 2,
        "style": 5,
        "label": "Docs",
        "url": "https://example.invalid/",
    }
    custom = button(label=None, emoji="<a:dance:123>").to_json()
    assert custom["emoji"] == {"id": "123", "name": "dance", "animated": True}
    assert "label" not in custom


@pytest.mark.parametrize(
    "fields",
    [
        {"label": None},
        {"label": ""},
        {"custom_id": None},
        {"custom_id": ""},
        {"custom_id": "x" * 101},
        {"url": "https://example.invalid"},
        {"style": ButtonStyle.LINK},
        {"style": ButtonStyle.LINK, "custom_id": None},
        {"style": ButtonStyle.LINK, "custom_id": None, "url": "javascript:alert(1)"},
        {"style": ButtonStyle.LINK, "custom_id": None, "url": "https://" + "x" * 512},
    ],
)
def test_buttons_that_discord_would_refuse(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidComponent, match="button: "):
        button(**fields)


def test_selects_as_discord_takes_them() -> None:
    chosen = SelectOption(label="Two", value="2", description="Second", emoji="2️⃣", default=True)
    select = StringSelect(custom_id="s", options=(*options(1), chosen), placeholder="Choose", max_values=2)
    assert select.to_json() == {
        "type": 3,
        "custom_id": "s",
        "placeholder": "Choose",
        "min_values": 1,
        "max_values": 2,
        "options": [
            {"label": "L0", "value": "v0"},
            {
                "label": "Two",
                "value": "2",
                "description": "Second",
                "emoji": {"id": None, "name": "2️⃣"},
                "default": True,
            },
        ],
    }
    channels = ChannelSelect(custom_id="c", channel_types=(0, 5), default_values=(7,), disabled=True)
    assert channels.to_json() == {
        "type": 8,
        "custom_id": "c",
        "min_values": 1,
        "max_values": 1,
        "disabled": True,
        "channel_types": [0, 5],
        "default_values": [{"id": "7", "type": "channel"}],
    }
    assert RoleSelect(custom_id="r", default_values=(1,)).to_json()["default_values"][0]["type"] == "role"
    assert UserSelect(custom_id="u", min_values=0).to_json() == {
        "type": 5,
        "custom_id": "u",
        "min_values": 0,
        "max_values": 1,
    }


def test_selects_that_discord_would_refuse() -> None:
    for make in (
        lambda: StringSelect(custom_id="s", options=()),
        lambda: StringSelect(custom_id="s", options=options(26)),
        lambda: StringSelect(custom_id="s", options=options(1) * 2),
        lambda: StringSelect(custom_id="s", options=options(1), max_values=2),
        lambda: StringSelect(custom_id="", options=options(1)),
        lambda: UserSelect(custom_id="u", min_values=2),
        lambda: UserSelect(custom_id="u", max_values=26),
        lambda: UserSelect(custom_id="u", max_values=0, min_values=0),
        lambda: UserSelect(custom_id="u", default_values=(1, 2)),
        lambda: SelectOption(label="", value="v"),
        lambda: SelectOption(label="L", value=""),
        lambda: SelectOption(label="L", value="v" * 101),
    ):
        with pytest.raises(InvalidComponent, match="select"):
            make()


def test_rows_hold_five_buttons_or_one_select() -> None:
    row = ActionRow([button(1), Button.link("Docs", "https://example.invalid/")])
    assert [child["style"] for child in row.to_json()["components"]] == [2, 5]
    assert row.custom_ids == ("b1",)
    select = UserSelect(custom_id="u")
    assert ActionRow([select]).to_json()["type"] == 1
    rows: list[list[Button | Select]] = [
        [],
        [button(), select],
        [select, UserSelect(custom_id="v")],
        [button(n) for n in range(6)],
    ]
    for wrong in rows:
        with pytest.raises(InvalidComponent, match="action row"):
            ActionRow(wrong)


def test_a_message_has_five_rows_of_distinct_ids() -> None:
    rows = button_rows(button(number) for number in range(25))
    assert [len(row.components) for row in rows] == [5] * 5
    assert button_rows([]) == ()
    with pytest.raises(InvalidComponent, match="at most 5 action rows"):
        button_rows(button(number) for number in range(26))
    with pytest.raises(InvalidComponent, match="share a custom_id"):
        check_rows([ActionRow([button(1)]), ActionRow([button(1)])])


def test_a_modal_lays_its_fields_out_in_labels() -> None:
    modal = Modal(
        custom_id="cc:edit:1:2",
        title="Edit " + "x" * 60,
        inputs=[
            TextInput(
                custom_id="trigger", label="Trigger", min_length=1, max_length=5, value="a\nb\r\nc-too-long"
            ),
            TextInput(
                custom_id="response",
                label="Response " * 10,
                style=TextInputStyle.PARAGRAPH,
                required=False,
                value="a\nb",
                placeholder="Text",
                description="What members read",
            ),
        ],
    )
    found = modal.to_json()
    assert len(found["title"]) == 45
    first, second = found["components"]
    assert first == {
        "type": 18,
        "label": "Trigger",
        "component": {
            "type": 4,
            "custom_id": "trigger",
            "style": 1,
            "required": True,
            "min_length": 1,
            "max_length": 5,
            "value": "a b c",
        },
    }
    assert len(second["label"]) == 45
    assert second["description"] == "What members read"
    assert (second["component"]["value"], second["component"]["required"]) == ("a\nb", False)


def test_modals_that_discord_would_refuse() -> None:
    field = TextInput(custom_id="a", label="A")
    for make in (
        lambda: Modal(custom_id="m", title="T", inputs=()),
        lambda: Modal(custom_id="m", title="T", inputs=(field, field)),
        lambda: Modal(
            custom_id="m", title="T", inputs=[TextInput(custom_id=f"{n}", label="A") for n in range(6)]
        ),
        lambda: Modal(custom_id="m", title="", inputs=(field,)),
        lambda: Modal(custom_id="", title="T", inputs=(field,)),
        lambda: TextInput(custom_id="a", label=""),
        lambda: TextInput(custom_id="", label="A"),
        lambda: TextInput(custom_id="a", label="A", min_length=5, max_length=4),
        lambda: TextInput(custom_id="a", label="A", max_length=4001),
        lambda: TextInput(custom_id="a", label="A", max_length=0),
    ):
        with pytest.raises(InvalidComponent):
            make()


@given(st.text(max_size=200), st.text(max_size=5000), st.integers(1, 4000), st.sampled_from(TextInputStyle))
def test_human_text_always_fits(label: str, value: str, limit: int, style: TextInputStyle) -> None:
    field = TextInput(custom_id="a", label=label or "A", value=value, max_length=limit, style=style)
    found = field.to_json()
    assert 1 <= len(found["label"]) <= 45
    prefill = found["component"].get("value", "")
    assert len(prefill) <= limit
    assert style is TextInputStyle.PARAGRAPH or len(prefill.splitlines()) <= 1
    assert len(button(label=label or "A").to_json()["label"]) <= 80


def test_an_interaction_needs_somebody_unless_it_is_a_ping() -> None:
    ping = msgspec.json.decode(
        b'{"id": "1", "application_id": "2", "type": 1, "token": "t"}', type=Interaction, strict=False
    )
    assert ping.type == InteractionType.PING
    with pytest.raises(ValueError, match="nobody did"):
        _ = ping.invoker
    with pytest.raises(msgspec.ValidationError, match="a member with a user, or a user"):
        msgspec.json.decode(
            b'{"id": "1", "application_id": "2", "type": 2, "token": "t"}', type=Interaction, strict=False
        )


def test_what_a_newer_discord_adds_is_skipped() -> None:
    found = msgspec.json.decode(
        b"""{"id": "1", "application_id": "2", "type": 77, "token": "t", "user": {"id": "3"}, "new": {"a": 1},
        "context": 9, "data": {"name": "x", "newer": [], "resolved": {"things": {}}}}""",
        type=Interaction,
        strict=False,
    )
    assert (found.type, found.context, found.permissions) == (77, 9, 0)
