"""What was missed between two gateway sessions: gaps, and messages that are done."""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution.steps import steps

revision = "033_backfill"
down_revision = "032_progress"

_COLUMNS = parse("""
gateway_sessions
  seen bigint* = 0

gateway_guilds
  gap_since bigint

event_progress
  seen_floor bigint* = 0
  seen_recent bigint[]* = '{}'::bigint[]
  seen_filled bigint* = 0
""")


def upgrade() -> None:
    steps().extend(_COLUMNS)


def downgrade() -> None:
    steps().retract(_COLUMNS)
