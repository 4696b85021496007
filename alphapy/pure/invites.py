"""Who invited whom: which codes were used, the text of a join, and old announcements read back: pure.

Discord does not tell by which invite somebody came. What it tells is how often each code was used; a code
whose number has grown since it was last reckoned was used by one of those who joined meanwhile
(spec/engagement.md 5.6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import parse_snowflake
from alphapy.pure.text import cut, escape_markdown, neutralise_mentions, single_line, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_COUNTED = 1_000_000
"""The highest count that a member can be given (spec/engagement.md 4.7)."""

LONGEST_TEXT = 2000
"""Code points of a message."""

LONGEST_NAME = 200


@attrs.frozen(kw_only=True)
class Code:
    """An invite, or the guild's own address: who made it, and how often it was used.

    ``inviter_id`` is None for the guild's own address and where Discord names nobody; ``max_uses`` is 0 where
    there is no limit.
    """

    code: str
    inviter_id: int | None = None
    uses: int = 0
    max_uses: int = 0

    @property
    def left(self) -> int:
        """How often it can still be used; 0 where there is no limit."""
        return self.max_uses - self.uses if self.max_uses else 0


@attrs.frozen(kw_only=True)
class Reckoning:
    """What became of a list of invites.

    ``joins``: by which code each of those who joined came, first join first, None where nobody knows.
    ``unannounced``: codes that were used by somebody else. ``codes``: what is known of the codes from now on.
    ``waiting``: codes that were used more often than people joined, with the number of uses that Discord
    lists: whoever used them has perhaps not been told of yet.
    """

    joins: tuple[Code | None, ...]
    unannounced: tuple[Code, ...]
    codes: Mapping[str, Code]
    waiting: Mapping[str, int]


def reckon(
    known: Mapping[str, Code],
    listed: Mapping[str, Code],
    *,
    joins: int,
    waiting: Mapping[str, int] | None = None,
    gone: Sequence[str] = (),
    is_late: bool = False,
) -> Reckoning:
    """Compare what was known of the codes with what Discord lists now, for so many who joined.

    A code that was not known counts for nothing. ``waiting`` are those of an earlier reckoning, which go
    first. ``gone`` are codes that are not listed any more and may have been used up, the likeliest first;
    they explain only joins that nothing else does. ``is_late``: nobody will be told of who used what is left
    over.
    """
    used = _used(known, listed, waiting or {})
    found: list[Code | None] = [*used[:joins]]
    codes = {**known, **{name: _not_less(known.get(name), code) for name, code in listed.items()}}
    left_over = used[joins:]
    for name in gone:
        code = known.get(name)
        if code is not None and 0 < code.left <= joins - len(found):
            found += [code] * code.left
            del codes[name]
    found += [None] * (joins - len(found))
    still: dict[str, int] = {}
    if not is_late:
        for code in left_over:
            still[code.code] = listed[code.code].uses
            codes[code.code] = attrs.evolve(codes[code.code], uses=codes[code.code].uses - 1)
    return Reckoning(
        joins=tuple(found), unannounced=tuple(left_over) if is_late else (), codes=codes, waiting=still
    )


def _not_less(before: Code | None, now: Code) -> Code:
    """What is known of a code from now on; a list that is behind an earlier one takes nothing back."""
    return now if before is None or before.uses <= now.uses else attrs.evolve(now, uses=before.uses)


def _used(known: Mapping[str, Code], listed: Mapping[str, Code], waiting: Mapping[str, int]) -> list[Code]:
    """Each use since the codes were last reckoned, those that wait already first."""
    first: list[Code] = []
    then: list[Code] = []
    for name, code in listed.items():
        before = known.get(name)
        if before is None:
            continue
        grown = max(0, code.uses - before.uses)
        early = min(grown, max(0, waiting.get(name, 0) - before.uses))
        first += [code] * early
        then += [code] * (grown - early)
    return first + then


def settle(known: Mapping[str, Code], waiting: Mapping[str, int]) -> Reckoning:
    """Give up waiting for who used these codes: they count, and nobody is told."""
    codes = dict(known)
    unannounced: list[Code] = []
    for name, uses in waiting.items():
        code = known.get(name)
        if code is not None and uses > code.uses:
            unannounced += [code] * (uses - code.uses)
            codes[name] = attrs.evolve(code, uses=uses)
    return Reckoning(joins=(), unannounced=tuple(unannounced), codes=codes, waiting={})


# -- what is said

_TOKEN = re.compile(r"\{(member_name|member|inviter_name|inviter|count)\}")


@attrs.frozen(kw_only=True)
class Person:
    """Somebody in an announcement."""

    id: int
    name: str


def announcement(template: str, member: Person, inviter: Person | None, count: int) -> str:
    """The template with its five tokens filled in, once each time they occur; nothing else is touched.

    Without an inviter the inviter's tokens are empty and the count is 0 (spec/engagement.md 5.6).
    """
    values = {
        "member": f"<@{member.id}>",
        "member_name": _shown(member.name),
        "inviter": "" if inviter is None else f"<@{inviter.id}>",
        "inviter_name": "" if inviter is None else _shown(inviter.name),
        "count": "0" if inviter is None else str(count),
    }
    return cut(_TOKEN.sub(lambda found: values[found[1]], template), LONGEST_TEXT)


def _shown(name: str) -> str:
    """A member's own text, which formats nothing and mentions nobody."""
    return cut(escape_markdown(neutralise_mentions(single_line(well_formed(name)))), LONGEST_NAME)


# -- what was said before

_MENTION = r"<@!?([0-9]{1,20})>"
_COUNT = r"([0-9]{1,9}) invites?\."
_SHAPES = (
    re.compile(rf"{_MENTION} joined! {_MENTION} now has {_COUNT}"),
    re.compile(rf"{_MENTION} has been invited by {_MENTION} and now has {_COUNT}"),
)


def announced(text: str) -> dict[int, int]:
    """The inviters whom an old announcement names, with their counts; empty for any other text.

    The two shapes are those of spec/engagement.md 4.9; counts above :data:`MOST_COUNTED` are nobody's.
    """
    found: dict[int, int] = {}
    for shape in _SHAPES:
        for match in shape.finditer(text):
            inviter, count = parse_snowflake(match[2]), int(match[3])
            if inviter is not None and count <= MOST_COUNTED:
                found[inviter] = max(found.get(inviter, 0), count)
    return found


def highest(texts: Iterable[str]) -> tuple[dict[int, int], int]:
    """The highest count of each inviter in these messages, and how many of the messages name any."""
    counts: dict[int, int] = {}
    matched = 0
    for text in texts:
        found = announced(text)
        matched += bool(found)
        for inviter, count in found.items():
            counts[inviter] = max(counts.get(inviter, 0), count)
    return counts, matched
