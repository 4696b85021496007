"""Links between Innersync and Discord accounts."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "023_alphapy_discord_links"
down_revision = "022_api_observability_tables"


def upgrade() -> None:
    work = steps()
    work.create("alphapy_discord_links")
    work.create_indexes("idx_alphapy_discord_links_discord")


def downgrade() -> None:
    steps().drop_tables("alphapy_discord_links")
