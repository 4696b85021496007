"""Tables of the service itself: idempotency, receipts, events, command sync, erasure jobs."""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution.steps import steps

revision = "029_service_tables"
down_revision = "028_reconcile_schema"

_TABLES = parse("""
api_idempotency
  namespace text
  principal text
  idem_key text
  request_hash text*
  state text*
  status_code integer
  response text
  created_at timestamptz* = now()
  expires_at timestamptz*
  primary key (namespace, principal, idem_key)
  index idx_api_idempotency_expires (expires_at)

webhook_receipts
  route text
  body_sha256 text
  received_at timestamptz* = now()
  primary key (route, body_sha256)
  index idx_webhook_receipts_received (received_at)

operational_events
  id bigserial
  event_type text*
  guild_id bigint
  message text*
  details jsonb* = '{}'::jsonb
  created_at timestamptz* = now()
  index idx_operational_events_guild (guild_id, created_at DESC)
  index idx_operational_events_created (created_at)

command_sync_state
  scope text
  fingerprint text*
  command_count integer*
  synced_at timestamptz* = now()
  retry_after timestamptz
  primary key (scope)

gdpr_erasure_jobs
  id bigserial
  discord_user_id bigint
  innersync_user_id uuid
  source text*
  state text* = 'pending'
  attempts integer* = 0
  last_error text
  requested_at timestamptz* = now()
  completed_at timestamptz
  index idx_gdpr_erasure_jobs_state (state, requested_at)
""")


def upgrade() -> None:
    steps().extend(_TABLES)


def downgrade() -> None:
    steps().drop_tables(*reversed(_TABLES))
