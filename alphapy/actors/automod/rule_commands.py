"""``/automod``: making and changing rules (spec/moderation.md 4.2 and 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.actors.automod import option_defs as options
from alphapy.actors.automod import rendering
from alphapy.actors.automod.desk import Desk, from_rejected, no_such_rule, refused
from alphapy.actors.automod.messages import AddRule, ChangeRule, DeleteRule
from alphapy.actors.automod.planning import can_give
from alphapy.actors.automod.reporting import inert
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Choice, Command, Handler, Option, OptionKind
from alphapy.gateway.refusals import Refused
from alphapy.pure.automod.changes import RuleChange
from alphapy.pure.automod.drafts import (
    DEFAULT_ACTION_CONFIG,
    Rejected,
    RuleDraft,
    checked_config,
    clean_rule_name,
    split_patterns,
    split_words,
)
from alphapy.pure.automod.rules import MAX_RULE_ID, MAX_RULES, ActionKind, RuleKind
from alphapy.pure.text import cut, escape_markdown
from alphapy.storage.automod_rules import NotAdded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.automod.components import Components
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.automod.rules import StoredRule

_SUGGESTIONS = 25

_EDITABLE = (
    options.MESSAGES,
    options.WINDOW,
    options.MENTIONS,
    options.DUPLICATES,
    options.MIN_LENGTH,
    options.CAPS_RATIO,
    options.words(required=False),
    options.patterns(required=False),
    options.ALLOW_LINKS,
    options.WHITELIST,
    options.BLACKLIST,
    options.policy(required=False),
    options.THRESHOLD,
    options.MINUTES,
    options.text("warn_text", "What is read", most=1500, least=1),
    options.flag("delete_message", "Delete it, too"),
)
"""The options of ``/automod edit_rule`` that change a config."""

_CREATIONS = (
    (
        "add_spam_rule",
        RuleKind.FREQUENCY,
        ActionKind.WARN,
        "Too many messages",
        (options.MESSAGES, options.WINDOW),
    ),
    (
        "add_badwords_rule",
        RuleKind.BAD_WORDS,
        ActionKind.DELETE,
        "Listed words",
        (options.words(required=True),),
    ),
    (
        "add_links_rule",
        RuleKind.LINKS,
        ActionKind.DELETE,
        "Links",
        (options.ALLOW_LINKS, options.WHITELIST, options.BLACKLIST),
    ),
    ("add_mentions_rule", RuleKind.MENTIONS, ActionKind.WARN, "Many mentions", (options.MENTIONS,)),
    (
        "add_caps_rule",
        RuleKind.CAPS,
        ActionKind.WARN,
        "Capital letters",
        (options.MIN_LENGTH, options.CAPS_RATIO),
    ),
    ("add_duplicate_rule", RuleKind.DUPLICATE, ActionKind.WARN, "Repeated messages", (options.DUPLICATES,)),
    (
        "add_regex_rule",
        RuleKind.REGEX,
        ActionKind.DELETE,
        "Patterns (premium)",
        (options.patterns(required=True),),
    ),
)
_DEFAULTS: dict[RuleKind, dict[str, Any]] = {
    RuleKind.FREQUENCY: {"max_messages": 5, "time_window": 60},
    RuleKind.DUPLICATE: {"max_duplicates": 3},
    RuleKind.CAPS: {"min_length": 10, "max_caps_ratio": 0.7},
    RuleKind.MENTIONS: {"max_mentions": 5},
    RuleKind.LINKS: {"allow_links": False, "whitelist": [], "blacklist": []},
    RuleKind.AI: {"threshold": 0.7},
}


class RuleCommands:
    """The handlers."""

    def __init__(self, desk: Desk, components: Components) -> None:
        self._desk = desk
        self._components = components

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        made = tuple(
            Command(
                name=name,
                description=f"Add a rule: {what}",
                handler=self._adder(kind, action),
                options=(options.NAME, *own, options.ACTION),
            )
            for name, kind, action, what, own in _CREATIONS
        )
        asking = Command(
            name="add_ai_rule",
            description="Add a rule: language model (premium)",
            handler=self._adder(RuleKind.AI, ActionKind.DELETE),
            options=(options.NAME, options.policy(required=True), options.ACTION, options.THRESHOLD),
        )
        rule = self.rule_option(required=True)
        return (
            *made,
            asking,
            Command(name="rules", description="List the rules", handler=self._list),
            Command(name="delete_rule", description="Delete a rule", handler=self._delete, options=(rule,)),
            Command(
                name="set_rule_enabled",
                description="Switch a rule on or off",
                handler=self._enable,
                options=(rule, options.flag("enabled", "On or off", required=True)),
            ),
            Command(
                name="set_severity",
                description="Set a rule's priority and points",
                handler=self._set_severity,
                options=(rule, options.whole("severity", "10 runs first", 1, 10, required=True)),
            ),
            Command(
                name="edit_rule",
                description="Change a rule",
                handler=self._edit,
                options=(
                    rule,
                    options.text("name", "Name", most=100, least=1),
                    options.flag("enabled", "On or off"),
                    options.ACTION,
                    *_EDITABLE,
                ),
            ),
        )

    def rule_option(self, *, required: bool) -> Option:
        """The option that names a rule."""
        return Option(
            kind=OptionKind.INTEGER,
            name="rule_id",
            description="Which rule",
            required=required,
            autocomplete=self.suggest,
        )

    async def suggest(self, invocation: Invocation, typed: str) -> Sequence[Choice]:
        """Rules that fit what was typed."""
        query = typed.strip().lower()
        rules = await self._desk.rules(invocation.guild_id)
        fitting = (
            rule
            for rule in rendering.newest_first(rules)
            if query in rendering.rule_label(rule).lower() or query in str(rule.id)
        )
        return [
            Choice(name=rendering.rule_label(rule), value=rule.id)
            for rule, _ in zip(fitting, range(_SUGGESTIONS), strict=False)
        ]

    # -- adding

    def _adder(self, kind: RuleKind, default: ActionKind) -> Handler:
        async def add(invocation: Invocation) -> None:
            if kind.is_premium:
                await self._desk.require_premium(invocation.guild_id, "Regex and AI rules")
            action = await self._desk.action(invocation, default) or default
            try:
                draft = RuleDraft(
                    kind=kind,
                    name=clean_rule_name(invocation.options.text("name")),
                    config=checked_config(kind, {**_DEFAULTS.get(kind, {}), **_given(invocation, kind)}),
                    action=action,
                    action_config=DEFAULT_ACTION_CONFIG[action],
                )
            except Rejected as rejected:
                raise from_rejected(rejected) from None
            await self._add(invocation, draft)

        return add

    async def _add(self, invocation: Invocation, draft: RuleDraft) -> None:
        added = await self._desk.ask(invocation.guild_id, AddRule(draft, invocation.user_id))
        if added is NotAdded.FULL:
            raise refused(
                "No room for another rule",
                f"A server has at most {MAX_RULES} rules. Delete one with `/automod delete_rule` first.",
                reason="100 rules exist",
                colour=Colour.WARNING,
            )
        if isinstance(added, Rejected):
            raise from_rejected(added)
        assert not isinstance(added, NotAdded), "FULL is the only one"  # noqa: S101
        self._desk.audit(invocation, f"added the rule `#{added.id}` {escape_markdown(cut(added.name, 60))}")
        settings = await self._desk.snapshot(invocation.guild_id)
        lines = [f"`#{added.id}` **{escape_markdown(added.name)}** judges from the next message on."]
        lines += _notes(added)
        if not settings.enabled("automod"):
            lines.append("⚠️ Auto-moderation is off: switch it on with `/automod toggle`.")
        role = settings.snowflake("automod", "mute_role_id")
        guild = self._desk.guilds.get(invocation.guild_id)
        if draft.action is ActionKind.MUTE and (
            role is None or not can_give(guild, self._desk.guilds.me, role)
        ):
            lines.append("⚠️ It will not mute anybody until `/automod set_mute_role` is used.")
        await invocation.reply(notice(Colour.SUCCESS, "Rule added", "\n".join(lines)))

    # -- managing

    async def _list(self, invocation: Invocation) -> None:
        await invocation.reply(await self._components.rules_page(invocation, 0))

    async def _delete(self, invocation: Invocation) -> None:
        rule_id = _rule_id(invocation)
        name = await self._desk.ask(
            invocation.guild_id, DeleteRule(rule_id=rule_id, actor_id=invocation.user_id)
        )
        if name is None:
            raise no_such_rule(rule_id)
        self._desk.audit(invocation, f"deleted the rule `#{rule_id}` {escape_markdown(cut(name, 60))}")
        text = f"`#{rule_id}` **{escape_markdown(name)}** is gone. Its log and statistics stay."
        await invocation.reply(notice(Colour.SUCCESS, "Rule deleted", text))

    async def _enable(self, invocation: Invocation) -> None:
        enabled = invocation.options.boolean("enabled")
        _, rule = await self._change(invocation, RuleChange(enabled=enabled))
        state = "on" if rule.enabled else "off"
        self._desk.audit(invocation, f"switched the rule `#{rule.id}` {state}")
        text = f"`#{rule.id}` **{escape_markdown(rule.name)}** is now {state}."
        await invocation.reply(notice(Colour.SUCCESS, f"Switched {state}", text))

    async def _set_severity(self, invocation: Invocation) -> None:
        severity = invocation.options.integer("severity")
        _, rule = await self._change(invocation, RuleChange(severity=severity))
        self._desk.audit(invocation, f"set the severity of the rule `#{rule.id}` to {rule.severity}")
        text = (
            f"`#{rule.id}` **{escape_markdown(rule.name)}** has severity {rule.severity}: higher runs first, "
            f"and a violation costs {rule.points} point{'' if rule.points == 1 else 's'}."
        )
        await invocation.reply(notice(Colour.SUCCESS, "Severity set", text))

    async def _edit(self, invocation: Invocation) -> None:
        given = invocation.options
        changes = {o.name: _value(invocation, o) for o in _EDITABLE if given.given(o.name)}
        if not (changes or any(given.given(name) for name in ("name", "enabled", "action_type"))):
            raise refused("Nothing to change", "Give at least one thing to change.", reason="no change")
        action = await self._desk.action(invocation, None)
        change = RuleChange(
            name=given.text("name", None),
            enabled=given.boolean("enabled", None),
            action=action,
            options=changes,
        )
        before, after = await self._change(invocation, change)
        lines = _differences(before, after)
        self._desk.audit(invocation, f"edited the rule `#{after.id}`: {', '.join(lines) or 'nothing'}")
        text = "\n".join(lines) or "Everything was like that already."
        title = f"Rule #{after.id} saved"
        await invocation.reply(notice(Colour.SUCCESS, title, text))

    async def _change(self, invocation: Invocation, change: RuleChange) -> tuple[StoredRule, StoredRule]:
        rule_id = _rule_id(invocation)
        changed = await self._desk.ask(
            invocation.guild_id, ChangeRule(rule_id=rule_id, change=change, actor_id=invocation.user_id)
        )
        if changed is None:
            raise no_such_rule(rule_id)
        if isinstance(changed, Rejected):
            raise from_rejected(changed)
        return changed


def _rule_id(invocation: Invocation) -> int:
    rule_id = invocation.options.integer("rule_id")
    if not 1 <= rule_id <= MAX_RULE_ID:
        raise no_such_rule(rule_id)
    return rule_id


def _given(invocation: Invocation, kind: RuleKind) -> dict[str, Any]:
    """The config that the options of an adding command say."""
    given = invocation.options
    match kind:
        case RuleKind.FREQUENCY:
            return _present(
                max_messages=given.integer("max_messages", None),
                time_window=given.integer("time_window_seconds", None),
            )
        case RuleKind.DUPLICATE:
            return _present(max_duplicates=given.integer("max_duplicates", None))
        case RuleKind.CAPS:
            return _present(
                min_length=given.integer("min_length", None),
                max_caps_ratio=given.number("max_caps_ratio", None),
            )
        case RuleKind.MENTIONS:
            return _present(max_mentions=given.integer("max_mentions", None))
        case RuleKind.BAD_WORDS:
            return {"words": split_words(given.text("words"))}
        case RuleKind.LINKS:
            return _present(
                allow_links=given.boolean("allow_links", None),
                whitelist=given.text("whitelist", None),
                blacklist=given.text("blacklist", None),
            )
        case RuleKind.REGEX:
            return {"patterns": split_patterns(given.text("patterns"))}
        case RuleKind.AI:
            return _present(policy=given.text("policy"), threshold=given.number("threshold", None))


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _value(invocation: Invocation, option: Option) -> Any:
    given = invocation.options
    match option.kind:
        case OptionKind.INTEGER:
            return given.integer(option.name)
        case OptionKind.NUMBER:
            return given.number(option.name)
        case OptionKind.BOOLEAN:
            return given.boolean(option.name)
        case OptionKind.STRING:
            return given.text(option.name)
        case _:
            raise Refused("This option is not known.", "unknown option")


def _notes(rule: StoredRule) -> list[str]:
    """What the reply to adding a rule says besides its number."""
    match rule.kind:
        case RuleKind.BAD_WORDS:
            return [f"It looks for {_counted(len(rule.config['words']), 'word')}."]
        case RuleKind.REGEX:
            return [f"It looks for {_counted(len(rule.config['patterns']), 'pattern')}."]
        case RuleKind.AI:
            policy = inert(str(rule.config["policy"]), 200)
            return [f"Policy: {policy}", f"Threshold: {rule.config['threshold']:g}"]
        case _:
            return []


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _differences(before: StoredRule, after: StoredRule) -> list[str]:
    """What an edit has changed."""
    lines = []
    if before.name != after.name:
        lines.append(f"name: {escape_markdown(after.name)}")
    if before.enabled != after.enabled:
        lines.append(f"enabled: {'yes' if after.enabled else 'no'}")
    if before.action_type != after.action_type:
        lines.append(f"action_type: {after.action_type}")
    if (before.config, before.action_config) != (after.config, after.action_config):
        lines.append("config: updated")
    return lines
