"""The schema as revision 028 leaves it, whole. Frozen: later changes are revisions of their own.

Revisions 001 to 027 take their parts from here by name, and 028 converges any predecessor to it
(spec/schema.md 2.1 to 2.9 and 5.2).
"""

from __future__ import annotations

from alphapy.storage.catalog.notation import parse

_SETTINGS_AND_REMINDERS = """
bot_settings
  guild_id bigint
  scope text
  key text
  value jsonb*
  value_type text
  updated_by bigint
  updated_at timestamptz = now()
  primary key (guild_id, scope, key)

settings_history
  id serial
  guild_id bigint*
  scope text*
  key text*
  old_value jsonb
  new_value jsonb*
  value_type text
  changed_by bigint
  changed_at timestamptz = now()
  change_type text*
  index idx_settings_history_guild_scope_key (guild_id, scope, key)
  index idx_settings_history_changed_at (changed_at)

reminders
  id serial
  guild_id bigint*
  name text*
  channel_id bigint*
  time time
  call_time time
  days text[]
  message text
  created_by bigint
  origin_channel_id bigint
  origin_message_id bigint
  event_time timestamptz
  location text
  last_sent_at timestamptz
  image_url text
  sent_message_id bigint
  completed boolean = false
  index idx_reminders_time (time)
  index idx_reminders_event_time (event_time)
  index idx_reminders_guild_id (guild_id)
  index idx_reminders_guild_id_id (guild_id, id DESC)
  index idx_reminders_created_by (created_by)
"""

_PREMIUM_AND_CONSENT = """
premium_subs
  id serial
  user_id bigint*
  guild_id bigint*
  tier text*
  status text*
  stripe_subscription_id text
  expires_at timestamptz
  created_at timestamptz = now()
  expiry_warning_sent_at timestamptz
  index idx_premium_subs_user_guild (user_id, guild_id)
  index idx_premium_subs_guild_status (guild_id, status)
  unique index idx_premium_subs_one_active_per_user (user_id) where status = 'active'
  row security

gpt_usage
  user_id bigint
  guild_id bigint
  usage_date date = CURRENT_DATE
  call_count integer* = 0
  primary key (user_id, guild_id, usage_date)
  index idx_gpt_usage_date (usage_date)

terms_acceptance
  id serial
  user_id bigint*
  accepted_at timestamptz* = now()
  version text* = '2026-03-02'
  unique (user_id)
  index idx_terms_acceptance_user (user_id)
  index idx_terms_acceptance_accepted_at (accepted_at)

gdpr_acceptance
  user_id bigint
  guild_id bigint
  accepted integer* = 0
  timestamp timestamp* = now()
  primary key (user_id, guild_id)

app_reflections
  id serial
  user_id bigint*
  reflection_id text*
  plaintext_content jsonb*
  created_at timestamptz* = now()
  unique (user_id, reflection_id)
  index idx_app_reflections_user_created (user_id, created_at DESC)
  index idx_app_reflections_user_id (user_id)
"""

_ONBOARDING = """
onboarding
  guild_id bigint
  user_id bigint
  responses jsonb
  timestamp timestamp = now()
  primary key (guild_id, user_id)

guild_onboarding_questions
  id serial
  guild_id bigint*
  step_order integer*
  question text*
  question_type text* = 'select'
  options jsonb
  followup jsonb
  required boolean = true
  enabled boolean = true
  created_at timestamp = now()
  updated_at timestamp = now()
  unique (guild_id, step_order)

guild_rules
  id serial
  guild_id bigint*
  rule_order integer*
  title text*
  description text*
  thumbnail_url text
  image_url text
  enabled boolean = true
  created_at timestamp = now()
  updated_at timestamp = now()
  unique (guild_id, rule_order)
"""

