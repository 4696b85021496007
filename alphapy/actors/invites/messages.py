"""What may be told to, and asked of, a guild's invite tracker."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from alphapy.actors.invites.listing import Listing
from alphapy.actors.kernel.address import Address, Request

FEATURE = "invites"
"""The actor ``guild/<id>/invites``, and the scope of its settings."""

IMPORT = Address.process("invite_import")
"""The actor that obeys ``!import_invites``."""


@attrs.frozen
class SetCount(Request[None]):
    """Give a member this count."""

    user_id: int
    count: int


@attrs.frozen
class RaiseCounts(Request[int]):
    """Give each of these members at least this count; the reply is how many had less."""

    counts: Mapping[int, int]


@attrs.frozen
class Look:
    """Read the guild's invites anew. ``credits``: what they were used for since the last time counts."""

    credits: bool


@attrs.frozen
class Looked:
    """To itself: what a look has found; None where Discord did not say."""

    listing: Listing | None
    credits: bool
    is_worth_repeating: bool = False


@attrs.frozen
class Settle:
    """To itself: see whether something has waited long enough for the news of a join."""
