"""Nicknames that show a streak: what they are made of, and how the name under them is found again.

Rules: spec/engagement.md 5.5. Lengths are code points, as Discord counts them
(https://docs.discord.com/developers/resources/guild#modify-guild-member).
"""

from __future__ import annotations

import re

import attrs

LONGEST = 32
"""Code points of a nickname at Discord."""

SEPARATOR = " | "

_WEEK, _MONTH = 7, 30
"""Days from which a streak counts in weeks and in months."""

_SUFFIX = re.compile(r"\| *(?:🐣 day|🔥 week|👑 month) [0-9]+\Z")

_DANGLING = "\u200d" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""What joins two characters, or changes the one before it: a cut must not leave it at the end."""


@attrs.frozen(kw_only=True)
class Names:
    """How a member is called: in the guild (None: not differently), everywhere, and by their account."""

    nick: str | None
    global_name: str | None
    username: str

    @property
    def shown(self) -> str:
        """What others see."""
        return self.nick or self.without_nick

    @property
    def without_nick(self) -> str:
        """What others would see if the guild had no name for them."""
        return self.global_name or self.username


@attrs.frozen
class Streak:
    """A member's stored streak; ``base`` is the full name under the suffix, None where none was stored."""

    days: int
    base: str | None


def suffix(days: int) -> str:
    """How a streak of so many days is shown; empty for one of none."""
    if days <= 0:
        return ""
    if days < _WEEK:
        return f"🐣 day {days}"
    if days < _MONTH:
        return f"🔥 week {days // _WEEK}"
    return f"👑 month {days // _MONTH}"


def render(base: str, days: int, username: str) -> str:
    """The nickname of somebody called ``base``; a base that is blank gives way to the username."""
    return _with(base, suffix(days), username)


def base_name(names: Names, stored: Streak | None) -> str:
    """The full name under what is shown now.

    Where what is shown is the stored base under any suffix, the base is kept, since a long one was cut.
    """
    shown = names.shown
    rest = stripped(shown)
    if stored is not None and stored.base and _is_rendered(shown, stored.base, names.username):
        return stored.base
    return rest or (stored.base if stored is not None and stored.base else names.username)


def restored(names: Names, stored_base: str | None) -> str | None:
    """The nickname once no streak is shown any more: None where the member needs none.

    For a member whose nickname :func:`has_suffix`.
    """
    base = base_name(names, Streak(0, stored_base)).strip()[:LONGEST]
    return None if not base or base in (names.global_name, names.username) else base


def has_suffix(name: str | None) -> bool:
    """Whether a name ends in a streak's suffix."""
    return name is not None and _SUFFIX.search(name) is not None


def stripped(name: str) -> str:
    """The name without any suffix at its end; perhaps empty."""
    while (found := _SUFFIX.search(name)) is not None:
        name = name[: found.start()].rstrip(" ")
    return name


def _is_rendered(shown: str, base: str, username: str) -> bool:
    """Whether ``shown`` is a rendering of ``base``, of whatever day."""
    if shown == base:
        return True
    found = _SUFFIX.search(shown)
    return found is not None and shown == _with(base, found[0].removeprefix("|").lstrip(" "), username)


def _with(base: str, tail: str, username: str) -> str:
    tail = f"{SEPARATOR}{tail}" if tail else ""
    room = max(LONGEST - len(tail), 1)
    return (_fitted(base, room) or _fitted(username, room)) + tail


def _fitted(base: str, room: int) -> str:
    name = base.strip()
    if len(name) <= room:
        return name
    name = name[:room]
    while name and (name[-1] in _DANGLING or name[-1].isspace()):
        name = name[:-1]
    return name
