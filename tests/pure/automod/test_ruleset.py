"""What each kind of rule matches, and which rule wins (spec/moderation.md 5.2 and 5.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.normalise import fold
from alphapy.pure.automod.ruleset import RuleSet, State
from alphapy.pure.automod.windows import LONGEST, PER_MEMBER, Windows
from tests.pure.automod.making import first, rule

if TYPE_CHECKING:
    from alphapy.pure.automod.rules import StoredRule


class Writer:
    """A member, and the window in which they write."""

    def __init__(self, *rules: StoredRule) -> None:
        self.rules = RuleSet(rules, premium=True)
        self.windows = Windows()
        self.written = 0

    def writes(self, content: str, at: float) -> bool:
        self.written += 1
        count = self.windows.note(1, self.written, at, hash(fold(content)))
        return self.rules.judge(Subject(content, count=count)).match is not None


def test_moderation_2_the_fifth_message_in_a_minute_triggers() -> None:
    quick, slow = Writer(rule("frequency")), Writer(rule("frequency"))
    assert [quick.writes("x", at) for at in (0, 1, 2, 3, 4)] == [False] * 4 + [True]
    assert not any(slow.writes("x", at) for at in (0, 15, 30, 45, 60))


def test_moderation_3_caps() -> None:
    caps = rule("caps")
    assert first("THIS IS ALMOST ALL CAPS", caps) == 1
    assert first("AAAAAAAbbb", caps) is None
    assert first("HELLO", caps) is None
    assert first("ÄÖÜÄÖÜÄÖÜÄÖÜ", caps) == 1
    assert first("AAAAAAAAAA", rule("caps", max_caps_ratio=1.0)) == 1
    assert first("AAAAAAAAAa", rule("caps", max_caps_ratio=1.0)) is None


def test_moderation_4_duplicates() -> None:
    def third(*texts: str) -> list[bool]:
        writer = Writer(rule("duplicate"))
        return [writer.writes(text, at) for at, text in enumerate(texts)]

    assert third("Hi", "hi", "H\u200bI") == [False, False, True]
    assert third("hi", "x", "hi") == [False] * 3
    assert third("hi", "x", "hi", "y", "hi") == [False] * 4 + [True]
    assert third("", "", "") == [False] * 3


def test_moderation_5_mentions() -> None:
    mentions = rule("mentions", max_mentions=2)
    assert first("", mentions, mentions=4) == 1
    assert first("", mentions, mentions=2) is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://discord.com/x", None),
        ("https://cdn.discord.com", None),
        ("https://discord.com.evil.net", 1),
        ("https://evildiscord.com", 1),
        ("https://discord.com@evil.net/", 1),
    ],
)
def test_moderation_6_a_whitelist(url: str, found: int | None) -> None:
    assert first(f"look: {url}", rule("links", whitelist=["discord.com"])) == found


def test_moderation_7_a_blacklist() -> None:
    black = rule("links", allow_links=True, blacklist=["bad.example"])
    assert first("https://sub.bad.example/a", black) == 1
    assert first("https://ok.example", black) is None
    assert first("https://ok.example", rule("links", blacklist=["bad.example"])) is None
    assert first("https://ok.example", rule("links")) == 1
    assert first("https://x.badword.example", rule("links", allow_links=True, blacklist=["badword"])) == 1


def test_moderation_8_and_9_the_highest_severity_wins_and_then_the_oldest() -> None:
    word: dict[str, Any] = {"words": ["tea"]}
    rules = [
        rule("bad_words", number=1, severity=2, **word),
        rule("bad_words", number=3, severity=7, **word),
        rule("bad_words", number=2, severity=7, **word),
    ]
    assert first("tea", *rules) == 2


def test_moderation_15_a_hostile_pattern_cannot_stall() -> None:
    hostile = RuleSet([rule("regex", patterns=["(a+)+$", r"(x+x+)+y"])], premium=True)
    text = "a" * 3999 + "!"
    best = min(_seconds(hostile, text) for _ in range(5))
    assert best < 0.05
    assert hostile.judge(Subject("a" * 4000)).match is not None


def _seconds(rules: RuleSet, text: str) -> float:
    started = time.perf_counter()
    rules.judge(Subject(text))
    return time.perf_counter() - started


def test_forwarded_messages_are_judged() -> None:
    word = rule("bad_words", words=["tea"])
    assert first("", word, forwarded=("some tea",)) == 1
    assert first("some tea", word, forwarded=("x",)) == 1


def test_a_whole_word_is_no_part_of_another() -> None:
    word = rule("bad_words", words=["ass", "a.b"], match="word")
    assert first("a class act", word) is None
    assert first("you ass!", word) == 1
    assert first("ass", word) == 1
    assert first("ａｓｓ", word) == 1
    assert first("see a.b there", word) == 1


def test_evidence_says_why() -> None:
    rules = RuleSet(
        [
            rule("bad_words", number=1, words=["tea", "milk"]),
            rule("regex", number=2, patterns=["t.a"]),
            rule("links", number=3),
            rule("caps", number=4, min_length=5),
        ],
        premium=True,
    )
    found = {
        match.rule.id: match.evidence for match in rules.explain(Subject("TEA MILK https://x.example/A"))
    }
    assert found[1].context == {"found_words": ["tea", "milk"], "word_count": 2}
    assert found[1].confidence == pytest.approx(0.4)
    assert found[2].context == {"pattern": "t.a", "matches": ["TEA"]}
    assert found[3].context == {"url": "https://x.example/A", "domain": "x.example"}
    assert 4 not in found


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        (rule("bad_words", words=["x"]), State.ACTIVE),
        (rule("bad_words", words=[]), State.DEGRADED),
        (rule("bad_words", words="x"), State.ACTIVE),
        (rule("regex", patterns=["(unclosed"]), State.DEGRADED),
        (rule("regex", patterns=["(unclosed", "x"]), State.ACTIVE),
        (rule("regex", pattern="x"), State.ACTIVE),
        (rule("whatever"), State.DEGRADED),
        (rule("content", content_type="whatever"), State.DEGRADED),
        (rule("bad_words", words=["x"], action=None), State.INCOMPLETE),
        (rule("bad_words", words=["x"], action="explode"), State.INCOMPLETE),
        (rule("mentions"), State.ACTIVE),
        (rule("ai"), State.ACTIVE),
    ],
)
def test_the_state_of_a_rule(stored: StoredRule, state: State) -> None:
    assert RuleSet([stored], premium=True).state(stored) is state


def test_premium_rules_are_paused_without_it() -> None:
    stored = [rule("regex", number=1, patterns=["x"]), rule("bad_words", number=2, words=["x"], action="ban")]
    rules = RuleSet(stored)
    assert [rules.state(one) for one in stored] == [State.PAUSED, State.PAUSED]
    assert not rules


def test_old_aliases_are_read() -> None:
    assert first("", rule("mentions"), mentions=6) == 1
    alias = rule("x")
    for name in ("mentions", "caps", "duplicate"):
        assert RuleSet([_of_type(alias, name)]).state(alias) is State.ACTIVE


def _of_type(stored: StoredRule, rule_type: str) -> StoredRule:
    import attrs  # noqa: PLC0415

    return attrs.evolve(stored, rule_type=rule_type, config={})


def test_ai_rules_before_the_match_are_asked_and_no_others() -> None:
    rules = RuleSet(
        [
            rule("ai", number=1, severity=9, policy="be nice"),
            rule("bad_words", number=2, severity=5, words=["tea"]),
            rule("ai", number=3, severity=2, threshold="0.9"),
        ],
        premium=True,
    )
    verdict = rules.judge(Subject("tea"))
    assert verdict.match is not None
    assert [question.rule.id for question in verdict.questions] == [1]
    verdict = rules.judge(Subject("milk"))
    assert verdict.match is None
    assert [(q.rule.id, q.threshold) for q in verdict.questions] == [(1, 0.7), (3, 0.9)]
    assert rules.judge(Subject("  ")).questions == ()
    assert rules.may_ask


WEIRD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "max_messages", "time_window", "max_duplicates", "min_length", "max_caps_ratio", "words", "match",
    "allow_links", "whitelist", "blacklist", "max_mentions", "patterns", "pattern", "policy", "threshold",
)  # fmt: skip


@given(
    st.sampled_from(["frequency", "duplicate", "caps", "bad_words", "links", "mentions", "regex", "ai", "?"]),
    st.dictionaries(st.sampled_from(KEYS), WEIRD),
    st.text(max_size=50),
)
def test_whatever_a_row_holds_it_is_judged_without_a_crash(
    kind: str, config: dict[str, Any], text: str
) -> None:
    rules = RuleSet([rule(kind, **config)], premium=True)
    count = Windows().note(1, 1, 0.0, hash(fold(text)))
    rules.judge(Subject(text, count=count, mentions=3))


def test_windows_are_bounded_and_swept() -> None:
    windows = Windows(members=2)
    for message in range(100):
        windows.note(1, message, 0.0, 0)
    assert windows.note(1, 100, 0.0, 0).messages(300) == PER_MEMBER
    windows.note(2, 101, 0.0, 0)
    windows.note(3, 102, 1.0, 0)
    assert len(windows) == 2
    windows.sweep(LONGEST)
    assert len(windows) == 1
    windows.forget(3)
    assert len(windows) == 0


def test_a_message_that_is_given_twice_counts_once_and_only_what_came_before() -> None:
    windows = Windows()
    for message in (1, 2, 3):
        windows.note(1, message, float(message), 7)
    assert windows.note(1, 2, 2.0, 7).messages(60) == 2
    assert windows.note(1, 2, 2.0, 7).equal(60) == 2
    late = windows.note(1, 4, 1.0, 7)
    assert late.messages(1) == 4  # an age below zero counts as zero
