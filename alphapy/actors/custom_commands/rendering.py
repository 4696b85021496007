"""What admins see of custom commands: pure texts within Discord's limits (spec/moderation.md 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.custom_commands.triggers import is_broken
from alphapy.pure.custom_commands import MAX_COMMANDS, CustomCommand, TriggerType
from alphapy.pure.template import PLACEHOLDERS
from alphapy.pure.text import code, code_block, cut, escape_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE_CHARACTERS = 3900
"""Characters of a page's description (spec/moderation.md 8)."""

TRIGGER_PREVIEW = 40
RESPONSE_PREVIEW = 200
RESPONSE_SHOWN = 1000

TYPE_NAMES = {
    TriggerType.EXACT: "Exact match",
    TriggerType.STARTS_WITH: "Starts with",
    TriggerType.CONTAINS: "Contains",
    TriggerType.REGEX: "Regex",
}
_TYPE_ICONS = {"exact": "🎯", "starts_with": "▶️", "contains": "🔍", "regex": "🧩"}


def type_name(trigger_type: str) -> str:
    """A trigger type as people read it; one that nobody knows as it is stored."""
    known = {kind.value: name for kind, name in TYPE_NAMES.items()}
    return known.get(trigger_type, f"Unknown ({escape_markdown(cut(trigger_type, 30))})")


def placeholder_list() -> str:
    """The variables of a response."""
    return " ".join(code(f"{{{name}}}") for name in (*PLACEHOLDERS, "random:a|b|c"))


def counted_uses(uses: int) -> str:
    """``1 use`` or ``2 uses``."""
    return f"{uses:,} use" + ("" if uses == 1 else "s")


def list_title(count: int) -> str:
    """The title of the list, with how full the guild is."""
    return f"Custom commands ({count}/{MAX_COMMANDS})"


def pages(commands: Iterable[CustomCommand]) -> list[str]:
    """The list's pages, each of at most 3,900 characters; at least one."""
    found: list[str] = []
    page = ""
    for line in map(_line, commands):
        if page and len(page) + len(line) + 1 > PAGE_CHARACTERS:
            found.append(page)
            page = ""
        page = f"{page}\n{line}" if page else line
    return [*found, page]


def _line(command: CustomCommand) -> str:
    mark = "✅" if command.enabled else "⏸️"
    icon = _TYPE_ICONS.get(command.trigger_type, "❔")
    warning = " ⚠️" if is_broken(command) else ""
    trigger = code(command.trigger, TRIGGER_PREVIEW)
    return (
        f"{mark} **{escape_markdown(command.name)}** {icon} {trigger} · {counted_uses(command.uses)}{warning}"
    )


def options_line(command: CustomCommand) -> str:
    """Case, deletion and reply in one line."""
    parts: Sequence[str] = (
        "case counts" if command.case_sensitive else "any case",
        "deletes the trigger" if command.delete_trigger else "keeps the trigger",
        "replies to the member" if command.reply_to_user else "posts a plain message",
    )
    return " · ".join(parts)


def verbatim(text: str, limit: int = RESPONSE_SHOWN) -> str:
    """Text as it is stored, in a code block that it cannot leave."""
    return code_block(text, limit)
