"""Pictures of the rules: guild_rules.thumbnail_url and image_url."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "002_guild_rules_images"
down_revision = "001_initial"


def upgrade() -> None:
    steps().add_columns(TABLES["guild_rules"], "thumbnail_url", "image_url")


def downgrade() -> None:
    steps().drop_columns("guild_rules", "image_url", "thumbnail_url")
