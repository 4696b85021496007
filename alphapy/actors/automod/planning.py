"""What is done at Discord about a batch of violations: pure (spec/moderation.md 5.6).

The most useful action comes first: bans and timeouts, which end a flood, before messages are cleared away,
and those many at a time. Several timeouts of one member become one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.actors.effects import moderation, verbs
from alphapy.actors.settings.snapshot import SettingsSnapshot
from alphapy.gateway.guilds import CachedGuild
from alphapy.gateway.models.component import ActionRow, Button, ButtonStyle
from alphapy.gateway.models.outgoing import AllowedMentions, OutgoingMessage
from alphapy.gateway.rest.moderation import BULK_MOST
from alphapy.pure.automod.drafts import MAX_DELETE_SECONDS
from alphapy.pure.automod.points import DEFAULT_MINUTES, minutes_of
from alphapy.pure.automod.rules import ActionKind, whole
from alphapy.pure.automod.violations import Decision
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId, parse_snowflake
from alphapy.pure.text import cut, escape_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.effects import Draft

ACT_WITHIN = timedelta(minutes=10)
"""How long after the decision an action still makes sense (spec/moderation.md 5.6, "Crash recovery")."""

LONGEST_TIMEOUT = timedelta(days=28) - timedelta(minutes=1)
"""What Discord takes, with room for clocks that differ."""

BULK_YOUNGER_THAN = timedelta(days=13)
"""Age below which messages can certainly be deleted many at a time."""

PENDING, THROTTLED, NO_MUTE_ROLE = "pending", "throttled", "no_mute_role"
"""States of a step before anything was tried."""


@attrs.frozen(kw_only=True)
class Scene:
    """Where and when the violations are dealt with. ``warned`` are members that were warned just before."""

    guild_id: GuildId
    guild: CachedGuild | None
    settings: SettingsSnapshot
    me: UserId | None
    now: datetime
    warned: frozenset[int] = frozenset()

    @property
    def appeals(self) -> bool:
        """Whether members may appeal."""
        return bool(self.settings.value("automod", "appeals_enabled"))

    @property
    def deadline(self) -> datetime:
        """After this nothing is begun any more."""
        return self.now + ACT_WITHIN

    def mute_role(self, config: Mapping[str, Any]) -> int | None:
        """The role of muted members, if there is one that the bot can give."""
        role_id = parse_snowflake(config.get("mute_role_id")) or self.settings.snowflake(
            "automod", "mute_role_id"
        )
        return role_id if role_id is not None and can_give(self.guild, self.me, role_id) else None


def can_give(guild: CachedGuild | None, me: UserId | None, role_id: int) -> bool:
    """Whether the bot may give this role, as far as the guild is known."""
    if guild is None or me is None:
        return True
    role = guild.roles.get(role_id)  # type: ignore[call-overload]  # ids of settings are plain numbers
    return (
        role is not None
        and not role.managed
        and role_id != guild.id
        and role.position < guild.top_position(guild.my_roles)
    )


@attrs.frozen(kw_only=True)
class Act:
    """One decision with the steps that it takes, each with how it stands."""

    decision: Decision
    steps: Mapping[str, str]
    mute_role: int | None

    @property
    def is_open(self) -> bool:
        """Whether something is to be done at all."""
        return PENDING in self.steps.values()

    def needs(self, step: str) -> bool:
        """Whether this step is to be taken."""
        return self.steps.get(step) == PENDING

    def minutes(self, action: ActionKind) -> int | None:
        """How long a mute or timeout lasts: the longer of what the rule and the crossed step say."""
        violation, step = self.decision.violation, self.decision.step
        found = []
        if violation.offence.action is action:
            found.append(minutes_of(violation.offence.action_config))
        if step is not None and step.action is action:
            found.append(step.minutes or DEFAULT_MINUTES)
        if None in found and action is ActionKind.MUTE:
            return None
        return max(minutes or DEFAULT_MINUTES for minutes in found) if found else None


def acts_of(decisions: Sequence[Decision], scene: Scene) -> list[Act]:
    """The steps that each decision takes."""
    warned = set(scene.warned)
    acts = []
    for decision in decisions:
        offence = decision.violation.offence
        actions = {offence.action} | ({decision.step.action} if decision.step is not None else set())
        steps: dict[str, str] = {}
        if ActionKind.DELETE in actions or offence.action_config.get("delete_message") is True:
            steps["delete"] = PENDING
        if ActionKind.WARN in actions:
            steps["warn"] = THROTTLED if decision.violation.user_id in warned else PENDING
            warned.add(decision.violation.user_id)
        role = None
        if ActionKind.MUTE in actions:
            role = scene.mute_role(offence.action_config)
            steps["mute"] = NO_MUTE_ROLE if role is None else PENDING
        steps |= {kind.value: PENDING for kind in (ActionKind.TIMEOUT, ActionKind.BAN) if kind in actions}
        acts.append(Act(decision=decision, steps=steps, mute_role=role))
    return acts


def drafts_of(acts: Sequence[Act], scene: Scene, log_ids: Mapping[str, int]) -> list[Draft]:
    """The effects of a batch, the most useful ones first."""
    return [
        *_bans(acts, scene, log_ids),
        *_timeouts(acts, scene, log_ids),
        *_mutes(acts, scene, log_ids),
        *_deletions(acts, scene),
        *_warnings(acts, scene, log_ids),
    ]


def reason_of(act: Act) -> str:
    """What Discord's audit log says."""
    offence = act.decision.violation.offence
    configured = offence.action_config.get("reason")
    if isinstance(configured, str) and configured.strip():
        return cut(configured.strip(), 400)
    return cut(f"Auto-moderation: rule “{offence.rule_name}” (#{offence.rule_id})", 400)


