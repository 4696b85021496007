"""What a guild's engagement is told: the messages that belong to no single part of it."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.pure.ids import UserId

FEATURE = "engagement"
"""The actor ``guild/<id>/engagement``, the only writer of its guild's ``engagement_*`` rows."""

CLOCK = Address.process("engagement_clock")
"""The actor that wakes guilds in which something is due."""


@attrs.frozen
class Tick:
    """To ``process/engagement_clock``: look for what is due."""


@attrs.frozen
class Wake:
    """Something of the guild is due, or may be: every part looks."""


@attrs.frozen
class Forget(Request[bool]):
    """A person's rows are about to be, or were, erased: write what is in memory, then forget the person.

    The reply is True once no row of the person is on its way to the database.
    """

    user_id: UserId
