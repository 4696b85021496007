"""A guild's auto-moderation (spec/api.md 7.7.8, spec/moderation.md 7).

Everything goes through the guild's actor, which judges messages by the rules: what is saved is in force for
the next message before the answer comes.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

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
)
from alphapy.pure.ids import GuildId, RoleId, parse_snowflake
from alphapy.storage.automod_reports import LogFilter
from alphapy.storage.automod_rules import NotAdded
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError, not_found
from alphapy.web.routes.automod_shapes import (
    Decided,
    Decision,
    Done,
    NewRule,
    RuleItem,
    RuleUpdate,
    SettingsItem,
    SettingsUpdate,
    Stats,
    TopRule,
    ViolationItem,
    ViolationsQuery,
    rule_item,
    violation_item,
)
from alphapy.web.routes.dashboard import ActorDesk, actor_of
from alphapy.web.routing.fields import Unset
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.web.sources import Sources

TAG: Final = "Auto-moderation"
PATH: Final = "/api/dashboard/{guild_id}/automod"
RULES: Final = PATH + "/rules"
RULE: Final = RULES + "/{rule_id}"

_CODES: Final = {"premium needed": (403, "premium_required")}


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
        return Reply(body=[rule_item(call.guild, rule) for rule in ordered])

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
        return Reply(body=rule_item(call.guild, added))

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
        return Reply(body=rule_item(call.guild, changed[1]))

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
        return Reply(body=[violation_item(call.guild, row) for row in rows])

    async def read_settings(self, call: Call) -> Reply:
        """The switches."""
        settings = await self._desk.ask(_settings_of(call.guild), EnsureFresh(max_age=0.0))
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
            raise ApiError(409, "not_pending", f"There is no appeal to decide: it is {resolved.status}.")
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


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    handlers = AutomodRoutes(sources)
    return (*_rule_routes(handlers), *_figure_routes(handlers), *_switch_routes(handlers))


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


def _figure_routes(handlers: AutomodRoutes) -> tuple[Route, ...]:
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
    )


def _switch_routes(handlers: AutomodRoutes) -> tuple[Route, ...]:
    guild = {"guild_id": GuildId}
    return (
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
            errors=("not_found", "not_pending", "db_unavailable"),
        ),
    )
