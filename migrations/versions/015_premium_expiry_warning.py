"""One warning before premium ends: premium_subs.expiry_warning_sent_at."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "015_premium_expiry_warning"
down_revision = "014_gpt_usage_tracking"


def upgrade() -> None:
    steps().add_columns(TABLES["premium_subs"], "expiry_warning_sent_at")


def downgrade() -> None:
    steps().drop_columns("premium_subs", "expiry_warning_sent_at")
