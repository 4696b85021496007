"""Templates with placeholders, filled in one pass: what is inserted is never scanned again.

Placeholders (spec/moderation.md 5.9): ``{user}``, ``{user.name}``, ``{server}``, ``{channel}``, ``{uses}``
and ``{random:a|b|c}``, whose options may hold the others. Unknown braces and ``{random:}`` stay as written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLACEHOLDERS = ("user", "user.name", "server", "channel", "uses")
"""What can be filled in, besides ``random``."""

_NAME = r"\{(?:user\.name|user|server|channel|uses)\}"
_RANDOM = r"\{random:(?P<options>(?:" + _NAME + r"|[^}])*+)\}"
_PART = re.compile(rf"{_RANDOM}|{_NAME}")
_PLAIN = re.compile(_NAME)


@attrs.frozen
class _Random:
    options: tuple[tuple[str, ...], ...]


@attrs.frozen
class Template:
    """A parsed template. Pieces that are a placeholder are written as such, ``{user}`` for example."""

    _pieces: tuple[str | _Random, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a template; every text is one."""
        pieces: list[str | _Random] = []
        end = 0
        for found in _PART.finditer(text):
            pieces.append(text[end : found.start()])
            pieces.append(_piece(found))
            end = found.end()
        pieces.append(text[end:])
        return cls(tuple(piece for piece in pieces if piece != ""))

    def render(self, values: Mapping[str, str], choose: Callable[[Sequence[int]], int]) -> str:
        """Fill in ``values`` (by placeholder name); ``choose`` picks one of a range of option numbers."""
        filled = {f"{{{name}}}": value for name, value in values.items()}
        out: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                out.append(filled.get(piece, piece))
            elif piece.options:
                out += [filled.get(part, part) for part in piece.options[choose(range(len(piece.options)))]]
        return "".join(out)


def _piece(found: re.Match[str]) -> str | _Random:
    options = found.group("options")
    if options is None or options == "":
        return found.group()
    trimmed = (option.strip() for option in options.split("|"))
    return _Random(tuple(_split(option) for option in trimmed if option))


def _split(text: str) -> tuple[str, ...]:
    parts: list[str] = []
    end = 0
    for found in _PLAIN.finditer(text):
        parts += [text[end : found.start()], found.group()]
        end = found.end()
    return tuple(part for part in (*parts, text[end:]) if part)
