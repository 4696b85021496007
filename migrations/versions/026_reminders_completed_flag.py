"""Reminders that are done, and the moment of reminders of an old shape."""

from __future__ import annotations

from alphapy.storage.evolution.converge import copy_scheduled_time
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "026_reminders_completed_flag"
down_revision = "025_growth_checkins_content"


def upgrade() -> None:
    work = steps()
    work.add_columns(TABLES["reminders"], "completed")
    copy_scheduled_time(work)


def downgrade() -> None:
    steps().drop_columns("reminders", "completed")
