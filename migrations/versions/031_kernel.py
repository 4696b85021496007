"""Messages that crashed their actor twice: dead_letters."""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution.steps import steps

revision = "031_kernel"
down_revision = "030_feature_extensions"

_TABLES = parse("""
dead_letters
  id bigserial
  address text*
  guild_id bigint
  message_type text*
  message jsonb*
  error text*
  traceback text*
  attempts integer*
  created_at timestamptz* = now()
  index idx_dead_letters_created (created_at DESC)
""")


def upgrade() -> None:
    steps().extend(_TABLES)


def downgrade() -> None:
    steps().drop_tables(*_TABLES)
