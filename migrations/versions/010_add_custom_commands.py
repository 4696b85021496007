"""Custom commands."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "010_add_custom_commands"
down_revision = "009_add_automod_tables"


def upgrade() -> None:
    work = steps()
    work.create("custom_commands")
    work.create_indexes("idx_custom_commands_guild_enabled")


def downgrade() -> None:
    steps().drop_tables("custom_commands")
