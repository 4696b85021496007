"""A guild's auto-moderation (spec/api.md 7.7.8, spec/moderation.md 7).

Everything goes through the guild's actor, which judges messages by the rules: what is saved is in force for
the next message before the answer comes.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs

from alphapy.actors.automod.messages import (
    FEATURE,
    AddRule,
    ChangeRule,
    DeleteRule,
    ReadLogs,
    ReadRules,
    ReadTotals,
    Reload,
    Resolve,
)
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import EnsureFresh, Saved, SaveScope
from alphapy.pure.automod.changes import RuleChange, kind_for, limited
from alphapy.pure.automod.drafts import (
    Rejected,
    RuleDraft,
    checked_action_config,
    checked_config,
    clean_rule_name,
)
from alphapy.pure.automod.rules import (
    MAX_RULE_ID,
    MAX_RULES,
    MAX_SEVERITY,
    MIN_SEVERITY,
    ActionKind,
    StoredRule,
)
from alphapy.pure.ids import GuildId, RoleId, parse_snowflake
from alphapy.storage.automod_reports import LogFilter
from alphapy.storage.automod_rules import NotAdded
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError, not_found
from alphapy.web.routes.dashboard import ActorDesk, actor_of
from alphapy.web.routing.fields import UNSET, Clamped, Snow, SnowNumber, Text, Unset, UtcTime
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.storage.automod import Logged
    from alphapy.web.sources import Sources

TAG: Final = "Auto-moderation"
PATH: Final = "/api/dashboard/{guild_id}/automod"
RULES: Final = PATH + "/rules"
RULE: Final = RULES + "/{rule_id}"

RuleType = Literal["spam", "content", "regex", "ai", "mentions", "caps", "duplicate"]
_CODES: Final = {"premium needed": (403, "premium_required")}


@attrs.frozen(kw_only=True)
class RuleItem:
    """A rule: what it looks at, and what it does. ``severity`` 10 is judged first."""

    id: int
    guild_id: SnowNumber
    rule_type: str
    name: str
    enabled: bool
    config: dict[str, Any]
    action_type: str | None
    action_config: dict[str, Any]
    severity: int
    created_by: SnowNumber | None
    created_at: UtcTime | None
    updated_at: UtcTime | None
    is_premium: bool


@attrs.frozen(kw_only=True)
class NewRule:
    """``mentions``, ``caps`` and ``duplicate`` stand for kinds of ``content`` and ``spam``."""

    rule_type: RuleType
    name: Annotated[str, Text(1, 1000)]
    config: dict[str, Any]
    action_type: ActionKind
    action_config: dict[str, Any]
    enabled: bool = True
    severity: int = 1


@attrs.frozen(kw_only=True)
class RuleUpdate:
    """What shall be different; what is left out or null stays. A config replaces the whole config."""

    name: str | None = None
    enabled: bool | None = None
    config: dict[str, Any] | None = None
    action_type: ActionKind | None = None
    action_config: dict[str, Any] | None = None
    severity: int | None = None


@attrs.frozen
class Done:
    """It is done."""

    success: bool = True


@attrs.frozen(kw_only=True)
class TopRule:
    """A rule and how often it was broken in seven days."""

    name: str
    rule_type: str
    violation_count: int


@attrs.frozen(kw_only=True)
class Stats:
    """The figures; ``violations_today`` are those of the last 24 hours."""

    total_rules: int
    enabled_rules: int
    rules_by_type: dict[str, int]
    total_violations: int
    violations_today: int
    violations_week: int
    top_violated_rules: list[TopRule]


@attrs.frozen(kw_only=True)
class ViolationsQuery:
    """How many, of how many days, of whom, and in which state of appeal."""

    limit: Annotated[int, Clamped(1, 200)] = 50
    days: Annotated[int, Clamped(1, 365)] = 7
    user_id: Snow | None = None
    appeal_status: Literal["none", "pending", "approved", "denied"] | None = None


@attrs.frozen(kw_only=True)
class ViolationItem:
    """A violation. ``rule_id`` is null where the rule was deleted; its name is in ``context._meta``."""

    id: int
    guild_id: SnowNumber
    user_id: SnowNumber
    message_id: SnowNumber | None
    channel_id: SnowNumber | None
    rule_id: int | None
    action_taken: str
    message_content: str | None
    ai_analysis: dict[str, Any] | None
    context: dict[str, Any]
    timestamp: UtcTime
    moderator_id: SnowNumber | None
    appeal_status: str


@attrs.frozen(kw_only=True)
class SettingsItem:
    """The switches of the module."""

    enabled: bool
    log_channel_id: Snow | None
    log_actions: bool
    log_to_database: bool


@attrs.frozen(kw_only=True)
class SettingsUpdate:
    """What shall be different; a log channel of null or an empty text clears it."""

    enabled: bool | Unset = UNSET
    log_channel_id: str | int | Unset | None = UNSET
    log_actions: bool | Unset = UNSET
    log_to_database: bool | Unset = UNSET


@attrs.frozen(kw_only=True)
class Decision:
    """What is decided about an appeal."""

    decision: Literal["approve", "deny"]


@attrs.frozen(kw_only=True)
class Decided:
    """The state of the appeal now."""

    success: bool = True
    appeal_status: str


class AutomodRoutes:
    """The handlers."""

    def __init__(self, sources: Sources) -> None:
        self._desk = ActorDesk(sources.bus, sources.pool)
        self._clock = sources.clock
        self._guilds = sources.dashboard.guilds

    async def list_rules(self, call: Call) -> Reply:
        """Every rule, as they are judged."""
        rules = await self._rules(call.guild)
        by_age = sorted(
            rules.rules, key=lambda rule: (rule.created_at is None, rule.created_at), reverse=True
        )
        ordered = sorted(by_age, key=lambda rule: -rule.severity)
        return Reply(body=[_item(call.guild, rule) for rule in ordered])

    async def add(self, call: Call) -> Reply:
        """Store a new rule."""
        asked: NewRule = call.body
        try:
            draft = self._draft(call.guild, asked)
        except Rejected as rejected:
            raise _refusal(rejected) from None
        added = await self._desk.ask(
            _automod_of(call.guild), AddRule(draft, actor_of(call.caller), is_remote=True)
        )
        if isinstance(added, Rejected):
            raise _refusal(added)
        if isinstance(added, NotAdded):
            raise ApiError(400, "limit", f"A server has at most {MAX_RULES} rules.")
        return Reply(body=_item(call.guild, added))

    def _draft(self, guild_id: GuildId, asked: NewRule) -> RuleDraft:
        kind = kind_for(asked.rule_type, asked.config)
        if not MIN_SEVERITY <= asked.severity <= MAX_SEVERITY:
            raise Rejected(f"severity lies between {MIN_SEVERITY} and {MAX_SEVERITY}.")
        action_config = checked_action_config(asked.action_type, limited(asked.action_config))
        self._check_role(guild_id, action_config)
        return RuleDraft(
            kind=kind,
            name=clean_rule_name(asked.name),
            config=checked_config(kind, limited(asked.config)),
            action=asked.action_type,
            action_config=action_config,
            severity=asked.severity,
            enabled=asked.enabled,
        )

    def _check_role(self, guild_id: GuildId, action_config: dict[str, Any]) -> None:
        role_id = parse_snowflake(action_config.get("mute_role_id"))
        guild = self._guilds.get(guild_id)
        if role_id is not None and (guild is None or RoleId(role_id) not in guild.roles):
            raise Rejected("mute_role_id is no role of this server.")

    async def change(self, call: Call) -> Reply:
        """Change a rule."""
        asked: RuleUpdate = call.body
        change = RuleChange(
            name=asked.name,
            enabled=asked.enabled,
            config=asked.config,
            action=asked.action_type,
            action_config=asked.action_config,
            severity=asked.severity,
        )
        try:
            self._check_role(call.guild, asked.action_config or {})
        except Rejected as rejected:
            raise _refusal(rejected) from None
        changed = await self._desk.ask(
            _automod_of(call.guild),
            ChangeRule(
                rule_id=_row_id(call, "rule_id"),
                change=change,
                actor_id=actor_of(call.caller),
                is_remote=True,
            ),
        )
        if isinstance(changed, Rejected):
            raise _refusal(changed)
        if changed is None:
            raise _unknown()
        return Reply(body=_item(call.guild, changed[1]))

    async def delete(self, call: Call) -> Reply:
        """Delete a rule."""
        request = DeleteRule(rule_id=_row_id(call, "rule_id"), actor_id=actor_of(call.caller), is_remote=True)
        if await self._desk.ask(_automod_of(call.guild), request) is None:
            raise _unknown()
        return Reply(body=Done())

    async def stats(self, call: Call) -> Reply:
        """The figures."""
        rules = await self._rules(call.guild)
        totals = await self._desk.ask(_automod_of(call.guild), ReadTotals())
        return Reply(
            body=Stats(
                total_rules=len(rules.rules),
                enabled_rules=sum(rule.enabled for rule in rules.rules),
                rules_by_type=dict(Counter(rule.rule_type for rule in rules.rules)),
                total_violations=totals.total,
                violations_today=totals.today,
                violations_week=totals.week,
                top_violated_rules=[
                    TopRule(name=top.name, rule_type=top.rule_type, violation_count=top.count)
                    for top in totals.top
                ],
            )
        )

    async def violations(self, call: Call) -> Reply:
        """The newest violations."""
        query: ViolationsQuery = call.query
        wanted = LogFilter(
            since=self._clock.now() - timedelta(days=query.days),
            limit=query.limit,
            user_id=query.user_id,
            appeal_status=query.appeal_status,
        )
        rows = await self._desk.ask(_automod_of(call.guild), ReadLogs(wanted))
        return Reply(body=[_violation(call.guild, row) for row in rows])

    async def read_settings(self, call: Call) -> Reply:
        """The switches."""
        settings = await self._desk.ask(_settings_of(call.guild), EnsureFresh())
        return Reply(
            body=SettingsItem(
                enabled=settings.enabled(FEATURE),
                log_channel_id=settings.snowflake(FEATURE, "log_channel_id"),
                log_actions=bool(settings.value(FEATURE, "log_actions")),
                log_to_database=bool(settings.value(FEATURE, "log_to_database")),
            )
        )

    async def write_settings(self, call: Call) -> Reply:
        """Change switches."""
        asked: SettingsUpdate = call.body
        values = {
            field.name: value
            for field in attrs.fields(SettingsUpdate)
            if not isinstance(value := getattr(asked, field.name), Unset)
        }
        if not values:
            return Reply(body=Done())
        saved = await self._desk.ask(
            _settings_of(call.guild),
            SaveScope(scope=FEATURE, values=values, actor_id=actor_of(call.caller)),
        )
        if not isinstance(saved, Saved):
            raise ApiError(400, "bad_value", f"{saved.name or 'The value'} must be {saved.expected}.")
        return Reply(body=Done())

    async def invalidate(self, call: Call) -> Reply:
        """Have the rules read again."""
        await self._desk.ask(_automod_of(call.guild), Reload())
        return Reply(body=Done())

    async def resolve(self, call: Call) -> Reply:
        """Decide an appeal."""
        asked: Decision = call.body
        resolved = await self._desk.ask(
            _automod_of(call.guild),
            Resolve(
                log_id=_row_id(call, "log_id"),
                approve=asked.decision == "approve",
                moderator_id=actor_of(call.caller),
            ),
        )
        if resolved is None:
            raise not_found("This server has no violation of that number.")
        if not resolved.changed:
            raise ApiError(409, "conflict", f"There is no appeal to decide: it is {resolved.status}.")
        return Reply(body=Decided(appeal_status=resolved.status))

    async def _rules(self, guild_id: GuildId) -> RuleSet:
        return await self._desk.ask(_automod_of(guild_id), ReadRules(stored=True))


def _automod_of(guild_id: GuildId) -> Address:
    return Address.guild(guild_id, FEATURE)


def _settings_of(guild_id: GuildId) -> Address:
    return Address.guild(guild_id, "settings")


def _row_id(call: Call, name: str) -> int:
    number = int(call.params[name])
    if not 1 <= number <= MAX_RULE_ID:
        raise not_found("There is nothing of that number.")
    return number


def _refusal(rejected: Rejected) -> ApiError:
    status, code = _CODES.get(rejected.reason, (400, "bad_value"))
    return ApiError(status, code, rejected.text)


def _unknown() -> ApiError:
    return not_found("This server has no rule of that number.")


def _item(guild_id: GuildId, rule: StoredRule) -> RuleItem:
    return RuleItem(
        id=rule.id,
        guild_id=guild_id,
        rule_type=rule.rule_type,
        name=rule.name,
        enabled=rule.enabled,
        config=dict(rule.config),
        action_type=rule.action_type,
        action_config=dict(rule.action_config),
        severity=rule.severity,
        created_by=rule.created_by,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
        is_premium=rule.is_premium,
    )


def _violation(guild_id: GuildId, row: Logged) -> ViolationItem:
    return ViolationItem(
        id=row.id,
        guild_id=guild_id,
        user_id=row.user_id,
        message_id=row.message_id,
        channel_id=row.channel_id,
        rule_id=row.rule_id,
        action_taken=row.action_taken,
        message_content=row.content,
        ai_analysis=None if row.ai_analysis is None else dict(row.ai_analysis),
        context=dict(row.context),
        timestamp=row.at,
        moderator_id=row.moderator_id,
        appeal_status=row.appeal_status,
    )


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    return (*_rule_routes(AutomodRoutes(sources)), *_other_routes(AutomodRoutes(sources)))


def _rule_routes(handlers: AutomodRoutes) -> tuple[Route, ...]:
    guild, rule = {"guild_id": GuildId}, {"guild_id": GuildId, "rule_id": int}
    return (
        Route(
            method="GET",
            path=RULES,
            params=guild,
            handler=handlers.list_rules,
            access=Access.GUILD,
            summary="Every rule of a server",
            description="The highest severity first, then the newest.",
            tag=TAG,
            answer=list[RuleItem],
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path=RULES,
            params=guild,
            handler=handlers.add,
            access=Access.GUILD,
            summary="Add a rule",
            description="It judges the next message. A server has at most 100.",
            tag=TAG,
            body=NewRule,
            answer=RuleItem,
            errors=("bad_value", "limit", "premium_required", "db_unavailable"),
        ),
        Route(
            method="PUT",
            path=RULE,
            params=rule,
            handler=handlers.change,
            access=Access.GUILD,
            summary="Change a rule, or switch it on or off",
            description="Its type stays. The next message is judged by what is saved.",
            tag=TAG,
            body=RuleUpdate,
            answer=RuleItem,
            errors=("bad_value", "premium_required", "not_found", "db_unavailable"),
        ),
        Route(
            method="DELETE",
            path=RULE,
            params=rule,
            handler=handlers.delete,
            access=Access.GUILD,
            summary="Delete a rule",
            description="Its log and statistics stay.",
            tag=TAG,
            answer=Done,
            errors=("not_found", "db_unavailable"),
        ),
    )


def _other_routes(handlers: AutomodRoutes) -> tuple[Route, ...]:
    guild = {"guild_id": GuildId}
    return (
        Route(
            method="GET",
            path=PATH + "/stats",
            params=guild,
            handler=handlers.stats,
            access=Access.GUILD,
            summary="Figures of a server's auto-moderation",
            tag=TAG,
            answer=Stats,
            errors=("db_unavailable",),
        ),
        Route(
            method="GET",
            path=PATH + "/violations",
            params=guild,
            handler=handlers.violations,
            access=Access.GUILD,
            summary="The newest violations",
            tag=TAG,
            query=ViolationsQuery,
            answer=list[ViolationItem],
            errors=("db_unavailable",),
        ),
        Route(
            method="GET",
            path=PATH + "/settings",
            params=guild,
            handler=handlers.read_settings,
            access=Access.GUILD,
            summary="The switches of auto-moderation",
            tag=TAG,
            answer=SettingsItem,
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path=PATH + "/settings",
            params=guild,
            handler=handlers.write_settings,
            access=Access.GUILD,
            summary="Change the switches of auto-moderation",
            tag=TAG,
            body=SettingsUpdate,
            answer=Done,
            errors=("bad_value", "db_unavailable"),
        ),
        Route(
            method="POST",
            path=PATH + "/invalidate-cache",
            params=guild,
            handler=handlers.invalidate,
            access=Access.DADMIN,
            summary="Read a server's rules again",
            description="For programs that write the tables themselves.",
            tag=TAG,
            answer=Done,
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path=PATH + "/appeals/{log_id}/resolve",
            params={"guild_id": GuildId, "log_id": int},
            handler=handlers.resolve,
            access=Access.GUILD,
            summary="Decide an appeal",
            description="Approving takes the violation back, and lifts what still holds the member.",
            tag=TAG,
            body=Decision,
            answer=Decided,
            errors=("not_found", "conflict", "db_unavailable"),
        ),
    )
