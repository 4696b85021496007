"""Premium subscriptions."""

from __future__ import annotations

import attrs

from alphapy.storage.catalog.notation import without
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "003_premium_subs"
down_revision = "002_guild_rules_images"


def upgrade() -> None:
    work = steps()
    work.create_table(
        attrs.evolve(without(TABLES["premium_subs"], ["expiry_warning_sent_at"]), row_security=False)
    )
    work.create_indexes("idx_premium_subs_user_guild", "idx_premium_subs_guild_status")


def downgrade() -> None:
    steps().drop_tables("premium_subs")
