"""What an admin may write: lists out of texts, checked configs, and changes of a rule.

Writing is strict where reading is tolerant: what is out of range is refused with a :class:`Rejected` that
says what to do (spec/moderation.md 2.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from typing_extensions import override

from alphapy.pure.automod.links import bare_domain, is_domain
from alphapy.pure.automod.matchers import MOST_DOMAINS, MOST_PATTERNS, MOST_WORDS
from alphapy.pure.automod.normalise import fold
from alphapy.pure.automod.points import LONGEST_MINUTES
from alphapy.pure.automod.rules import ActionKind, RuleKind
from alphapy.pure.ids import parse_snowflake
from alphapy.pure.matching import PatternRefused, compile_pattern
from alphapy.pure.text import cut

MAX_NAME = 100
MAX_WORD = 100
MAX_POLICY = 1000
MAX_WARNING = 1500
MAX_REASON = 512
MAX_DELETE_SECONDS = 604_800
MAX_CONFIG_BYTES = 16 * 1024
"""Of a rule's parts (spec/moderation.md 8)."""


@attrs.frozen
class Rejected(Exception):
    """What may not be written; ``text`` is a sentence for the admin."""

    text: str
    reason: str = "bad value"

    @override
    def __str__(self) -> str:
        return self.text


@attrs.frozen(kw_only=True)
class RuleDraft:
    """A new rule; its parts are checked."""

    kind: RuleKind
    name: str
    config: Mapping[str, Any]
    action: ActionKind
    action_config: Mapping[str, Any]
    severity: int = 1
    enabled: bool = True

    @property
    def needs_premium(self) -> bool:
        """Whether a guild without premium cannot have it."""
        return self.kind.is_premium or self.action.is_premium


@attrs.frozen(kw_only=True)
class Numbers:
    """The range of a number of a config, and whether it is a whole one."""

    low: float
    high: float
    whole: bool = True


NUMBERS: Final = {
    "max_messages": Numbers(low=2, high=30),
    "time_window": Numbers(low=5, high=300),
    "max_duplicates": Numbers(low=2, high=10),
    "min_length": Numbers(low=5, high=500),
    "max_caps_ratio": Numbers(low=0.5, high=1.0, whole=False),
    "max_mentions": Numbers(low=1, high=30),
    "threshold": Numbers(low=0.5, high=1.0, whole=False),
}
CONFIG_KEYS: Final[Mapping[RuleKind, tuple[str, ...]]] = {
    RuleKind.FREQUENCY: ("max_messages", "time_window"),
    RuleKind.DUPLICATE: ("max_duplicates", "time_window"),
    RuleKind.CAPS: ("min_length", "max_caps_ratio"),
    RuleKind.BAD_WORDS: ("words", "match"),
    RuleKind.LINKS: ("allow_links", "whitelist", "blacklist"),
    RuleKind.MENTIONS: ("max_mentions",),
    RuleKind.REGEX: ("patterns",),
    RuleKind.AI: ("policy", "threshold"),
}
"""What a rule of each kind can be told."""

DEFAULT_ACTION_CONFIG: Final[Mapping[ActionKind, Mapping[str, Any]]] = {
    ActionKind.DELETE: {},
    ActionKind.WARN: {},
    ActionKind.MUTE: {"duration_minutes": 10},
    ActionKind.TIMEOUT: {"duration_minutes": 30},
    ActionKind.BAN: {},
}


