"""Buttons, selects and modals as Discord takes them, within its limits by construction.

An id, an address or a count that breaks a limit is a programming error and raises InvalidComponent. Text
that people read is cut to its limit instead, with an ellipsis: a long label must never cost a member the
answer. Rules: https://docs.discord.com/developers/components/reference
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any, Final

import attrs
from typing_extensions import override

from alphapy.pure.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CUSTOM_ID: Final = 100
MAX_BUTTON_LABEL: Final = 80
MAX_URL: Final = 512
MAX_ROW_BUTTONS: Final = 5
MAX_ROWS: Final = 5
MAX_SELECT_OPTIONS: Final = 25
MAX_OPTION_TEXT: Final = 100
"""Characters of a select option's label, value and description."""
MAX_SELECT_PLACEHOLDER: Final = 150
MAX_MODAL_TITLE: Final = 45
MAX_MODAL_INPUTS: Final = 5
MAX_INPUT_LABEL: Final = 45
MAX_INPUT_HINT: Final = 100
"""Characters of a text input's placeholder and description."""
MAX_INPUT_VALUE: Final = 4000

_CUSTOM_EMOJI = re.compile(r"<(a?):(\w{2,32}):(\d{1,19})>", re.ASCII)


class ComponentType(enum.IntEnum):
    """The component types that the product sends or receives."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    CHANNEL_SELECT = 8
    LABEL = 18


class ButtonStyle(enum.IntEnum):
    """How a button looks. LINK opens a URL and sends no interaction."""

    PRIMARY = 1
    SECONDARY = 2
    SUCCESS = 3
    DANGER = 4
    LINK = 5


class TextInputStyle(enum.IntEnum):
    """One line, or a text area."""

    SHORT = 1
    PARAGRAPH = 2


@attrs.frozen
class InvalidComponent(Exception):
    """A component that Discord would refuse; ``rule`` says which limit it breaks. A programming error."""

    component: str
    rule: str

    @override
    def __str__(self) -> str:
        return f"{self.component}: {self.rule}"


def _button_label(text: str | None) -> str | None:
    return None if text is None else cut(text, MAX_BUTTON_LABEL)


def _option_label(text: str) -> str:
    return cut(text, MAX_OPTION_TEXT)


def _option_description(text: str | None) -> str | None:
    return None if text is None else cut(text, MAX_OPTION_TEXT)


def _select_placeholder(text: str | None) -> str | None:
    return None if text is None else cut(text, MAX_SELECT_PLACEHOLDER)


def _input_label(text: str) -> str:
    return cut(text, MAX_INPUT_LABEL)


def _input_hint(text: str | None) -> str | None:
    return None if text is None else cut(text, MAX_INPUT_HINT)


def _modal_title(text: str) -> str:
    return cut(text, MAX_MODAL_TITLE)


def _options(found: Iterable[SelectOption]) -> tuple[SelectOption, ...]:
    return tuple(found)


def _numbers(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(found)


def _inputs(found: Iterable[TextInput]) -> tuple[TextInput, ...]:
    return tuple(found)


def _check_custom_id(component: str, custom_id: str) -> None:
    if not 1 <= len(custom_id) <= MAX_CUSTOM_ID:
        raise InvalidComponent(component, f"a custom_id has 1 to {MAX_CUSTOM_ID} characters: {custom_id!r}")


def _emoji_json(emoji: str) -> dict[str, Any]:
    """A Unicode emoji, or a guild's own in its message form ``<:name:id>``, as a partial emoji object."""
    if (custom := _CUSTOM_EMOJI.fullmatch(emoji)) is not None:
        return {"id": custom[3], "name": custom[2], "animated": bool(custom[1])}
    return {"id": None, "name": emoji}


@attrs.frozen(kw_only=True)
class Button:
    """A button: ``custom_id`` for every style but LINK, ``url`` for LINK; a label, an emoji, or both."""

    label: str | None = attrs.field(default=None, converter=_button_label)
    custom_id: str | None = None
    url: str | None = None
    style: ButtonStyle = ButtonStyle.SECONDARY
    emoji: str | None = None
    disabled: bool = False

    def __attrs_post_init__(self) -> None:
        if not (self.label or self.emoji):
            raise InvalidComponent("button", "it needs a label or an emoji")
        if self.style is ButtonStyle.LINK:
            if self.url is None or self.custom_id is not None:
                raise InvalidComponent("button", "a link has a url and no custom_id")
            if len(self.url) > MAX_URL or not self.url.startswith(("https://", "http://", "discord://")):
                raise InvalidComponent("button", f"a url is a web address of at most {MAX_URL} characters")
        elif self.custom_id is None or self.url is not None:
            raise InvalidComponent("button", "it has a custom_id and no url unless it is a link")
        else:
            _check_custom_id("button", self.custom_id)

    @classmethod
    def link(cls, label: str, url: str, *, emoji: str | None = None) -> Button:
        """A button that opens a web address."""
        return cls(label=label, url=url, style=ButtonStyle.LINK, emoji=emoji)

    def to_json(self) -> dict[str, Any]:
        """Discord's button object."""
        return _present(
            type=int(ComponentType.BUTTON),
            style=int(self.style),
            label=self.label or None,
            custom_id=self.custom_id,
            url=self.url,
            emoji=None if self.emoji is None else _emoji_json(self.emoji),
            disabled=self.disabled or None,
        )


