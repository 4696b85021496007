"""One matcher for each kind of rule (spec/moderation.md 5.3). A new kind: a class, a line in ``_BY_KIND``.

A matcher is made of a stored config and never fails on it; :func:`matcher_for` gives None where the rule can
never match, which makes it degraded.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from typing_extensions import override

from alphapy.pure.automod.links import Domains, Link, links
from alphapy.pure.automod.normalise import (
    SHORTEST_BARE,
    Views,
    bare,
    clean,
    fold,
    fold_clean,
    looks,
    plain,
    views,
)
from alphapy.pure.automod.rules import RuleKind, StoredRule, real, switched_on, texts, whole
from alphapy.pure.matching import Alternation, Pattern, PatternRefused, compile_pattern, without_surrogates
from alphapy.pure.text import cut

if TYPE_CHECKING:
    from alphapy.pure.automod.windows import Count

MOST_WORDS = 500
MOST_PATTERNS = 20
MOST_DOMAINS = 200
"""Of one rule (spec/moderation.md 2.3)."""

MOST_MATCHES = 10
LONGEST_MATCH = 100
"""Places of a pattern that are recorded, and characters of each."""

LAST_MESSAGE = 50
_UPPER_ASCII = bytes(range(ord("A"), ord("Z") + 1))
_NOT_UPPER = bytes(set(range(256)) - set(_UPPER_ASCII))
_EDGE = re.compile(r"\w")


class Subject:
    """What is judged: a message, or the text of ``/automod test``.

    ``content`` is the author's own words, ``forwarded`` those of messages that are forwarded with it.
    ``count`` is None for an edited message, which frequency and duplicate rules do not look at.
    """

    def __init__(
        self, content: str, *, forwarded: tuple[str, ...] = (), mentions: int = 0, count: Count | None = None
    ) -> None:
        self.content = content
        self.text = without_surrogates("\n".join(part for part in (content, *forwarded) if part))
        self.mentions = mentions
        self.count = count

    @cached_property
    def views(self) -> Views:
        """Every way in which the text can be read."""
        return views(self.cleaned)

    @cached_property
    def skimmed(self) -> str:
        """What the one search of a rule set goes over: the text, and what it looks like without accents."""
        text = self.text
        if text.isascii():
            return f"{text}\n{self.views.folded}" if "\n" in text or "  " in text or "\t" in text else text
        cleaned = self.cleaned
        seen = plain(looks(fold_clean(cleaned)))
        return f"{text}\n{seen}" if cleaned == text else f"{text}\n{cleaned}\n{seen}"

    @cached_property
    def cleaned(self) -> str:
        """The text without tricks, in its own case; where there are none it is the text itself."""
        return clean(self.text)

    @cached_property
    def links(self) -> list[Link]:
        """The links in the text."""
        return links(self.cleaned) if ":" in self.cleaned else []


@attrs.frozen
class Evidence:
    """Why a rule matches: how sure it is (0 to 1), in words, and as keys for ``context``."""

    confidence: float
    reason: str
    context: Mapping[str, Any]


class Matcher(Protocol):
    """What one rule compares messages with."""

    def match(self, subject: Subject) -> Evidence | None:
        """Why the subject breaks the rule; None where it does not."""
        ...

    def hints(self) -> Iterator[str] | None:
        """RE2 patterns of which one occurs wherever the rule can match a text; None: it is cheap to ask."""
        ...


class _Cheap(Matcher):
    """A matcher that needs no search in the text."""

    @override
    def hints(self) -> Iterator[str] | None:
        return None


class Frequency(_Cheap):
    """Too many messages in a time."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._most = whole(config, "max_messages", 5, 2, 30)
        self._window = whole(config, "time_window", 60, 5, 300)

    @override
    def match(self, subject: Subject) -> Evidence | None:
        count = subject.count.messages(self._window) if subject.count is not None else 0
        if count < self._most:
            return None
        return Evidence(
            min(1.0, count / self._most),
            f"{count} messages in {self._window} seconds (the limit is {self._most})",
            {"message_count": count, "time_window": self._window},
        )