def clean_rule_name(name: str) -> str:
    """A name, trimmed; raises Rejected unless it has 1 to 100 characters."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise Rejected(f"A name has 1 to {MAX_NAME} characters, not counting spaces at its ends.", "bad name")
    return name


def split_words(text: str, *, at_spaces: bool = False) -> list[str]:
    """Words out of a text: separated by commas, and by white space if it is said; lower case, each once."""
    parts = re.split(r"[,\s]+" if at_spaces else ",", text)
    return list(dict.fromkeys(word for part in parts if (word := part.strip().lower())))


def split_patterns(text: str) -> list[str]:
    """Patterns out of a text: at commas outside brackets and without a backslash before them."""
    parts, start, depth, in_class, place = [], 0, 0, False, 0
    while place < len(text):
        sign = text[place]
        if sign == "\\":
            place += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "({":
            depth += 1
        elif sign in ")}":
            depth = max(0, depth - 1)
        elif sign == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def checked_config(kind: RuleKind, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config to store: known keys checked and cleaned, unknown ones kept. Raises Rejected."""
    stored = {key: value for key, value in config.items() if key not in {"spam_type", "content_type"}}
    for key in CONFIG_KEYS[kind]:
        if key in stored:
            stored[key] = _CHECKS[key](key, stored[key])
    if kind is RuleKind.BAD_WORDS and not stored.get("words"):
        raise Rejected("At least one word is needed.", "no words")
    if kind is RuleKind.REGEX:
        stored["patterns"] = _patterns(stored)
        stored.pop("pattern", None)
    return {**stored, **kind.marker}


def _patterns(stored: Mapping[str, Any]) -> list[str]:
    patterns = stored.get("patterns") or checked_patterns(
        "patterns", [stored["pattern"]] if stored.get("pattern") else []
    )
    if not patterns:
        raise Rejected("At least one pattern is needed.", "no patterns")
    return list(patterns)


def checked_number(key: str, value: object) -> int | float:
    """A number within the range of its key; raises Rejected."""
    allowed = NUMBERS[key]
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not allowed.low <= value <= allowed.high
    ):
        raise Rejected(f"{key} must be a number from {allowed.low:g} to {allowed.high:g}.")
    if not allowed.whole:
        return float(value)
    if value != int(value):
        raise Rejected(f"{key} must be a whole number.")
    return int(value)


def checked_words(_key: str, value: object) -> list[str]:
    """A list of words: of a list, or of a text separated by commas and spaces."""
    words = split_words(value, at_spaces=True) if isinstance(value, str) else _texts("words", value)
    words = list(dict.fromkeys(word for item in words if fold(word := item.strip().lower())))
    if len(words) > MOST_WORDS:
        raise Rejected(f"A rule has at most {MOST_WORDS} words.", "too many words")
    too_long = next((word for word in words if len(word) > MAX_WORD), None)
    if too_long is not None:
        raise Rejected(f"A word has at most {MAX_WORD} characters: {cut(too_long, 40)}", "word too long")
    return words


def checked_domains(key: str, value: object) -> list[str]:
    """A list of domains in their bare form; raises Rejected naming the first that is none."""
    items = split_words(value) if isinstance(value, str) else _texts(key, value)
    domains: list[str] = []
    for item in items:
        if not item.strip():
            continue
        domain = bare_domain(item)
        if not is_domain(domain):
            raise Rejected(f"This is not a domain: {cut(item.strip(), 100)}", "bad domain")
        domains.append(domain)
    domains = list(dict.fromkeys(domains))
    if len(domains) > MOST_DOMAINS:
        raise Rejected(f"A list has at most {MOST_DOMAINS} domains.", "too many domains")
    return domains


def checked_patterns(_key: str, value: object) -> list[str]:
    """A list of patterns, each of which the engine takes; raises Rejected naming the first it does not."""
    patterns = split_patterns(value) if isinstance(value, str) else _texts("patterns", value)
    patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
    if len(patterns) > MOST_PATTERNS:
        raise Rejected(f"A rule has at most {MOST_PATTERNS} patterns.", "too many patterns")
    for pattern in patterns:
        try:
            compile_pattern(pattern, case_sensitive=False)
        except PatternRefused as error:
            raise Rejected(
                f"Invalid regex {cut(pattern, 100)!r}: {error}.", f"regex {error.kind.name.lower()}"
            ) from None
    return patterns