@attrs.frozen(kw_only=True)
class SelectOption:
    """A line of a string select. ``default`` means that it is chosen already."""

    label: str = attrs.field(converter=_option_label)
    value: str
    description: str | None = attrs.field(default=None, converter=_option_description)
    emoji: str | None = None
    default: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.label:
            raise InvalidComponent("select option", "it needs a label")
        if not 1 <= len(self.value) <= MAX_OPTION_TEXT:
            raise InvalidComponent("select option", f"a value has 1 to {MAX_OPTION_TEXT} characters")

    def to_json(self) -> dict[str, Any]:
        """Discord's select option object."""
        return _present(
            label=self.label,
            value=self.value,
            description=self.description or None,
            emoji=None if self.emoji is None else _emoji_json(self.emoji),
            default=self.default or None,
        )


@attrs.frozen(kw_only=True)
class _Select:
    """What every select has. ``min_values`` 0 lets a member choose nothing."""

    custom_id: str
    placeholder: str | None = attrs.field(default=None, converter=_select_placeholder)
    min_values: int = 1
    max_values: int = 1
    disabled: bool = False

    def __attrs_post_init__(self) -> None:
        _check_custom_id("select", self.custom_id)
        if not 0 <= self.min_values <= self.max_values or not 1 <= self.max_values <= MAX_SELECT_OPTIONS:
            raise InvalidComponent("select", f"0 <= min_values <= max_values <= {MAX_SELECT_OPTIONS}")

    def _common_json(self, kind: ComponentType, **more: object) -> dict[str, Any]:
        return _present(
            type=int(kind),
            custom_id=self.custom_id,
            placeholder=self.placeholder or None,
            min_values=self.min_values,
            max_values=self.max_values,
            disabled=self.disabled or None,
            **more,
        )


@attrs.frozen(kw_only=True)
class StringSelect(_Select):
    """A choice among 1 to 25 given lines with distinct values."""

    options: tuple[SelectOption, ...] = attrs.field(converter=_options)

    @override
    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 1 <= len(self.options) <= MAX_SELECT_OPTIONS:
            raise InvalidComponent("select", f"it has 1 to {MAX_SELECT_OPTIONS} options")
        if len({option.value for option in self.options}) < len(self.options):
            raise InvalidComponent("select", "the values of its options differ")
        if self.max_values > len(self.options):
            raise InvalidComponent("select", "max_values is at most the number of options")

    def to_json(self) -> dict[str, Any]:
        """Discord's string select object."""
        options = [option.to_json() for option in self.options]
        return self._common_json(ComponentType.STRING_SELECT, options=options)


@attrs.frozen(kw_only=True)
class _EntitySelect(_Select):
    """A choice among things that Discord knows; ``default_values`` are ids that are chosen already."""

    default_values: tuple[int, ...] = attrs.field(default=(), converter=_numbers)

    @override
    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if len(self.default_values) > self.max_values:
            raise InvalidComponent("select", "it has at most max_values default values")

    def _defaults_json(self, kind: str) -> list[dict[str, Any]] | None:
        return [{"id": str(value), "type": kind} for value in self.default_values] or None


@attrs.frozen(kw_only=True)
class UserSelect(_EntitySelect):
    """A choice among users."""

    def to_json(self) -> dict[str, Any]:
        """Discord's user select object."""
        return self._common_json(ComponentType.USER_SELECT, default_values=self._defaults_json("user"))


@attrs.frozen(kw_only=True)
class RoleSelect(_EntitySelect):
    """A choice among the guild's roles."""

    def to_json(self) -> dict[str, Any]:
        """Discord's role select object."""
        return self._common_json(ComponentType.ROLE_SELECT, default_values=self._defaults_json("role"))


@attrs.frozen(kw_only=True)
class ChannelSelect(_EntitySelect):
    """A choice among the guild's channels of the given types; of all types when none is given."""

    channel_types: tuple[int, ...] = attrs.field(default=(), converter=_numbers)

    def to_json(self) -> dict[str, Any]:
        """Discord's channel select object."""
        return self._common_json(
            ComponentType.CHANNEL_SELECT,
            default_values=self._defaults_json("channel"),
            channel_types=[int(kind) for kind in self.channel_types] or None,
        )


Select = StringSelect | UserSelect | RoleSelect | ChannelSelect


def _components(components: Iterable[Button | Select]) -> tuple[Button | Select, ...]:
    return tuple(components)


