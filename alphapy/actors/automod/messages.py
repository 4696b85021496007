"""What may be told to, and asked of, a guild's auto-moderation."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.gateway.events import MessageCreate
from alphapy.pure.automod.changes import RuleChange
from alphapy.pure.automod.drafts import Rejected, RuleDraft
from alphapy.pure.automod.points import Record, Step
from alphapy.pure.automod.rules import StoredRule
from alphapy.pure.automod.ruleset import RuleSet
from alphapy.storage.automod import Logged
from alphapy.storage.automod_reports import LogFilter, Statistics, Totals
from alphapy.storage.automod_rules import NotAdded

FEATURE = "automod"
"""The actor ``guild/<id>/automod``."""

ASKING = "automod_ai"
"""The actor ``guild/<id>/automod_ai``, which asks the language model."""

CLOCK = Address.process("automod_clock")
"""The actor that wakes guilds, and knows what the actors of all guilds have in common."""


@attrs.frozen
class Clears(Request[bool]):
    """Whether no deterministic rule matches a message, so that other features may answer it."""

    message: MessageCreate


@attrs.frozen
class ReadRules(Request[RuleSet]):
    """The rules in force. ``stored`` reads them from the database first, else memory is good enough."""

    stored: bool = False


@attrs.frozen
class AddRule(Request[StoredRule | NotAdded | Rejected]):
    """Store a new rule. ``is_remote``: not from a command, so that the actor records the change itself."""

    draft: RuleDraft
    actor_id: int
    is_remote: bool = False


@attrs.frozen(kw_only=True)
class ChangeRule(Request[tuple[StoredRule, StoredRule] | Rejected | None]):
    """Change a rule; the reply is the rule before and after, or None where there is none of that id."""

    rule_id: int
    change: RuleChange
    actor_id: int
    is_remote: bool = False


@attrs.frozen(kw_only=True)
class DeleteRule(Request[str | None]):
    """Delete a rule; the reply is its name, or None where there is none of that id."""

    rule_id: int
    actor_id: int
    is_remote: bool = False


@attrs.frozen(kw_only=True)
class Finding:
    """One rule that a text would break."""

    rule: StoredRule
    reason: str
    confidence: float
    wins: bool


@attrs.frozen(kw_only=True)
class Rehearsal:
    """What a text would lead to; ``asked`` are the AI rules that would be asked about it."""

    findings: tuple[Finding, ...]
    asked: tuple[StoredRule, ...]
    rules: RuleSet


@attrs.frozen
class TryText(Request[Rehearsal]):
    """Judge a text without acting (``/automod test``)."""

    text: str
    mentions: int = 0


@attrs.frozen
class ReadLogs(Request[tuple[Logged, ...]]):
    """The violations that fit, newest first."""

    wanted: LogFilter


@attrs.frozen
class ReadStatistics(Request[Statistics]):
    """What happened in so many days."""

    days: int


@attrs.frozen
class ReadTotals(Request[Totals]):
    """The figures of the dashboard."""


@attrs.frozen(kw_only=True)
class Standing:
    """A member's history, the points that still count, and the next step of escalation."""

    records: tuple[Record, ...]
    points: int
    next_step: Step | None


@attrs.frozen
class ReadHistory(Request[Standing]):
    """A member's standing."""

    user_id: int


@attrs.frozen
class ForgetHistory(Request[int]):
    """Delete a member's history; the reply is how many rows it had."""

    user_id: int


@attrs.frozen(kw_only=True)
class Resolved:
    """How an appeal, or an undo, ended. ``status`` is what the log says now."""

    status: str
    changed: bool
    lifted: tuple[str, ...] = ()
    """What is lifted: ``timeout``, ``ban``, ``mute``."""


@attrs.frozen(kw_only=True)
class Resolve(Request[Resolved | None]):
    """Approve or deny an appeal, or undo a violation; None where there is no such row.

    ``undo`` approves also where nobody has appealed.
    """

    log_id: int
    approve: bool
    moderator_id: int
    undo: bool = False


@attrs.frozen(kw_only=True)
class FileAppeal(Request[str]):
    """A member appeals; the reply is empty, or why that is not possible."""

    log_id: int
    user_id: int
    reason: str


@attrs.frozen
class Reload(Request[int]):
    """Read the rules again now; the reply is how many there are."""


@attrs.frozen
class SeesTexts(Request[bool]):
    """Whether what members write reaches the bot: False where message after message came without a word."""


@attrs.frozen
class Notify:
    """To itself: tell the log channel of rules that cannot work, and of premium that has ended."""


@attrs.frozen
class Unrecorded:
    """Violations that are in no table, for the log channel."""

    rows: tuple[Logged, ...]


@attrs.frozen
class Report:
    """Tell the log channel of violations that it has not been told of."""


@attrs.frozen
class Wake:
    """Something of the guild is due: a mute is over, or a notice is to be removed."""


@attrs.frozen
class RemoveNotice:
    """Remove a notice that was posted in a channel."""

    effect_id: int
    channel_id: int
    message_id: int


@attrs.frozen
class Sweep:
    """To itself: forget who has been silent."""


@attrs.frozen
class Tick:
    """To ``process/automod_clock``: look for what is due."""


@attrs.frozen(kw_only=True)
class RuleFigures:
    """How rules are kept in memory, of all guilds since the start.

    ``guilds`` are those whose rules lie in memory, the list and what is compiled of it. ``hits`` counts how
    often a guild's rules were wanted and lay there, ``misses`` how often they were read from the database.
    """

    guilds: int
    hits: int
    misses: int


@attrs.frozen
class CountRules(Request[RuleFigures]):
    """To ``process/automod_clock``: how rules are kept in memory."""