_TICKETS_AND_ANALYTICS = """
support_tickets
  id serial
  guild_id bigint*
  user_id bigint*
  username text
  description text*
  status text = 'open'
  created_at timestamptz = now()
  channel_id bigint
  claimed_by bigint
  claimed_at timestamptz
  updated_at timestamptz = now()
  escalated_to bigint
  archived_at timestamptz
  archived_by bigint
  index idx_support_tickets_user_id (user_id)
  index idx_support_tickets_status (status)
  index idx_support_tickets_channel_id (channel_id)
  index idx_support_tickets_guild_id (guild_id)
  index idx_support_tickets_updated_at (updated_at)
  index idx_support_tickets_claimed_by (claimed_by)

verification_tickets
  id serial
  guild_id bigint*
  user_id bigint*
  channel_id bigint*
  status text* = 'pending'
  ai_can_verify boolean
  ai_needs_manual_review boolean
  ai_reason text
  created_at timestamptz = now()
  resolved_at timestamptz
  resolved_by_user_id bigint
  rejection_reason text
  payment_date date
  index idx_verification_tickets_guild_status (guild_id, status)
  index idx_verification_tickets_channel_id (channel_id)

ticket_summaries
  id serial
  ticket_id integer*
  summary text*
  similarity_key text
  created_at timestamptz = now()
  index idx_ticket_summaries_key (similarity_key)
  index idx_ticket_summaries_ticket (ticket_id)

ticket_metrics
  id bigserial
  snapshot jsonb
  scope text
  counts jsonb
  average_cycle_time bigint
  triggered_by bigint
  created_at timestamptz = now()
  topics jsonb

faq_entries
  id serial
  title text
  summary text
  keywords text[]
  created_at timestamptz = now()
  similarity_key text
  created_by bigint

faq_search_logs
  id serial
  user_id bigint
  query text
  results_count integer
  searched_at timestamptz = now()

audit_logs
  id serial
  guild_id bigint*
  user_id bigint*
  command_name text*
  command_type text*
  success boolean = true
  error_message text
  created_at timestamptz = now()
  index idx_audit_logs_guild_created (guild_id, created_at)
  index idx_audit_logs_command (command_name, created_at)
  index idx_audit_logs_user (user_id)

health_check_history
  id serial
  service text*
  version text*
  uptime_seconds integer*
  db_status text*
  guild_count integer
  active_commands_24h integer
  gpt_status text
  database_pool_size integer
  checked_at timestamptz = now()
  index idx_health_check_history_checked_at (checked_at DESC)
  index idx_health_check_history_service (service, checked_at DESC)
"""

_MODERATION = """
custom_commands
  id serial
  guild_id bigint*
  name text*
  trigger_type text*
  trigger_value text*
  response text*
  enabled boolean = true
  case_sensitive boolean = false
  delete_trigger boolean = false
  reply_to_user boolean = true
  uses integer = 0
  created_by bigint
  created_at timestamptz = now()
  updated_at timestamptz = now()
  unique (guild_id, name)
  index idx_custom_commands_guild_enabled (guild_id, enabled)

automod_actions
  id serial
  guild_id bigint*
  action_type text*
  severity integer = 1
  config jsonb*
  is_premium boolean = false
  created_by bigint
  created_at timestamptz = now()
  index idx_automod_actions_guild (guild_id)

automod_rules
  id serial
  guild_id bigint*
  rule_type text*
  name text*
  enabled boolean = true
  config jsonb*
  action_id integer -> automod_actions(id)
  created_by bigint
  created_at timestamptz = now()
  updated_at timestamptz = now()
  is_premium boolean = false
  index idx_automod_rules_guild_enabled (guild_id, enabled)
  index idx_automod_rules_type (rule_type)
  index idx_automod_rules_action (action_id)

automod_logs
  id serial
  guild_id bigint*
  user_id bigint*
  message_id bigint
  channel_id bigint
  rule_id integer -> automod_rules(id) on delete set null
  action_taken text*
  message_content text
  ai_analysis jsonb
  context jsonb
  moderator_id bigint
  timestamp timestamptz = now()
  appeal_status text = 'none'
  index idx_automod_logs_guild_user (guild_id, user_id)
  index idx_automod_logs_timestamp (timestamp)
  index idx_automod_logs_rule (rule_id)
  index idx_automod_logs_guild_id (guild_id)

automod_stats
  id serial
  guild_id bigint*
  rule_id integer -> automod_rules(id) on delete set null
  date date*
  triggers_count integer = 0
  false_positives integer = 0
  avg_response_time double precision
  created_at timestamptz = now()
  unique (guild_id, rule_id, date)
  index idx_automod_stats_date (date)
  index idx_automod_stats_rule (rule_id)

automod_user_history
  id serial
  guild_id bigint*
  user_id bigint*
  rule_type text*
  violation_count integer = 1
  last_violation timestamptz = now()
  total_points integer = 0
  context jsonb
  updated_at timestamptz = now()
  unique (guild_id, user_id, rule_type)
  index idx_automod_user_history_guild_user (guild_id, user_id)
  index idx_automod_user_history_guild_id (guild_id)
"""

