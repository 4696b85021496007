"""Where the gateway's log has been made durable, what the bot owes Discord, and the guilds it knows."""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution.steps import steps

revision = "032_progress"
down_revision = "031_kernel"

_TABLES = parse("""
gateway_sessions
  shard_id integer
  shard_count integer*
  application_id bigint*
  user_id bigint*
  session_id text*
  resume_url text*
  mark bigint*
  updated_at timestamptz* = now()
  primary key (shard_id)

gateway_guilds
  guild_id bigint
  shard_id integer*
  seq bigint*
  data text
  primary key (guild_id)
  index idx_gateway_guilds_shard (shard_id, guild_id)

event_progress
  guild_id bigint
  feature text
  session_id text*
  seq bigint*
  updated_at timestamptz* = now()
  primary key (guild_id, feature)

effects
  id bigserial
  guild_id bigint*
  feature text*
  kind text*
  event_key text*
  payload jsonb*
  nonce text*
  state text* = 'pending'::text
  attempts integer* = 0
  first_tried_at timestamptz
  deadline_at timestamptz*
  message_id bigint
  last_error text
  created_at timestamptz* = now()
  done_at timestamptz
  unique (guild_id, feature, event_key)
  index idx_effects_open (guild_id, feature, id) where state = 'pending'::text
  index idx_effects_closed (done_at) where done_at IS NOT NULL
""")


def upgrade() -> None:
    steps().extend(_TABLES)


def downgrade() -> None:
    steps().drop_tables(*_TABLES)