class Duplicate(_Cheap):
    """The same message over and over."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._most = whole(config, "max_duplicates", 3, 2, 10)
        self._window = whole(config, "time_window", 300, 5, 300)

    @override
    def match(self, subject: Subject) -> Evidence | None:
        if subject.count is None or not subject.content:
            return None
        count = subject.count.equal(self._window)
        if count < self._most:
            return None
        return Evidence(
            0.9,
            f"the same message {count} times in {self._window} seconds (the limit is {self._most})",
            {"duplicate_count": count, "last_message": cut(subject.content, LAST_MESSAGE)},
        )


class Caps(_Cheap):
    """Too many capital letters."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._least = whole(config, "min_length", 10, 5, 500)
        self._ratio = real(config, "max_caps_ratio", 0.7, 0.5, 1.0)

    @override
    def match(self, subject: Subject) -> Evidence | None:
        content = subject.content
        if len(content) < self._least:
            return None
        capitals = _capitals(content)
        ratio = capitals / len(content)
        if not (ratio > self._ratio or ratio == 1.0):
            return None
        return Evidence(
            min(1.0, ratio),
            f"{ratio:.0%} capital letters (the limit is {self._ratio:.0%})",
            {"caps_ratio": round(ratio, 4), "caps_count": capitals},
        )


def _capitals(text: str) -> int:
    if text.isascii():
        return len(text.encode().translate(None, _NOT_UPPER))
    return sum(map(str.isupper, text))


class Mentions(_Cheap):
    """Too many people and roles at once."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._most = whole(config, "max_mentions", 5, 1, 30)

    @override
    def match(self, subject: Subject) -> Evidence | None:
        count = subject.mentions
        if count <= self._most:
            return None
        return Evidence(
            min(1.0, count / (2 * self._most)),
            f"{count} mentions (the limit is {self._most})",
            {"mention_count": count, "max_allowed": self._most},
        )


class _Word:
    """One listed word in the forms in which it is looked for."""

    def __init__(self, word: str) -> None:
        self.shown = word
        self.folded = fold(word)
        seen = looks(self.folded)
        self.looks = seen if seen.isascii() else self.folded
        self.joined = re.sub(r"[\W_]+", "", self.looks)
        spelled = bare(self.looks)
        self.bare = spelled if spelled.isascii() and len(spelled) >= SHORTEST_BARE else ""

    def forms(self) -> Iterator[str]:
        """Every form, and the one that is found in a text without accents."""
        forms = (self.folded, self.looks, self.joined, self.bare, plain(self.looks), plain(self.folded))
        return iter(dict.fromkeys(form for form in forms if form))

    def occurs(self, seen: Views, *, whole_word: bool) -> bool:
        """Whether the word occurs in a text, however it is hidden."""
        if whole_word:
            return any(
                form and _stands_alone(form, view)
                for form, view in (
                    (self.folded, seen.folded),
                    (self.looks, seen.looks),
                    (self.bare, seen.bare),
                    (self.joined, seen.squeezed),
                )
            )
        return (
            self.folded in seen.folded
            or self.looks in seen.looks
            or (len(self.joined) > 2 and self.joined in seen.squeezed)
            or bool(self.bare and self.bare in seen.bare and _stands_alone(self.bare, seen.bare))
        )


def _stands_alone(word: str, text: str) -> bool:
    """Whether the word occurs between characters that belong to no word."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not (start and _EDGE.match(text[start - 1])) and not (end < len(text) and _EDGE.match(text[end])):
            return True
        start = text.find(word, start + 1)
    return False