_ENGAGEMENT = """
engagement_badges
  id bigserial
  guild_id bigint*
  user_id bigint*
  badge_key text*
  assigned_at timestamptz* = now()
  index idx_eng_badges_guild_user (guild_id, user_id)

engagement_og_claims
  guild_id bigint
  user_id bigint
  claimed_at timestamptz* = now()
  primary key (guild_id, user_id)
  index idx_eng_og_claims_guild (guild_id)

engagement_og_setup
  guild_id bigint
  message_id bigint
  channel_id bigint
  updated_at timestamptz* = now()
  primary key (guild_id)

engagement_challenges
  id bigserial
  guild_id bigint*
  channel_id bigint
  mode text* = 'leaderboard'
  title text
  active boolean* = true
  started_at timestamptz* = now()
  ends_at timestamptz
  ended_at timestamptz
  winner_id bigint
  messages_count integer
  index idx_eng_challenges_guild_active (guild_id, active)

engagement_participants
  id bigserial
  challenge_id bigint* -> engagement_challenges(id) on delete cascade
  user_id bigint*
  message_count integer* = 0
  unique (challenge_id, user_id)
  index idx_eng_participants_challenge (challenge_id)

engagement_weekly_messages
  id bigserial
  guild_id bigint*
  message_id bigint*
  channel_id bigint*
  user_id bigint*
  created_at timestamptz*
  has_image boolean* = false
  is_food boolean* = false
  reactions_count integer* = 0
  unique (guild_id, message_id)
  index idx_eng_weekly_msgs_guild_created (guild_id, created_at)

engagement_weekly_awards
  id bigserial
  guild_id bigint*
  week_start date*
  week_end date*
  unique (guild_id, week_start, week_end)
  index idx_eng_weekly_awards_guild (guild_id)

engagement_weekly_results
  id bigserial
  week_id bigint* -> engagement_weekly_awards(id) on delete cascade
  award_key text*
  user_id bigint*
  metric integer
  message_id bigint
  unique (week_id, award_key)

engagement_streaks
  guild_id bigint
  user_id bigint
  last_day date
  current_days integer* = 0
  base_nickname text
  primary key (guild_id, user_id)
  index idx_eng_streaks_guild (guild_id)

invite_tracker
  guild_id bigint
  user_id bigint
  invite_count integer = 0
  primary key (guild_id, user_id)
"""

_GROWTH_AND_IDENTITY = """
growth_checkins
  id bigserial
  guild_id bigint*
  user_id bigint*
  shared boolean* = false
  created_at timestamptz* = now()
  goal text
  obstacle text
  feeling text
  grok_response text
  index idx_growth_checkins_guild_id (guild_id)
  index idx_growth_checkins_created_at (created_at)
  index idx_growth_checkins_user_created (user_id, created_at DESC)

alphapy_discord_links
  innersync_user_id uuid
  discord_user_id bigint*
  linked_at timestamptz* = now()
  link_source text
  primary key (innersync_user_id)
  unique (discord_user_id)
  index idx_alphapy_discord_links_discord (discord_user_id)

agent_session_usage
  user_id bigint
  usage_date date = CURRENT_DATE
  session_count integer* = 0
  primary key (user_id, usage_date)
  index idx_agent_session_usage_date (usage_date)

agent_nudge_state
  innersync_user_id uuid
  discord_user_id bigint*
  last_sent_at timestamptz
  primary key (innersync_user_id)
  index idx_agent_nudge_state_discord (discord_user_id)
  index idx_agent_nudge_state_last_sent (last_sent_at)
"""

TABLES = parse(
    _SETTINGS_AND_REMINDERS
    + _PREMIUM_AND_CONSENT
    + _ONBOARDING
    + _TICKETS_AND_ANALYTICS
    + _MODERATION
    + _ENGAGEMENT
    + _GROWTH_AND_IDENTITY
)
"""Every table by name, those that others refer to first."""
