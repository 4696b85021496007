"""What the features need beyond the published schema; every added column is nullable or has a default."""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution.notes import Note
from alphapy.storage.evolution.steps import steps

revision = "030_feature_extensions"
down_revision = "029_service_tables"

_EXTENDED = parse("""
reminders
  offset_minutes integer
  kind text = 'standard'
  source text
  revision integer = 1
  created_at timestamptz = now()
  updated_at timestamptz = now()
  schedule_set_at timestamptz = now()
  claimed_due timestamptz
  claimed_at timestamptz
  attempts integer = 0
  last_error text
  sent_channel_id bigint
  unique index idx_reminders_watcher_origin (guild_id, origin_channel_id, origin_message_id)\
    where source = 'watcher'

onboarding
  questions jsonb

support_tickets
  closed_at timestamptz
  closed_by bigint
  control_message_id bigint
  idle_reminded_at timestamptz
  index idx_support_tickets_guild_status_updated (guild_id, status, updated_at)

ticket_summaries
  faq_proposed_at timestamptz

faq_entries
  guild_id bigint
  updated_at timestamptz

verification_tickets
  attempts integer = 0
  last_message_id bigint

premium_subs
  core_sync_guild_id bigint
  core_sync_since timestamptz

growth_checkins
  share_message_id bigint
  share_claimed_at timestamptz
  supabase_reflection_id text

automod_logs
  event_key text
  unique index idx_automod_logs_event_key (guild_id, event_key) where event_key IS NOT NULL

automod_actions
  check automod_actions_severity_check severity >= 1 AND severity <= 10

engagement_challenges
  outcome text
  announced_at timestamptz
  announce_message_id bigint

engagement_badges
  source text
  unique index idx_eng_badges_source (guild_id, user_id, badge_key, source) where source IS NOT NULL

engagement_weekly_awards
  computed_at timestamptz
  announced_at timestamptz
  announce_channel_id bigint
  announce_message_id bigint
""")
_NEW = parse("""
onboarding_sessions
  guild_id bigint
  user_id bigint
  session_id text
  phase text
  step integer
  accepted integer
  mode text
  rules jsonb
  questions jsonb
  answers jsonb
  pending jsonb
  effects jsonb
  started_at timestamptz
  updated_at timestamptz
  primary key (guild_id, user_id)
  index idx_onboarding_sessions_updated (updated_at)

onboarding_panels
  guild_id bigint
  channel_id bigint
  message_id bigint
  updated_at timestamptz
  primary key (guild_id)

reminder_images
  reminder_id integer -> reminders(id) on delete cascade
  filename text
  content_type text
  data bytea
  primary key (reminder_id)

reminder_image_writes
  guild_id bigint*
  user_id bigint*
  created_at timestamptz* = now()
  index idx_reminder_image_writes (guild_id, user_id, created_at)

ticket_effects
  id bigserial
  guild_id bigint*
  subject text*
  subject_id integer*
  kind text*
  payload jsonb
  run_at timestamptz* = now()
  attempts integer* = 0
  done_at timestamptz
  last_error text
  index idx_ticket_effects_open (run_at) where done_at IS NULL

automod_mutes
  guild_id bigint
  user_id bigint
  role_id bigint
  expires_at timestamptz*
  log_id integer
  created_at timestamptz = now()
  primary key (guild_id, user_id, role_id)
  index idx_automod_mutes_expires (expires_at)

invite_snapshots
  guild_id bigint
  code text
  inviter_id bigint
  uses integer
  max_uses integer
  updated_at timestamptz
  primary key (guild_id, code)

quiz_sessions
  id serial
  user_id bigint*
  score integer
  total_questions integer
  created_at timestamptz = now()

quiz_answers
  id serial
  session_id integer -> quiz_sessions(id) on delete cascade
  question text
  user_answer text
  correct_answer text
  is_correct boolean
  pip_type text
""")


def upgrade() -> None:
    work = steps()
    if work.has("automod_actions"):
        clamped = work.execute(
            "UPDATE automod_actions SET severity = least(greatest(severity, 1), 10)"
            " WHERE severity NOT BETWEEN 1 AND 10"
        )
        if clamped:
            text = f"severity of {clamped:,} rows is brought into 1 to 10"
            work.note(Note(table="automod_actions", columns=("severity",), text=text))
    work.extend(_EXTENDED)
    work.extend(_NEW)


def downgrade() -> None:
    work = steps()
    work.drop_tables(*reversed(_NEW))
    work.retract(_EXTENDED)
