"""The early message of a reminder: reminders.sent_message_id."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "011_add_reminder_sent_message_id"
down_revision = "010_add_custom_commands"


def upgrade() -> None:
    steps().add_columns(TABLES["reminders"], "sent_message_id")


def downgrade() -> None:
    steps().drop_columns("reminders", "sent_message_id")
