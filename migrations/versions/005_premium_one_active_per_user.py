"""One active subscription per user: the newest stays active, older ones are cancelled."""

from __future__ import annotations

from alphapy.storage.evolution.premium import keep_newest_active
from alphapy.storage.evolution.steps import steps

revision = "005_premium_one_active_per_user"
down_revision = "004_reminders_image_url"


def upgrade() -> None:
    work = steps()
    if work.has("premium_subs"):
        keep_newest_active(work)
        work.create_indexes("idx_premium_subs_one_active_per_user")


def downgrade() -> None:
    steps().drop_indexes("idx_premium_subs_one_active_per_user")