class BadWords(Matcher):
    """A listed word."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        listed = (_Word(word) for word in texts(config, "words", MOST_WORDS))
        self._words = tuple(word for word in listed if word.folded)
        self._whole_word = config.get("match") == "word"
        self._search = Alternation(dict.fromkeys(self.hints()))

    @property
    def degraded(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._words

    @override
    def match(self, subject: Subject) -> Evidence | None:
        if not subject.text:
            return None
        seen = subject.views
        if not self._search.occurs(seen.all()):
            return None
        found = [word.shown for word in self._words if word.occurs(seen, whole_word=self._whole_word)]
        if not found:
            return None
        return Evidence(
            min(1.0, len(found) / 5),
            "listed words: " + ", ".join(cut(word, LONGEST_MATCH) for word in found[:MOST_MATCHES]),
            {"found_words": found, "word_count": len(found)},
        )

    @override
    def hints(self) -> Iterator[str]:
        return (_escaped(form) for word in self._words for form in word.forms())


def _escaped(text: str) -> str:
    """A pattern for RE2 that matches this text."""
    return "".join(
        character if character.isalnum() or not character.isascii() else f"\\{character}"
        for character in text
    )


class Links(_Cheap):
    """A link that may not be posted; without a colon there is none, which is quickly seen."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._allowed = switched_on(config, "allow_links")
        self._white = Domains(texts(config, "whitelist", MOST_DOMAINS))
        self._black = Domains(texts(config, "blacklist", MOST_DOMAINS))

    @override
    def match(self, subject: Subject) -> Evidence | None:
        for link in subject.links:
            judged = self._judge(link.host)
            if judged is not None:
                confidence, why = judged
                return Evidence(confidence, why, {"url": link.url, "domain": link.host})
        return None

    def _judge(self, host: str) -> tuple[float, str] | None:
        if self._black.holds(host):
            return 0.9, f"a link to {host}, which is on the blacklist"
        if self._black.holds_twin(host):
            return 0.9, f"a link to {host}, which looks like a domain of the blacklist"
        if self._allowed:
            return None
        if self._white:
            return None if self._white.holds(host) else (0.8, f"a link to {host}, not on the whitelist")
        return None if self._black else (0.7, f"a link to {host}")


class Regex(Matcher):
    """A pattern of the admins."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        patterns = texts(config, "patterns", MOST_PATTERNS) or texts(config, "pattern", 1)
        self._patterns = tuple(found for pattern in patterns if (found := _compiled(pattern)) is not None)

    @property
    def degraded(self) -> bool:
        """Whether none of the patterns works."""
        return not self._patterns

    @override
    def match(self, subject: Subject) -> Evidence | None:
        readings = [subject.text] if subject.cleaned == subject.text else [subject.text, subject.cleaned]
        for source, pattern in self._patterns:
            for text in readings:
                found = list(itertools.islice(pattern.finditer(text), MOST_MATCHES)) if text else []
                if found:
                    places = [cut(place[0], LONGEST_MATCH) for place in found]
                    return Evidence(
                        min(1.0, len(places) / 3),
                        f"the pattern {source}",
                        {"pattern": source, "matches": places},
                    )
        return None

    @override
    def hints(self) -> Iterator[str] | None:
        return (f"(?:{source})" for source, _ in self._patterns)


def _compiled(pattern: str) -> tuple[str, Pattern] | None:
    try:
        return without_surrogates(pattern), compile_pattern(pattern, case_sensitive=False)
    except PatternRefused:
        return None


_BY_KIND: Final[Mapping[RuleKind, Callable[[Mapping[str, Any]], Matcher]]] = {
    RuleKind.FREQUENCY: Frequency,
    RuleKind.DUPLICATE: Duplicate,
    RuleKind.CAPS: Caps,
    RuleKind.BAD_WORDS: BadWords,
    RuleKind.LINKS: Links,
    RuleKind.MENTIONS: Mentions,
    RuleKind.REGEX: Regex,
}
"""All kinds but AI, which asks somebody else."""


def matcher_for(rule: StoredRule) -> Matcher | None:
    """The matcher of a rule; None for an AI rule, and for one that can never match."""
    make = _BY_KIND.get(rule.kind) if rule.kind is not None else None
    matcher = make(rule.config) if make is not None else None
    return None if getattr(matcher, "degraded", False) else matcher