def _about(step: str, acts: Sequence[Act], **more: Any) -> dict[str, Any]:
    return {"step": step, "keys": [act.decision.violation.event_key for act in acts], **more}


def _by_member(acts: Sequence[Act], step: str) -> dict[int, list[Act]]:
    found: dict[int, list[Act]] = {}
    for act in acts:
        if act.needs(step):
            found.setdefault(act.decision.violation.user_id, []).append(act)
    return found


def _bans(acts: Sequence[Act], scene: Scene, log_ids: Mapping[str, int]) -> list[Draft]:
    drafts = []
    for user_id, mine in _by_member(acts, "ban").items():
        first = mine[0]
        seconds = max(
            whole(
                act.decision.violation.offence.action_config,
                "delete_message_seconds",
                0,
                0,
                MAX_DELETE_SECONDS,
            )
            for act in mine
        )
        ban = moderation.on_member(
            moderation.BAN,
            f"ban:{first.decision.violation.event_key}",
            user_id,
            reason=reason_of(first),
            deadline_at=scene.deadline,
            about=_about("ban", mine),
            delete_seconds=seconds,
        )
        drafts.append(_announced(ban, first, scene, log_ids, "You are banned from"))
    return drafts


def _timeouts(acts: Sequence[Act], scene: Scene, log_ids: Mapping[str, int]) -> list[Draft]:
    drafts = []
    for user_id, mine in _by_member(acts, "timeout").items():
        minutes = max(act.minutes(ActionKind.TIMEOUT) or DEFAULT_MINUTES for act in mine)
        ends = [scene.now + min(timedelta(minutes=minutes), LONGEST_TIMEOUT)]
        ends += [act.decision.violation.until for act in mine if act.decision.violation.until is not None]
        first = mine[0]
        timeout = moderation.on_member(
            moderation.TIME_OUT,
            f"timeout:{first.decision.violation.event_key}",
            user_id,
            reason=reason_of(first),
            deadline_at=scene.deadline,
            about=_about("timeout", mine),
            until=max(ends).isoformat(),
        )
        drafts += [timeout, *_notices(first, scene, log_ids, f"You may not write for {minutes} minutes in")]
    return drafts


def _mutes(acts: Sequence[Act], scene: Scene, log_ids: Mapping[str, int]) -> list[Draft]:
    drafts = []
    for user_id, mine in _by_member(acts, "mute").items():
        for role_id in {act.mute_role for act in mine if act.mute_role is not None}:
            with_role = [act for act in mine if act.mute_role == role_id]
            first = with_role[0]
            mute = moderation.on_member(
                moderation.GIVE_ROLE,
                f"mute:{first.decision.violation.event_key}:{role_id}",
                user_id,
                reason=reason_of(first),
                deadline_at=scene.deadline,
                about=_about("mute", with_role),
                role_id=role_id,
            )
            drafts += [mute, *_notices(first, scene, log_ids, "You are muted in")]
    return drafts


def _deletions(acts: Sequence[Act], scene: Scene) -> list[Draft]:
    by_channel: dict[int, list[Act]] = {}
    for act in acts:
        if act.needs("delete"):
            by_channel.setdefault(act.decision.violation.channel_id, []).append(act)
    drafts: list[Draft] = []
    for channel_id, wanted in by_channel.items():
        young = [a for a in wanted if scene.now - a.decision.violation.written_at < BULK_YOUNGER_THAN]
        many = list({act.decision.violation.message_id: act for act in young}.values())
        if len(many) > 1:
            for start in range(0, len(many), BULK_MOST):
                drafts += _deleted_together(channel_id, many[start : start + BULK_MOST], scene)
        left = [act for act in wanted if len(many) < 2 or act not in many]
        drafts += [_deleted(act, scene) for act in left]
    return drafts


