"""Addresses of actors, the lanes of their mailboxes, and the base of what can be asked.

An address is ``guild/<guild id>/<feature>`` or ``process/<name>``. Its *pattern* is the address with the
guild left open, ``guild/*/<feature>``; a kind of actor is registered under its pattern.
"""

from __future__ import annotations

import enum
import re
from typing import Generic, TypeVar

import attrs
from typing_extensions import override

from alphapy.pure.ids import MAX_SNOWFLAKE, GuildId

T_co = TypeVar("T_co", covariant=True)

_SHAPE = re.compile(r"(?:guild/(0|[1-9][0-9]{0,18})|process)/([a-z0-9][a-z0-9_.-]{0,63})", re.ASCII)
_PATTERN = re.compile(r"(?:guild/\*|process)/[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)


class Lane(enum.Enum):
    """A mailbox has two lanes; each keeps its own order."""

    URGENT = "urgent"
    """Interactions and control: looked at first."""
    NORMAL = "normal"
    """Events: drained in batches."""


class InvalidAddress(ValueError):
    """The text is no address, or no pattern of addresses."""

    def __init__(self, text: str, expected: str = "guild/<id>/<feature> or process/<name>") -> None:
        super().__init__(f"{text!r} is not an actor address; expected {expected}")
        self.text = text


@attrs.frozen(order=True)
class Address:
    """Where an actor is found. Raises :class:`InvalidAddress` for anything of another shape.

    Guild id 0 stands for what belongs to no guild but is kept per guild otherwise (global settings).
    """

    path: str = attrs.field()

    @path.validator
    def _check_path(self, _attribute: attrs.Attribute[str], path: str) -> None:
        match = _SHAPE.fullmatch(path)
        if match is None or int(match[1] or 0) > MAX_SNOWFLAKE:
            raise InvalidAddress(path)

    @classmethod
    def guild(cls, guild_id: GuildId, feature: str) -> Address:
        """The guild's own actor of a feature."""
        return cls(f"guild/{guild_id}/{feature}")

    @classmethod
    def process(cls, name: str) -> Address:
        """The one actor of this name in the process."""
        return cls(f"process/{name}")

    @property
    def guild_id(self) -> GuildId | None:
        """Whose actor it is; None for one of the whole process."""
        parts = self.path.split("/")
        return GuildId(int(parts[1])) if len(parts) == 3 else None

    @property
    def name(self) -> str:
        """The last segment: the feature, or the process-wide name."""
        return self.path.rpartition("/")[2]

    @property
    def pattern(self) -> str:
        """``guild/*/<feature>``, or the address itself for a process-wide actor."""
        kind, _, rest = self.path.partition("/")
        return f"guild/*/{self.name}" if kind == "guild" else f"{kind}/{rest}"

    @override
    def __str__(self) -> str:
        return self.path


def check_pattern(pattern: str) -> str:
    """Return the pattern; raises :class:`InvalidAddress` when it is none."""
    if _PATTERN.fullmatch(pattern) is None:
        raise InvalidAddress(pattern, "guild/*/<feature> or process/<name>")
    return pattern


class Request(Generic[T_co]):
    """Base of the messages that are asked; the parameter is the type of the reply.

    Subclasses are frozen attrs classes: ``class Lookup(Request[Row | None])``.
    """

    __slots__ = ()
