"""The shape of the dashboard's metrics (spec/api.md 7.7.2).

Figures of features that are not part of this version are what the specification gives where there is
nothing: zero, null, or an empty list.
"""

from __future__ import annotations

import attrs

from alphapy.web.routing.fields import BrusselsTime, Num2, SnowNumber


@attrs.frozen(kw_only=True)
class GuildItem:
    """A server that the bot is in."""

    id: SnowNumber
    name: str
    member_count: int | None
    owner_id: SnowNumber | None


@attrs.frozen(kw_only=True)
class CommandEntry:
    """A slash command under its full name."""

    qualified_name: str
    description: str
    type: str = "slash"


@attrs.frozen(kw_only=True)
class BotFigures:
    """``online``: the gateway is connected; while it is not, there are nulls and empty lists.

    ``uptime_human`` is such as ``1d 2h 3m 4s``. ``guilds`` are those that the caller may know of; of
    ``commands`` there are at most 50, by name.
    """

    online: bool
    version: str
    codename: str
    latency_ms: Num2 | None = None
    uptime_seconds: int | None = None
    uptime_human: str | None = None
    commands_loaded: int = 0
    guilds: list[GuildItem] = attrs.field(factory=list)
    commands: list[CommandEntry] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class GptEvent:
    """One call of the language model."""

    timestamp: BrusselsTime
    user_id: SnowNumber | None
    tokens_used: int | None
    latency_ms: int | None
    error_type: str | None


@attrs.frozen(kw_only=True)
class GptFigures:
    """The language model; nothing has happened where none is in use."""

    last_success_time: BrusselsTime | None = None
    last_error_type: str | None = None
    last_error_time: BrusselsTime | None = None
    average_latency_ms: int | None = None
    total_tokens_session: int = 0
    current_model: str | None = None
    last_user_id: SnowNumber | None = None
    success_count: int = 0
    error_count: int = 0
    rate_limit_hits: int = 0
    last_rate_limit_time: BrusselsTime | None = None
    last_success_latency_ms: int | None = None
    recent_successes: list[GptEvent] = attrs.field(factory=list)
    recent_errors: list[GptEvent] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class UpcomingItem:
    """A one-off reminder that is still to come."""

    id: int
    name: str
    channel_id: SnowNumber
    scheduled_time: BrusselsTime
    is_recurring: bool = False


@attrs.frozen(kw_only=True)
class ReminderFigures:
    """Reminders that are not completed.

    ``upcoming`` (at most three) and ``next_event_time`` are of those that happen once. ``per_channel`` counts
    by channel id, the fullest 100.
    """

    total: int = 0
    recurring: int = 0
    one_off: int = 0
    next_event_time: BrusselsTime | None = None
    per_channel: dict[str, int] = attrs.field(factory=dict)
    upcoming: list[UpcomingItem] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class TicketItem:
    """A ticket that is neither closed nor archived."""

    id: int
    username: str | None
    status: str
    channel_id: SnowNumber | None
    created_at: BrusselsTime | None


@attrs.frozen(kw_only=True)
class TicketFigures:
    """Tickets. ``average_close_seconds`` is from opening to closing; ``open_items`` are the ten oldest."""

    total: int = 0
    per_status: dict[str, int] = attrs.field(factory=dict)
    open_count: int = 0
    last_ticket_created_at: BrusselsTime | None = None
    average_close_seconds: int | None = None
    average_close_human: str | None = None
    open_items: list[TicketItem] = attrs.field(factory=list)
    open_ticket_ids: list[int] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class OverrideItem:
    """A setting that a server has changed: a text as it is, anything else as JSON."""

    scope: str
    key: str
    value: str
    guild_id: SnowNumber


@attrs.frozen(kw_only=True)
class Infrastructure:
    """The database."""

    database_up: bool
    pool_size: int | None
    checked_at: BrusselsTime


@attrs.frozen(kw_only=True)
class CommandUse:
    """How often a command was used in the period."""

    command_name: str
    usage_count: int


@attrs.frozen(kw_only=True)
class UsageFigures:
    """The ten most used commands of a week; at most 30 seconds old."""

    top_commands: list[CommandUse]
    total_commands_24h: int
    period_days: int = 7


@attrs.frozen(kw_only=True)
class CacheFigures:
    """How much is held in memory.

    The rules of auto-moderation are kept by server, as a list and compiled, so that both sizes are the number
    of servers whose rules lie in memory; a miss is a reading from the database.
    """

    command_tracker_queue_size: int = 0
    command_stats_cache_size: int = 0
    ip_rate_limits_size: int = 0
    sync_cooldowns_size: int = 0
    ticket_cooldowns_size: int = 0
    automod_rules_cache_size: int = 0
    automod_rules_list_cache_size: int = 0
    automod_rules_cache_hits: int = 0
    automod_rules_cache_misses: int = 0
    engagement_feature_flag_cache_size: int = 0
    engagement_feature_flag_cache_hits: int = 0
    engagement_feature_flag_cache_misses: int = 0
    engagement_food_channels_cache_size: int = 0
    engagement_food_channels_cache_hits: int = 0
    engagement_food_channels_cache_misses: int = 0


@attrs.frozen(kw_only=True)
class PremiumFigures:
    """Checks of premium."""

    premium_checks_total: int = 0
    premium_checks_core_api: int = 0
    premium_checks_local: int = 0
    premium_cache_hits: int = 0
    premium_transfers_count: int = 0
    premium_cache_size: int = 0
    premium_guild_cache_size: int = 0
    premium_guild_cache_hits: int = 0
    premium_guild_cache_misses: int = 0


@attrs.frozen(kw_only=True)
class IdentityFigures:
    """Resolved identities."""

    identity_resolve_total: int = 0
    identity_resolve_hit_links: int = 0
    identity_resolve_miss: int = 0
    identity_resolve_db_error: int = 0
    identity_profile_fallback_used: int = 0
    identity_jwt_unlinked_403: int = 0
    identity_link_webhook_ok: int = 0
    identity_link_webhook_conflict: int = 0
    identity_link_webhook_503: int = 0


@attrs.frozen(kw_only=True)
class AgentFigures:
    """Sessions of agents."""

    enabled: bool
    active_sessions: int
    started_24h: int
    completed_24h: int
    active_origin_discord: int
    active_origin_app: int


@attrs.frozen(kw_only=True)
class DashboardMetrics:
    """How the bot is doing, of one server or of all. A part that cannot be read is empty.

    ``settings_overrides`` are at most 1000. ``agent_sessions`` is null where there are no agents.
    """

    bot: BotFigures
    gpt: GptFigures
    reminders: ReminderFigures
    tickets: TicketFigures
    settings_overrides: list[OverrideItem]
    infrastructure: Infrastructure
    command_usage: UsageFigures | None
    cache_metrics: CacheFigures
    premium_metrics: PremiumFigures
    identity_metrics: IdentityFigures
    agent_sessions: AgentFigures | None = None
