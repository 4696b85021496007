"""Consent per guild; nullable here, 028 makes it part of the key."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "018_gdpr_acceptance_add_guild_id"
down_revision = "017_verification_payment_date"


def upgrade() -> None:
    steps().execute("ALTER TABLE IF EXISTS gdpr_acceptance ADD COLUMN IF NOT EXISTS guild_id bigint")


def downgrade() -> None:
    work = steps()
    if not work.has("gdpr_acceptance", "guild_id"):
        return
    work.drop_columns("gdpr_acceptance", "guild_id")
    # The key went with the column. With leave to lose data: each user's newest consent stays.
    work.execute(
        """
        DELETE FROM gdpr_acceptance AS old USING gdpr_acceptance AS newer
        WHERE newer.user_id = old.user_id AND (newer.timestamp, newer.ctid) > (old.timestamp, old.ctid);
        ALTER TABLE gdpr_acceptance DROP CONSTRAINT IF EXISTS gdpr_acceptance_pkey;
        ALTER TABLE gdpr_acceptance ADD CONSTRAINT gdpr_acceptance_pkey PRIMARY KEY (user_id)
        """
    )
