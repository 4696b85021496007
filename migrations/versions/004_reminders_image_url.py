"""Pictures of reminders: reminders.image_url."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "004_reminders_image_url"
down_revision = "003_premium_subs"


def upgrade() -> None:
    steps().add_columns(TABLES["reminders"], "image_url")


def downgrade() -> None:
    steps().drop_columns("reminders", "image_url")
