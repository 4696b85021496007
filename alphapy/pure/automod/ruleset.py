"""A guild's rules, compiled once: one pass over a message finds out whether any word, link or pattern occurs.

Most messages break no rule. For them the whole cost is one search with one automaton, made of all words and
patterns of all rules, and a few comparisons of numbers (bench/automod.py). Only where the search finds
something are the rules asked one by one, in their order: the first that matches wins.

The one search is an alternation on RE2, not ``RE2::Set``: a set answers nothing when its automaton outgrows
its memory, an alternation falls back to a slower search that is always right.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.automod.matchers import BadWords, Evidence, Matcher, Subject, matcher_for
from alphapy.pure.automod.normalise import SPACED_PATTERN
from alphapy.pure.automod.rules import DEFAULT_POLICY, RuleKind, StoredRule, real
from alphapy.pure.matching import Alternation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPELLED_PATTERN = r"[a-z][0134578$]|[0134578$][a-z]"
"""A digit, or a dollar sign, next to a letter: it may stand for one."""


class State(enum.Enum):
    """Whether a rule takes part."""

    ACTIVE = "active"
    OFF = "off"
    PAUSED = "paused"
    """It needs premium, and the guild has none."""
    DEGRADED = "degraded"
    """It can never match: its type, its config or its patterns make no sense."""
    INCOMPLETE = "incomplete"
    """It has no action."""


@attrs.frozen
class Match:
    """A rule that a message breaks, and why."""

    rule: StoredRule
    evidence: Evidence


@attrs.frozen
class Question:
    """What an AI rule wants to know."""

    rule: StoredRule
    policy: str
    threshold: float


@attrs.frozen
class Verdict:
    """The first rule that a message breaks, and the AI rules that are to be asked before it."""

    match: Match | None = None
    questions: tuple[Question, ...] = ()


CLEAN = Verdict()


@attrs.frozen
class _Armed:
    rule: StoredRule
    matcher: Matcher | None
    question: Question | None
    lexical: bool
    """Whether it can only match where the one search has found something."""


class RuleSet:
    """The compiled rules of one guild. ``premium`` is whether the guild has it."""

    def __init__(self, rules: Iterable[StoredRule] = (), *, premium: bool = False) -> None:
        self.rules: tuple[StoredRule, ...] = tuple(sorted(rules, key=lambda rule: rule.order))
        self.premium = premium
        self._states: dict[int, State] = {}
        armed: list[_Armed] = []
        hints: list[str] = []
        reads_words = False
        for rule in self.rules:
            matcher = matcher_for(rule)
            state = self._states[rule.id] = self._state(rule, matcher)
            if state is not State.ACTIVE:
                continue
            own = matcher.hints() if matcher is not None else None
            if own is not None:
                hints += own
            reads_words |= isinstance(matcher, BadWords)
            armed.append(_Armed(rule, matcher, _question(rule), own is not None))
        if reads_words:
            hints += (SPACED_PATTERN, SPELLED_PATTERN)
        self._armed = tuple(armed)
        self._always = tuple(one for one in armed if not one.lexical)
        self._search = Alternation(dict.fromkeys(hints))

    def __bool__(self) -> bool:
        return bool(self._armed)

    @property
    def may_ask(self) -> bool:
        """Whether an AI rule takes part."""
        return any(one.question is not None for one in self._armed)

    def state(self, rule: StoredRule) -> State:
        """Whether this rule takes part."""
        return self._states.get(rule.id, State.OFF)

    def find(self, rule_id: int) -> StoredRule | None:
        """The rule with this id, if the guild has it."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def judge(self, subject: Subject) -> Verdict:
        """The first rule that the subject breaks."""
        candidates = self._armed if self._may_match(subject) else self._always
        questions: list[Question] = []
        for armed in candidates:
            if armed.question is not None:
                if subject.text.strip():
                    questions.append(armed.question)
            elif armed.matcher is not None:
                evidence = armed.matcher.match(subject)
                if evidence is not None:
                    return Verdict(Match(armed.rule, evidence), tuple(questions))
        return Verdict(None, tuple(questions)) if questions else CLEAN

    def explain(self, subject: Subject) -> Sequence[Match]:
        """Every rule that the subject breaks, in the order in which they are judged; AI rules left out."""
        found = []
        for armed in self._armed:
            evidence = armed.matcher.match(subject) if armed.matcher is not None else None
            if evidence is not None:
                found.append(Match(armed.rule, evidence))
        return found

    def _may_match(self, subject: Subject) -> bool:
        return bool(subject.text and self._search) and self._search.occurs(subject.skimmed)

    def _state(self, rule: StoredRule, matcher: Matcher | None) -> State:
        if rule.action is None:
            return State.INCOMPLETE
        if matcher is None and rule.kind is not RuleKind.AI:
            return State.DEGRADED
        if not rule.enabled:
            return State.OFF
        return State.PAUSED if rule.needs_premium and not self.premium else State.ACTIVE


def _question(rule: StoredRule) -> Question | None:
    if rule.kind is not RuleKind.AI:
        return None
    policy = rule.config.get("policy")
    return Question(
        rule,
        policy.strip()[:1000] if isinstance(policy, str) and policy.strip() else DEFAULT_POLICY,
        real(rule.config, "threshold", 0.7, 0.5, 1.0),
    )
