"""What a guild's OG claims are told and asked."""

from __future__ import annotations

from typing import Final

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.pure.ids import ChannelId, MessageId, RoleId, UserId
from alphapy.storage.engagement_og import OgSetup

SESSIONS: Final = Address.process("engagement_sessions")
"""The actor that is told when a gateway session begins, so that reactions may have been missed."""

EMOJI: Final = "\N{FLEUR-DE-LIS}"
"""The reaction that claims."""

SELECTOR: Final = "\N{VARIATION SELECTOR-16}"
"""May stand behind it."""

SPELLINGS: Final = (EMOJI, EMOJI + SELECTOR)
"""How Discord may know the reaction."""


@attrs.frozen
class SetUpOg(Request[None]):
    """Let this message claim from now on, and no other."""

    channel_id: ChannelId
    message_id: MessageId


@attrs.frozen(kw_only=True)
class OgStatus:
    """How many members have claimed, and by which message others can."""

    claimed: int
    setup: OgSetup | None


@attrs.frozen
class ReadOg(Request[OgStatus]):
    """How it stands."""


@attrs.frozen(kw_only=True)
class Claimant:
    """A member whose reaction is on the message, and who has not claimed, as far as was known."""

    user_id: UserId
    message_id: MessageId
    emoji: str
    roles: tuple[RoleId, ...]


@attrs.frozen
class Place:
    """Where to look next: at reactions with one of the spellings, by users behind this id."""

    spelling: int = 0
    after: int = 0


@attrs.frozen(kw_only=True)
class LookedAt:
    """To itself: a page of reactions was looked at; ``following`` is the next, None where this was the last.

    ``is_sure``: nothing was left out because Discord or the database could not answer.
    """

    setup: OgSetup
    claimants: tuple[Claimant, ...]
    following: Place | None
    is_sure: bool
