"""Reflections shared by the app."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "008_app_reflections"
down_revision = "007_premium_subs_rls"


def upgrade() -> None:
    work = steps()
    work.create("app_reflections")
    work.create_indexes("idx_app_reflections_user_created")


def downgrade() -> None:
    steps().drop_tables("app_reflections")
