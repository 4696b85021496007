"""The pages of ``/commands``: pure (spec/operations.md 4 and 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.gateway.models.outgoing import EMBED_TOTAL, FIELD_VALUE, FIELDS, EmbedField
from alphapy.pure.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_DESCRIPTION = 70
"""Characters of a command's description in the list."""

ADMIN_MARK = "🔐 "
_FIELDS_OF_A_PAGE = FIELDS - 1
_CHARACTERS_OF_A_PAGE = EMBED_TOTAL - 800
"""What is left beside the title, the footer and the count."""


@attrs.frozen
class Listed:
    """A command in the list; ``category`` is the heading's words, ``emoji`` stands before them."""

    category: str
    emoji: str
    path: str
    description: str
    admin: bool


def pages(commands: Iterable[Listed], *, include_admin: bool) -> list[tuple[EmbedField, ...]]:
    """The list by category, in as many pages as it takes; the last field of each page counts them all."""
    shown = sorted(
        (command for command in commands if include_admin or not command.admin),
        key=lambda command: (command.category.casefold(), command.category, command.path),
    )
    count = EmbedField("In total", _total(shown))
    found: list[list[EmbedField]] = [[]]
    size = 0
    for field in _fields(shown):
        if len(found[-1]) >= _FIELDS_OF_A_PAGE or size + field.size > _CHARACTERS_OF_A_PAGE:
            found.append([])
            size = 0
        found[-1].append(field)
        size += field.size
    return [(*page, count) for page in found]


def _fields(commands: Sequence[Listed]) -> Iterable[EmbedField]:
    groups: dict[tuple[str, bool], list[Listed]] = {}
    for command in commands:
        heading = f"{command.emoji} {command.category}"
        groups.setdefault((heading, command.admin), []).append(command)
    for (category, admin), members in groups.items():
        name = ADMIN_MARK + category if admin else category
        for value in blocks(_lines(members)):
            yield EmbedField(name, value)
            name = f"{ADMIN_MARK if admin else ''}{category} (continued)"


def _lines(commands: Sequence[Listed]) -> Iterable[str]:
    """One line a command; ``enable`` and ``disable`` of the same parent share one."""
    by_path = {command.path: command for command in commands}
    for command in commands:
        parent, _, last = command.path.rpartition(" ")
        twin = f"{parent} enable".strip()
        if last == "disable" and twin in by_path:
            line = f"`/{twin}` · `/{command.path}` — {by_path[twin].description}"
        elif last == "enable" and f"{parent} disable".strip() in by_path:
            continue
        else:
            line = f"`/{command.path}` — {command.description}"
        yield cut(line, len(line) - len(line.split(" — ", 1)[1]) + MAX_DESCRIPTION)


def blocks(lines: Iterable[str]) -> Iterable[str]:
    """The lines in as few values of fields as hold them."""
    block = ""
    for line in lines:
        if block and len(block) + len(line) + 1 > FIELD_VALUE:
            yield block
            block = ""
        block = f"{block}\n{line}" if block else line
    if block:
        yield block


def _total(commands: Sequence[Listed]) -> str:
    categories = len({command.category for command in commands})
    return (
        f"{len(commands)} command{'' if len(commands) == 1 else 's'} in "
        f"{categories} categor{'y' if categories == 1 else 'ies'}"
    )
