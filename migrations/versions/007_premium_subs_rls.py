"""Row-level security on premium_subs, without policies and without forcing it on the owner."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "007_premium_subs_rls"
down_revision = "006_terms_acceptance_gdpr"


def upgrade() -> None:
    work = steps()
    if work.has("premium_subs"):
        work.execute("ALTER TABLE premium_subs ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    work = steps()
    if work.has("premium_subs"):
        work.execute("ALTER TABLE premium_subs DISABLE ROW LEVEL SECURITY")