@attrs.frozen
class ActionRow:
    """One row of a message: up to five buttons, or one select."""

    components: tuple[Button | Select, ...] = attrs.field(converter=_components)

    def __attrs_post_init__(self) -> None:
        buttons = sum(isinstance(component, Button) for component in self.components)
        if buttons not in (0, len(self.components)) or not self.components:
            raise InvalidComponent("action row", "it holds buttons only, or one select")
        if len(self.components) > (MAX_ROW_BUTTONS if buttons else 1):
            raise InvalidComponent("action row", f"it holds at most {MAX_ROW_BUTTONS} buttons, or one select")

    @property
    def custom_ids(self) -> tuple[str, ...]:
        """The ids of what can be clicked in this row."""
        return tuple(component.custom_id for component in self.components if component.custom_id is not None)

    def to_json(self) -> dict[str, Any]:
        """Discord's action row object."""
        return {
            "type": int(ComponentType.ACTION_ROW),
            "components": [component.to_json() for component in self.components],
        }


def check_rows(rows: Iterable[ActionRow]) -> tuple[ActionRow, ...]:
    """The rows of one message: at most five, no custom_id twice. Raises InvalidComponent."""
    checked = tuple(rows)
    if len(checked) > MAX_ROWS:
        raise InvalidComponent("message", f"it has at most {MAX_ROWS} action rows")
    ids = [custom_id for row in checked for custom_id in row.custom_ids]
    if len(set(ids)) < len(ids):
        raise InvalidComponent("message", "no two of its components share a custom_id")
    return checked


def button_rows(buttons: Iterable[Button]) -> tuple[ActionRow, ...]:
    """Buttons in reading order, five to a row; raises InvalidComponent past twenty-five."""
    all_buttons = tuple(buttons)
    return check_rows(
        ActionRow(all_buttons[start : start + MAX_ROW_BUTTONS])
        for start in range(0, len(all_buttons), MAX_ROW_BUTTONS)
    )


@attrs.frozen(kw_only=True)
class TextInput:
    """A field of a modal.

    ``value`` prefills it: it is cut to ``max_length``, and in a SHORT field its line breaks become blanks,
    because Discord would refuse to open the modal otherwise.
    """

    custom_id: str
    label: str = attrs.field(converter=_input_label)
    style: TextInputStyle = TextInputStyle.SHORT
    required: bool = True
    min_length: int = 0
    max_length: int = MAX_INPUT_VALUE
    value: str | None = None
    placeholder: str | None = attrs.field(default=None, converter=_input_hint)
    description: str | None = attrs.field(default=None, converter=_input_hint)

    def __attrs_post_init__(self) -> None:
        _check_custom_id("text input", self.custom_id)
        if not self.label:
            raise InvalidComponent("text input", "it needs a label")
        if not 0 <= self.min_length <= self.max_length or not 1 <= self.max_length <= MAX_INPUT_VALUE:
            raise InvalidComponent("text input", f"0 <= min_length <= max_length <= {MAX_INPUT_VALUE}")

    def to_json(self) -> dict[str, Any]:
        """The field within its label, as Discord lays out modals."""
        field = _present(
            type=int(ComponentType.TEXT_INPUT),
            custom_id=self.custom_id,
            style=int(self.style),
            required=self.required,
            min_length=self.min_length or None,
            max_length=self.max_length,
            value=self._prefill() or None,
            placeholder=self.placeholder or None,
        )
        return _present(
            type=int(ComponentType.LABEL),
            label=self.label,
            description=self.description or None,
            component=field,
        )

    def _prefill(self) -> str:
        text = self.value or ""
        if self.style is TextInputStyle.SHORT:
            text = " ".join(text.splitlines())
        return text[: self.max_length]


@attrs.frozen(kw_only=True)
class Modal:
    """A form of one to five fields with distinct ids, opened as the first answer to an interaction."""

    custom_id: str
    title: str = attrs.field(converter=_modal_title)
    inputs: tuple[TextInput, ...] = attrs.field(converter=_inputs)

    def __attrs_post_init__(self) -> None:
        _check_custom_id("modal", self.custom_id)
        if not self.title:
            raise InvalidComponent("modal", "it needs a title")
        if not 1 <= len(self.inputs) <= MAX_MODAL_INPUTS:
            raise InvalidComponent("modal", f"it has 1 to {MAX_MODAL_INPUTS} fields")
        if len({field.custom_id for field in self.inputs}) < len(self.inputs):
            raise InvalidComponent("modal", "no two of its fields share a custom_id")

    def to_json(self) -> dict[str, Any]:
        """The data of Discord's modal response."""
        return {
            "custom_id": self.custom_id,
            "title": self.title,
            "components": [field.to_json() for field in self.inputs],
        }


def _present(**fields: object) -> dict[str, Any]:
    """The fields that have a value; Discord's defaults stand for the rest."""
    return {name: value for name, value in fields.items() if value is not None}
