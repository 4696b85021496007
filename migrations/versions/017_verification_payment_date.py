"""The date on a payment: verification_tickets.payment_date, where the table exists."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "017_verification_payment_date"
down_revision = "016_gdpr_compliance"


def upgrade() -> None:
    steps().add_columns(TABLES["verification_tickets"], "payment_date")


def downgrade() -> None:
    steps().drop_columns("verification_tickets", "payment_date")
