"""Four stale settings; what they meant is carried over."""

from __future__ import annotations

from alphapy.storage.evolution.retired import retire_stale_keys
from alphapy.storage.evolution.steps import steps

revision = "013_cleanup_stale_bot_settings"
down_revision = "012_add_guild_id_indexes"


def upgrade() -> None:
    retire_stale_keys(steps())


def downgrade() -> None:
    """Nothing: the carried-over settings mean the same to older code."""
