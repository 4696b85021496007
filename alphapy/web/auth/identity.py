"""Counts what comes of accounts' links: looked up and made (spec/api.md 7.7.2)."""

from __future__ import annotations

import attrs


@attrs.define(kw_only=True)
class IdentityCounts:
    """Since the start. It belongs to the authenticator and to the webhook that links; others look."""

    linked: int = 0
    """The account is linked to a Discord account."""
    unlinked: int = 0
    """It is not, so that the caller was refused."""
    unread: int = 0
    """The database did not answer."""
    deliveries: int = 0
    """Deliveries of the webhook that were acknowledged ..."""
    conflicts: int = 0
    """... and those that would have linked what is linked to somebody else ..."""
    undelivered: int = 0
    """... and those for which the database did not answer."""

    @property
    def total(self) -> int:
        """How often an account was looked up."""
        return self.linked + self.unlinked + self.unread
