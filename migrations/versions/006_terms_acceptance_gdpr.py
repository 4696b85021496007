"""Accepted terms, as they were recorded then: with an address, which 016 drops again."""

from __future__ import annotations

import attrs

from alphapy.storage.catalog.model import Column
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "006_terms_acceptance_gdpr"
down_revision = "005_premium_one_active_per_user"


def upgrade() -> None:
    terms = TABLES["terms_acceptance"]
    version = attrs.evolve(terms.columns["version"], default="'2026-02-27'")
    then = {**terms.columns, "version": version, "ip_address": Column("inet")}
    work = steps()
    work.create_table(attrs.evolve(terms, columns=then))
    work.create_indexes("idx_terms_acceptance_user", "idx_terms_acceptance_accepted_at")


def downgrade() -> None:
    steps().drop_tables("terms_acceptance")
