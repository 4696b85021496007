"""Counts how often accounts were looked up by their link, and what came of it (spec/api.md 7.7.2)."""

from __future__ import annotations

import attrs


@attrs.define(kw_only=True)
class IdentityCounts:
    """Since the start. It belongs to the authenticator; others look."""

    linked: int = 0
    """The account is linked to a Discord account."""
    unlinked: int = 0
    """It is not, so that the caller was refused."""
    unread: int = 0
    """The database did not answer."""

    @property
    def total(self) -> int:
        """How often an account was looked up."""
        return self.linked + self.unlinked + self.unread
