"""Message components and modals: checked against the published limits, found by their custom id."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Problems

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]


class Kind(enum.IntEnum):
    """Component types."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18


SELECTS = frozenset({Kind.STRING_SELECT, *range(Kind.USER_SELECT, Kind.CHANNEL_SELECT + 1)})
LINK = 5
PREMIUM = 6
_NESTED = ("components", "accessory", "component")


def walk(components: list[Any], path: Path = ("components",)) -> Iterator[tuple[Path, JSON]]:
    """Every component with its path, parents first."""
    for number, component in enumerate(components):
        if not isinstance(component, dict):
            continue
        here = (*path, number)
        yield here, component
        for key in _NESTED:
            inside = component.get(key)
            if isinstance(inside, list):
                yield from walk(inside, (*here, key))
            elif isinstance(inside, dict):
                yield (*here, key), inside


def find(components: list[Any], custom_id: str) -> JSON | None:
    """The component with this custom id."""
    for _, component in walk(components):
        if component.get("custom_id") == custom_id:
            return component
    return None


def check_message(problems: Problems, components: list[Any], *, v2: bool) -> None:
    """Note every breach of the limits of a message's components."""
    if v2:
        everything = list(walk(components))
        problems.at_most(("components",), everything, limits.V2_COMPONENTS)
    else:
        problems.at_most(("components",), components, limits.ACTION_ROWS)
        for number, row in enumerate(components):
            if not isinstance(row, dict) or row.get("type") != Kind.ACTION_ROW:
                problems.choice(("components", number, "type"), "(1,)")
    _check_all(problems, components)
    for path, component in walk(components):
        kind = component.get("type")
        if kind == Kind.ACTION_ROW:
            _check_row(problems, path, component)
        elif kind in {Kind.TEXT_INPUT, Kind.LABEL}:
            problems.choice((*path, "type"), "(2, 3, 5, 6, 7, 8)")


def check_modal(data: JSON) -> None:
    """Refuse a modal that breaks a limit."""
    problems = Problems()
    for key, limit in (("custom_id", limits.CUSTOM_ID), ("title", limits.MODAL_TITLE)):
        if not data.get(key):
            problems.required(("data", key))
        problems.longest(("data", key), data.get(key), limit, least=1)
    components = data.get("components") or []
    problems.at_most(("data", "components"), components, limits.MODAL_ROWS, least=1)
    for number, row in enumerate(components):
        path: Path = ("data", "components", number)
        kind = row.get("type") if isinstance(row, dict) else None
        if kind == Kind.ACTION_ROW:
            inputs = row.get("components") or []
            if len(inputs) != 1 or inputs[0].get("type") != Kind.TEXT_INPUT:
                problems.choice((*path, "components", 0, "type"), "(4,)")
        elif kind == Kind.LABEL:
            problems.longest((*path, "label"), row.get("label"), limits.INPUT_LABEL, least=1)
            problems.longest((*path, "description"), row.get("description"), limits.LABEL_DESCRIPTION)
            if not isinstance(row.get("component"), dict):
                problems.required((*path, "component"))
        elif kind != Kind.TEXT_DISPLAY:
            problems.choice((*path, "type"), "(1, 10, 18)")
    _check_all(problems, components, ("data", "components"))
    problems.raise_if_any()


def _check_all(problems: Problems, components: list[Any], root: Path = ("components",)) -> None:
    seen: set[str] = set()
    for path, component in walk(components, root):
        kind = component.get("type")
        if kind not in set(Kind):
            problems.choice((*path, "type"), "the known component types")
            continue
        custom_id = component.get("custom_id")
        if custom_id is not None:
            problems.longest((*path, "custom_id"), custom_id, limits.CUSTOM_ID, least=1)
            if custom_id in seen:
                problems.add(
                    (*path, "custom_id"),
                    "COMPONENT_CUSTOM_ID_DUPLICATED",
                    "Component custom id cannot be duplicated",
                )
            seen.add(str(custom_id))
        if kind == Kind.BUTTON:
            _check_button(problems, path, component)
        elif kind in SELECTS:
            _check_select(problems, path, component)
        elif kind == Kind.TEXT_INPUT:
            _check_input(problems, path, component)


def _check_row(problems: Problems, path: Path, row: JSON) -> None:
    inside = row.get("components") or []
    if not inside:
        problems.add((*path, "components"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    problems.at_most((*path, "components"), inside, limits.ROW_BUTTONS)
    kinds = [component.get("type") for component in inside]
    if any(kind in SELECTS for kind in kinds) and len(kinds) > 1:
        problems.add((*path, "components"), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A select fills its row.")


def _check_button(problems: Problems, path: Path, button: JSON) -> None:
    style = button.get("style")
    problems.longest((*path, "label"), button.get("label"), limits.BUTTON_LABEL)
    if style not in range(1, PREMIUM + 1):
        problems.choice((*path, "style"), "(1, 2, 3, 4, 5, 6)")
    elif style == LINK:
        if not button.get("url"):
            problems.required((*path, "url"))
        if button.get("custom_id"):
            problems.add(
                (*path, "custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "One of the two."
            )
    elif style != PREMIUM and not button.get("custom_id"):
        problems.required((*path, "custom_id"))
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        problems.required((*path, "label"))


def _check_select(problems: Problems, path: Path, select: JSON) -> None:
    if not select.get("custom_id"):
        problems.required((*path, "custom_id"))
    problems.longest((*path, "placeholder"), select.get("placeholder"), limits.SELECT_PLACEHOLDER)
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if not 0 <= least <= limits.SELECT_OPTIONS or not 1 <= most <= limits.SELECT_OPTIONS or least > most:
        problems.add((*path, "max_values"), "NUMBER_TYPE_MAX", "The numbers of values do not fit together.")
    if select["type"] != Kind.STRING_SELECT:
        return
    options = select.get("options") or []
    problems.at_most((*path, "options"), options, limits.SELECT_OPTIONS, least=1)
    values = [option.get("value") for option in options]
    if len(set(values)) != len(values):
        problems.add(
            (*path, "options"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The values must differ."
        )
    if most > len(options):
        problems.add(
            (*path, "max_values"), "SELECT_COMPONENT_MAX_VALUES_TOO_LARGE", "More values than options."
        )
    for number, option in enumerate(options):
        where = (*path, "options", number)
        for key in ("label", "value"):
            if not option.get(key):
                problems.required((*where, key))
        for key in ("label", "value", "description"):
            problems.longest((*where, key), option.get(key), limits.OPTION_TEXT)


def _check_input(problems: Problems, path: Path, field: JSON) -> None:
    if not field.get("custom_id"):
        problems.required((*path, "custom_id"))
    if field.get("style") not in {1, 2}:
        problems.choice((*path, "style"), "(1, 2)")
    in_label = path[-1] == "component"
    if not in_label and not field.get("label"):
        problems.required((*path, "label"))
    problems.longest((*path, "label"), field.get("label"), limits.INPUT_LABEL)
    problems.longest((*path, "placeholder"), field.get("placeholder"), limits.INPUT_PLACEHOLDER)
    longest = field.get("max_length") or limits.INPUT_VALUE
    least = field.get("min_length") or 0
    if not 1 <= longest <= limits.INPUT_VALUE or not 0 <= least <= longest:
        problems.add((*path, "max_length"), "NUMBER_TYPE_MAX", "The lengths do not fit together.")
    problems.longest((*path, "value"), field.get("value"), min(longest, limits.INPUT_VALUE))
