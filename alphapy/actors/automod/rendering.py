"""What admins see of auto-moderation: pure texts within Discord's limits (spec/moderation.md 4.1 and 4.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alphapy.actors.automod.appeals import appeal_reason
from alphapy.actors.automod.reporting import inert, rule_name
from alphapy.actors.embeds import Colour
from alphapy.actors.settings.rendering import label, shown
from alphapy.gateway.models.outgoing import Embed, EmbedField
from alphapy.pure.automod.points import Escalation, Step
from alphapy.pure.automod.rules import RuleKind, StoredRule
from alphapy.pure.automod.ruleset import RuleSet, State
from alphapy.pure.setting_types import SettingType
from alphapy.pure.text import cut, escape_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.automod.messages import Finding, Rehearsal, Standing
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.storage.automod import Logged
    from alphapy.storage.automod_reports import Statistics

PER_PAGE = 10
"""Rules, and settings, of a page (spec/moderation.md 8)."""

DESCRIPTION = 3900
LABEL = 100

KIND_NAMES = {
    RuleKind.FREQUENCY: "too many messages",
    RuleKind.DUPLICATE: "repeated messages",
    RuleKind.CAPS: "capital letters",
    RuleKind.BAD_WORDS: "listed words",
    RuleKind.LINKS: "links",
    RuleKind.MENTIONS: "mentions",
    RuleKind.REGEX: "regular expressions",
    RuleKind.AI: "language model",
}
_FLAGS = {
    State.PAUSED: " ⏸️ paused: needs premium",
    State.DEGRADED: " ⚠️ cannot work: look at its patterns or delete it",
    State.INCOMPLETE: " ⚠️ has no action: give it one with `/automod edit_rule`",
}


def pages_of(count: int) -> int:
    """How many pages so many entries take; at least one."""
    return max(1, -(-count // PER_PAGE))


def kind_name(rule: StoredRule) -> str:
    """What a rule looks at, in words."""
    return KIND_NAMES[rule.kind] if rule.kind is not None else f"unknown type {inert(rule.rule_type, 30)}"


def rule_line(rule: StoredRule, state: State) -> str:
    """A rule in the list."""
    mark = "✅" if rule.enabled else "⛔"
    action = (rule.action_type or "no action").upper()
    return (
        f"{mark} `#{rule.id}` **{escape_markdown(cut(rule.name, 60))}** · {kind_name(rule)} · {action} · "
        f"severity {rule.severity}{_FLAGS.get(state, '')}"
    )


def rules_embed(rules: RuleSet, page: int) -> Embed:
    """One page of the rules, newest first."""
    newest = newest_first(rules)
    chosen = newest[page * PER_PAGE : (page + 1) * PER_PAGE]
    return Embed(
        title=f"🛡️ Auto-moderation rules ({len(newest)})",
        description=cut("\n".join(rule_line(rule, rules.state(rule)) for rule in chosen), DESCRIPTION),
        color=Colour.INFO,
        footer=f"Page {page + 1}/{pages_of(len(newest))} · higher severity is judged first",
    )


def newest_first(rules: RuleSet) -> list[StoredRule]:
    """The rules, the newest first."""
    return sorted(rules.rules, key=lambda rule: (rule.created_at or _NEVER, rule.id), reverse=True)


_NEVER = datetime.min.replace(tzinfo=UTC)


def rule_label(rule: StoredRule) -> str:
    """A rule as a suggestion."""
    state = "on" if rule.enabled else "off"
    text = f"#{rule.id} {rule.name} · {rule.rule_type} · {rule.action_type or 'none'} · {state}"
    return text if len(text) <= LABEL else text[: LABEL - 3] + "..."


def settings_embed(settings: SettingsSnapshot, guild: CachedGuild | None, page: int) -> Embed:
    """One page of the settings."""
    definitions = settings.registry.scope("automod")
    fields = []
    for definition in definitions[page * PER_PAGE : (page + 1) * PER_PAGE]:
        value = settings.value("automod", definition.key)
        if definition.type is SettingType.IDS:
            mark = "&" if "role" in definition.key else ""
            text = " ".join(f"<{'@' + mark if mark else '#'}{item}>" for item in value) or "not set"
        elif definition.key == "escalation":
            text = "\n".join(map(step_line, Escalation.read(value).steps)) or "not set"
        else:
            text = shown(definition, value, guild)
        fields.append(EmbedField(label(definition.key), cut(text, 1000)))
    pages = pages_of(len(definitions))
    return Embed(
        title="🛡️ Auto-moderation settings",
        color=Colour.SETTINGS,
        fields=tuple(fields),
        footer=f"Page {page + 1}/{pages} · {len(definitions)} settings",
    )


def step_line(step: Step) -> str:
    """A step of escalation, in words."""
    minutes = f" for {step.minutes:,} minutes" if step.minutes is not None else ""
    return f"{step.points} points → {step.action.value}{minutes}"


def log_line(row: Logged) -> str:
    """A violation in ``/automod logs``."""
    rule = f"`#{row.rule_id}` {rule_name(row)}" if row.rule_id is not None else _deleted(row)
    appeal = "" if row.appeal_status == "none" else f" · appeal {row.appeal_status}"
    return f"`{row.at:%Y-%m-%d %H:%M:%S}` <@{row.user_id}> · {rule} · {row.action_taken.upper()}{appeal}"


def _deleted(row: Logged) -> str:
    return f"deleted rule ({rule_name(row)})" if row.rule_name else "deleted rule"


def appeal_line(row: Logged) -> str:
    """A pending appeal in ``/automod appeals``."""
    what = f"{row.action_taken.upper()} · {rule_name(row)}"
    return f"`#{row.id}` <@{row.user_id}> · {what}\n> {appeal_reason(row)}"


def fitting(lines: Sequence[str], limit: int = DESCRIPTION) -> str:
    """As many lines as fit, and how many do not."""
    kept: list[str] = []
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > limit - 40:
            return "\n".join([*kept, f"… and {len(lines) - number} more"])
        kept.append(line)
    return "\n".join(kept)


def statistics_embed(found: Statistics, days: int) -> Embed:
    """The figures of some days."""
    rate = f" ({found.false_positives / found.triggers:.1%})" if found.triggers else ""
    top = "\n".join(f"{escape_markdown(cut(one.name, 60))} × {one.count:,}" for one in found.top)
    by_day = "\n".join(f"`{day:%Y-%m-%d}` {count:,}" for day, count in found.by_day[-20:])
    reaction = "not measured" if found.reaction_ms is None else f"{found.reaction_ms:,.0f} ms"
    return Embed(
        title=f"📊 Auto-moderation in {'one day' if days == 1 else f'{days} days'}",
        color=Colour.INFO,
        fields=(
            EmbedField("Violations", f"{found.total:,}", True),
            EmbedField("Members", f"{found.users:,}", True),
            EmbedField("Triggers", f"{found.triggers:,}", True),
            EmbedField("False positives", f"{found.false_positives:,}{rate}", True),
            EmbedField("Mean reaction", reaction, True),
            EmbedField("Top rules", top or "none"),
            EmbedField("By day (UTC)", by_day or "nothing happened"),
        ),
    )


def history_embed(user_id: int, standing: Standing) -> Embed:
    """A member's history."""
    lines = [
        f"**{record.rule_type}**: {record.violations:,} × · {record.points:,} points · last "
        f"<t:{int(record.last_at.timestamp())}:R>"
        for record in standing.records
    ]
    following = "none" if standing.next_step is None else step_line(standing.next_step)
    return Embed(
        title="🛡️ History",
        description=f"<@{user_id}>\n" + ("\n".join(lines) or "Nothing is known of this member."),
        color=Colour.INFO,
        fields=(
            EmbedField("Points that count", f"{standing.points:,}", True),
            EmbedField("Next step", following, True),
        ),
    )


