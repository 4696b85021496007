"""The scope module_status; modules that were off stay off."""

from __future__ import annotations

from alphapy.storage.evolution.retired import retire_module_status
from alphapy.storage.evolution.steps import steps

revision = "021_cleanup_module_status"
down_revision = "020_engagement_system"


def upgrade() -> None:
    retire_module_status(steps())


def downgrade() -> None:
    """Nothing: the carried-over settings mean the same to older code."""
