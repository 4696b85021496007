"""What may be told to the actor that deletes old rows."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address

RETENTION = Address.process("retention")


@attrs.frozen
class Begin:
    """Told once when the service starts: an actor begins with its first message."""
