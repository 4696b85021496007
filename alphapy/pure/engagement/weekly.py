"""Who has won what, and how that is told (spec/engagement.md 5.4)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.engagement.awards import Award, Filter
from alphapy.pure.ids import MessageId, RoleId, UserId
from alphapy.pure.text import code, cut, safe_text, single_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.pure.engagement.periods import Period

DESCRIPTION: Final = 4096
"""Characters of an embed's description."""

CONGRATULATIONS: Final = "Congratulations to this week's winners!"

NOBODY: Final = "No award was won this week."

_UNITS: Final = {
    Filter.NON_FOOD: ("message", "messages"),
    Filter.FOOD: ("food post", "food posts"),
    Filter.IMAGE: ("picture post", "picture posts"),
    Filter.REACTIONS: ("reaction", "reactions"),
}


@attrs.frozen
class Win:
    """A result as it is stored; ``message_id`` is the picture's where reactions are counted, else None."""

    award_key: str
    user_id: UserId
    metric: int
    message_id: MessageId | None = None


@attrs.frozen
class RoleMove:
    """A role that the winner shall have; ``alone``: nobody else shall have it."""

    role_id: RoleId
    user_id: UserId
    alone: bool


def unit(award: Award, metric: int) -> str:
    """What was counted: ``message``, ``messages``."""
    one, many = _UNITS[award.filter]
    return one if metric == 1 else many


def score(award: Award, metric: int) -> str:
    """How much it was: ``1 message``, ``1,250 messages``."""
    return f"{metric:,} {unit(award, metric)}"


def description(period: Period, awards: Sequence[Award], wins: Mapping[str, Win]) -> str:
    """What the announcement says, in at most 4096 characters; subtitles go first where it is too long."""
    whole = _text(period, awards, wins, with_subtitles=True)
    if len(whole) <= DESCRIPTION:
        return whole
    return cut(_text(period, awards, wins, with_subtitles=False), DESCRIPTION)


def in_words(awards: Sequence[Award], wins: Mapping[str, Win]) -> str:
    """The same on one line without names, as what a picture of it is described with."""
    parts = [
        f"{single_line(award.label)}: {score(award, wins[award.key].metric)}"
        for award in awards
        if award.key in wins
    ]
    return "; ".join(parts) or NOBODY


def digest(wins: Mapping[str, Win]) -> str:
    """The same for the same results, and only for them."""
    facts = sorted((win.award_key, win.user_id, win.metric, win.message_id or 0) for win in wins.values())
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def role_moves(
    awards: Sequence[Award], wins: Mapping[str, Win], badge_roles: Mapping[str, RoleId]
) -> tuple[RoleMove, ...]:
    """Which roles the winners shall have: that of the award, alone, and that of its badge.

    ``badge_roles`` are by award key. A role that several awards name goes to the winner of the first.
    """
    moves: dict[RoleId, RoleMove] = {}
    won = [(award, wins[award.key]) for award in awards if award.key in wins]
    for award, win in won:
        if award.role_id is not None:
            moves.setdefault(award.role_id, RoleMove(award.role_id, win.user_id, alone=True))
    extra = [
        RoleMove(role_id, win.user_id, alone=False)
        for award, win in won
        if (role_id := badge_roles.get(award.key)) is not None and role_id not in moves
    ]
    return (*moves.values(), *extra)


def _text(period: Period, awards: Sequence[Award], wins: Mapping[str, Win], *, with_subtitles: bool) -> str:
    blocks = [
        _block(award, wins[award.key], with_subtitle=with_subtitles) for award in awards if award.key in wins
    ]
    return "\n\n".join([f"\N{CALENDAR} {period} UTC", *(blocks or [NOBODY])])


def _block(award: Award, win: Win, *, with_subtitle: bool) -> str:
    lines = [f"**{safe_text(award.label, 200)}**", f"<@{win.user_id}> \N{EM DASH} {score(award, win.metric)}"]
    if with_subtitle and award.subtitle:
        lines.append(safe_text(award.subtitle, 300))
    if win.message_id is not None:
        lines.append(f"Message {code(str(win.message_id))}")
    return "\n".join(lines)
