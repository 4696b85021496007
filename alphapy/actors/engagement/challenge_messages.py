"""What a guild's challenges are asked (spec/engagement.md 4.1)."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

from alphapy.actors.kernel.address import Request
from alphapy.pure.engagement.challenges import Challenge, Ended, Mode
from alphapy.pure.ids import ChannelId, UserId


class NotActive(enum.Enum):
    """Why nothing is done about a challenge."""

    NONE = "none"
    """None is active."""
    UNKNOWN = "unknown"
    """This guild has no challenge of that id."""
    OVER = "over"
    """It has ended already."""


@attrs.frozen
class Place:
    """A place of a leaderboard; ``name`` is empty where it is not known."""

    user_id: UserId
    messages: int
    name: str = ""


@attrs.frozen(kw_only=True)
class Standing:
    """How an active challenge stands; ``top`` is empty where the winner is drawn."""

    challenge: Challenge
    participants: int
    top: tuple[Place, ...] = ()


@attrs.frozen(kw_only=True)
class StartChallenge(Request[Challenge | None]):
    """Begin a challenge at this instant; None where the guild has as many as it may have.

    Where nobody knows whether it was begun, it is asked again; the same request begins the same challenge.
    """

    channel_id: ChannelId
    mode: Mode
    title: str | None
    seconds: int
    at: datetime


@attrs.frozen
class EndChallenge(Request[Ended | NotActive]):
    """End a challenge now, with its winner; without an id the newest active one."""

    challenge_id: int | None


@attrs.frozen
class CancelChallenge(Request[Challenge | NotActive]):
    """End a challenge without a winner; without an id the newest active one."""

    challenge_id: int | None


@attrs.frozen
class ReadChallenges(Request[tuple[Standing, ...]]):
    """The active challenges, by id."""


@attrs.frozen
class SetMode:
    """Find the winner in this way; counts stay."""

    mode: Mode


@attrs.frozen
class SetRemaining:
    """Let it end so many seconds from now."""

    seconds: int


@attrs.frozen
class SetTitle:
    """Give it this title."""

    title: str


@attrs.frozen
class AddParticipant:
    """Count one message more of this member, or let them take part in a draw."""

    user_id: UserId


@attrs.frozen
class RemoveParticipant:
    """Let this member take part no more, until they post again."""

    user_id: UserId


@attrs.frozen
class SetCount:
    """Let this member have posted so many messages; only where messages are counted."""

    user_id: UserId
    count: int


Change = SetMode | SetRemaining | SetTitle | AddParticipant | RemoveParticipant | SetCount


class NotEdited(enum.Enum):
    """Why a change is not made."""

    DRAWN = "drawn"
    """The winner is drawn by lot; nobody has a count."""
    ABSENT = "absent"
    """The member does not take part."""


@attrs.frozen
class Edited:
    """The challenge as it is now; ``count`` is the member's, where one was added or set."""

    challenge: Challenge
    count: int | None = None


@attrs.frozen
class EditChallenge(Request[Edited | NotActive | NotEdited]):
    """Change a challenge; without an id the newest active one."""

    challenge_id: int | None
    change: Change


@attrs.frozen
class LookAtDeadlines:
    """To itself: end what is over."""