def _deleted_together(channel_id: int, acts: Sequence[Act], scene: Scene) -> list[Draft]:
    if len(acts) == 1:
        return [_deleted(acts[0], scene)]
    return [
        moderation.delete_many(
            f"delete:{acts[0].decision.violation.event_key}",
            channel_id,
            [act.decision.violation.message_id for act in acts],
            reason=reason_of(acts[0]),
            deadline_at=scene.deadline,
            about=_about("delete", acts),
        )
    ]


def _deleted(act: Act, scene: Scene) -> Draft:
    violation = act.decision.violation
    return verbs.delete(
        f"delete:{violation.event_key}",
        ChannelId(violation.channel_id),
        MessageId(violation.message_id),
        deadline_at=scene.deadline,
        reason=reason_of(act),
        about=_about("delete", [act]),
    )


def warning_text(act: Act, scene: Scene) -> str:
    """What a warned member reads."""
    configured = act.decision.violation.offence.action_config.get("message")
    if isinstance(configured, str) and configured.strip():
        return configured.strip()[:1500]
    return scene.settings.text("automod", "warn_message")[:1500]


def _warnings(acts: Sequence[Act], scene: Scene, log_ids: Mapping[str, int]) -> list[Draft]:
    drafts = []
    for act in acts:
        if not act.needs("warn"):
            continue
        violation = act.decision.violation
        text = warning_text(act, scene)
        message = OutgoingMessage(
            content=f"{text}\n-# Sent from {_server(scene)}", components=_appeal(act, scene, log_ids)
        )
        about = _about("warn", [act], channel_id=violation.channel_id, text=text)
        drafts.append(
            moderation.send_direct(
                f"warn:{violation.event_key}",
                violation.user_id,
                message,
                deadline_at=scene.deadline,
                about=about,
            )
        )
    return drafts


def notice_in_channel(payload: Mapping[str, Any], event_key: str, *, deadline_at: datetime) -> Draft:
    """The warning of a member whose direct messages are closed, where they wrote."""
    about, user_id = payload["about"], payload["user_id"]
    message = OutgoingMessage(
        content=f"<@{user_id}> {about['text']}", allowed_mentions=AllowedMentions.users([user_id])
    )
    return verbs.send(
        f"notice:{event_key}",
        ChannelId(about["channel_id"]),
        message,
        deadline_at=deadline_at,
        about={"step": "warn", "keys": about["keys"], "notice": True},
    )


def _server(scene: Scene) -> str:
    name = scene.guild.name if scene.guild is not None else ""
    return f"**{escape_markdown(name)}**" if name else "a server"


def _appeal(act: Act, scene: Scene, log_ids: Mapping[str, int]) -> tuple[ActionRow, ...]:
    log_id = log_ids.get(act.decision.violation.event_key)
    if not scene.appeals or log_id is None:
        return ()
    button = Button(
        label="Appeal", style=ButtonStyle.SECONDARY, custom_id=f"am:appeal:{scene.guild_id}:{log_id}"
    )
    return (ActionRow((button,)),)


def _notices(act: Act, scene: Scene, log_ids: Mapping[str, int], words: str) -> list[Draft]:
    """A note to the member about what was done, where they may appeal."""
    row = _appeal(act, scene, log_ids)
    if not row:
        return []
    violation = act.decision.violation
    message = OutgoingMessage(
        content=f"{words} {_server(scene)}: one of your messages breaks its rules.", components=row
    )
    return [
        moderation.send_direct(
            f"tell:{violation.event_key}",
            violation.user_id,
            message,
            deadline_at=scene.deadline,
            about={"step": "tell", "keys": []},
        )
    ]


def _announced(draft: Draft, act: Act, scene: Scene, log_ids: Mapping[str, int], words: str) -> Draft:
    """The effect itself, or a note after which it follows: nobody can be written to once they are banned."""
    notices = _notices(act, scene, log_ids, words)
    if not notices:
        return draft
    payload = dict(notices[0].payload)
    payload["about"] = {**payload["about"], "then": draft_json(draft)}
    return attrs.evolve(notices[0], payload=payload)


def draft_json(draft: Draft) -> dict[str, Any]:
    """An effect to come, as it is kept in the payload of the one before it."""
    return {
        "kind": draft.kind,
        "event_key": draft.event_key,
        "payload": dict(draft.payload),
        "deadline_at": draft.deadline_at.isoformat(),
    }
