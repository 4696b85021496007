"""Consent per user, and no addresses any more."""

from __future__ import annotations

import attrs

from alphapy.storage.catalog.model import Key
from alphapy.storage.catalog.notation import without
from alphapy.storage.evolution.converge import drop_ip_address
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "016_gdpr_compliance"
down_revision = "015_premium_expiry_warning"


def upgrade() -> None:
    work = steps()
    drop_ip_address(work)
    consent = without(TABLES["gdpr_acceptance"], ["guild_id"])
    work.create_table(attrs.evolve(consent, primary_key=Key("gdpr_acceptance_pkey", ("user_id",))))


def downgrade() -> None:
    work = steps()
    work.drop_tables("gdpr_acceptance")
    if work.has("terms_acceptance"):
        work.execute("ALTER TABLE terms_acceptance ADD COLUMN IF NOT EXISTS ip_address inet")