def rehearsal_embed(text: str, found: Rehearsal) -> Embed:
    """What ``/automod test`` has found."""
    lines = [_finding(finding) for finding in found.findings]
    if found.asked:
        names = ", ".join(f"`#{rule.id}` {escape_markdown(cut(rule.name, 40))}" for rule in found.asked)
        lines.append(f"🤖 The language model would be asked first by: {names}")
    idle = [rule for rule in found.rules.rules if found.rules.state(rule) is not State.ACTIVE]
    if idle:
        lines.append(f"💤 {len(idle)} of {len(found.rules.rules)} rules take no part; see `/automod rules`")
    won = next((finding for finding in found.findings if finding.wins), None)
    title = "✅ No rule matches" if won is None else f"🛡️ Rule #{won.rule.id} would act"
    return Embed(
        title=title,
        description=fitting(lines) if lines else "Every rule lets this text stand.",
        color=Colour.SUCCESS if won is None else Colour.WARNING,
        fields=(EmbedField("Text", inert(text, 500) or "\u200b"),),
        footer="Nothing was done. Frequency and repetition are judged over several messages.",
    )


def _finding(finding: Finding) -> str:
    mark = "➡️" if finding.wins else "▫️"
    action = (finding.rule.action_type or "").upper()
    return (
        f"{mark} `#{finding.rule.id}` **{escape_markdown(cut(finding.rule.name, 60))}** · {action} · "
        f"severity {finding.rule.severity}\n> {inert(finding.reason, 200)} "
        f"(confidence {finding.confidence:.0%})"
    )