def _texts(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Rejected(f"{key} must be a list of texts.")
    return list(value)


def _checked_flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Rejected(f"{key} must be true or false.")
    return value


def _checked_policy(_key: str, value: object) -> str:
    policy = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(policy) <= MAX_POLICY:
        raise Rejected(f"A policy has 1 to {MAX_POLICY} characters.", "bad policy")
    return policy


def _checked_match(key: str, value: object) -> str:
    if value not in {"substring", "word"}:
        raise Rejected(f"{key} must be substring or word.")
    return str(value)


_CHECKS: Final = {
    **dict.fromkeys(NUMBERS, checked_number),
    "words": checked_words,
    "match": _checked_match,
    "whitelist": checked_domains,
    "blacklist": checked_domains,
    "allow_links": _checked_flag,
    "patterns": checked_patterns,
    "policy": _checked_policy,
}


def checked_action_config(action: ActionKind, config: Mapping[str, Any]) -> dict[str, Any]:
    """An action's config to store: known keys checked, unknown ones kept. Raises Rejected."""
    stored = dict(config)
    for key, allowed in (
        ("duration_minutes", (1, LONGEST_MINUTES)),
        ("delete_message_seconds", (0, MAX_DELETE_SECONDS)),
    ):
        if stored.get(key) is None:
            stored.pop(key, None)
        elif not _is_whole(stored[key], *allowed):
            raise Rejected(f"{key} must be a whole number from {allowed[0]} to {allowed[1]}.")
    for key, limit in (("message", MAX_WARNING), ("reason", MAX_REASON)):
        if key in stored and not (isinstance(stored[key], str) and len(stored[key]) <= limit):
            raise Rejected(f"{key} must be a text of at most {limit} characters.")
    if "delete_message" in stored:
        _checked_flag("delete_message", stored["delete_message"])
    if action is ActionKind.MUTE and stored.get("mute_role_id") is not None:
        role_id = parse_snowflake(stored["mute_role_id"])
        if role_id is None:
            raise Rejected("mute_role_id must be the id of a role.")
        stored["mute_role_id"] = str(role_id)
    return stored


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_ACTION_OPTIONS: Final[Mapping[str, frozenset[ActionKind]]] = {
    "duration_minutes": frozenset({ActionKind.MUTE, ActionKind.TIMEOUT}),
    "warn_text": frozenset({ActionKind.WARN}),
    "delete_message": frozenset(ActionKind) - {ActionKind.DELETE},
}
_OPTION_KEYS: Final = {"time_window_seconds": "time_window", "warn_text": "message"}
"""Options that are called otherwise in the config."""


def unfitting(kind: RuleKind | None, action: ActionKind | None, options: Iterable[str]) -> list[str]:
    """The options of ``/automod edit_rule`` that a rule of this kind and action does not have, by name."""
    allowed = set(CONFIG_KEYS.get(kind, ())) if kind is not None else set()
    return sorted(
        option
        for option in options
        if _OPTION_KEYS.get(option, option) not in allowed
        and action not in _ACTION_OPTIONS.get(option, frozenset())
    )


def config_changes(kind: RuleKind, options: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of a config that these options ask for, checked; raises Rejected."""
    changes: dict[str, Any] = {}
    for option, value in options.items():
        key = _OPTION_KEYS.get(option, option)
        if option in _ACTION_OPTIONS or key not in CONFIG_KEYS[kind]:
            continue
        given = split_words(value) if key == "words" and isinstance(value, str) else value
        changes[key] = _CHECKS[key](key, given)
        if key in {"words", "patterns"} and not changes[key]:
            raise Rejected(f"At least one of the {key} is needed.", f"no {key}")
    return changes


def action_changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of an action's config that these options ask for."""
    return {
        _OPTION_KEYS.get(option, option): value
        for option, value in options.items()
        if option in _ACTION_OPTIONS
    }
