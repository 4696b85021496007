"""Members' regular expressions, on RE2 alone: linear time, whatever the pattern and the text.

No pattern of a member is ever given to a backtracking engine (spec/moderation.md 5.4). Where RE2 cannot be
imported, patterns are refused as unavailable and stored ones never match.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Protocol

import attrs
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

try:
    import re2
except ImportError:  # pragma: no cover - the wheel is missing on exotic platforms only
    re2 = None

MAX_PATTERN_LENGTH = 200
"""Characters of a pattern (spec/moderation.md 8)."""

MAX_PATTERN_MEMORY = 1 << 20
"""Bytes that RE2 may use for one pattern."""

MAX_ALTERNATION_MEMORY = 8 << 20
"""Bytes that RE2 may use for one search for many patterns."""

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_UNSUPPORTED = (
    "invalid perl operator",
    "invalid escape sequence",
    "repetition size",
    "bad repetition operator",
)


class RefusalKind(enum.Enum):
    """Why a pattern may not be stored; the value is how it is said to a member."""

    INVALID = "it is not a valid regular expression"
    UNSUPPORTED = (
        "it uses something that Alphapy does not support: look-around, back-references, possessive or atomic "
        "groups, or a repetition above 1000"
    )
    TOO_LARGE = f"it is too large (at most {MAX_PATTERN_LENGTH} characters, and not too many repetitions)"
    MATCHES_EVERYTHING = "it matches an empty text, so it would match every message"
    UNAVAILABLE = "regular expressions are not available in this installation"


@attrs.frozen
class PatternRefused(Exception):
    """A pattern that may not be stored, and why."""

    pattern: str
    kind: RefusalKind

    @override
    def __str__(self) -> str:
        return self.kind.value


class Found(Protocol):
    """A place where a pattern occurs; ``[0]`` is its text."""

    def __getitem__(self, group: int, /) -> str: ...


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object | None:
        """Something truthy where the pattern occurs in the text, which holds no lone surrogate."""
        ...

    def finditer(self, text: str) -> Iterator[Found]:
        """Every place where it occurs, from left to right, without overlaps."""
        ...


def without_surrogates(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD, as RE2 needs it."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def compile_pattern(pattern: str, *, case_sensitive: bool) -> Pattern:
    r"""Compile a member's pattern; raises PatternRefused.

    Differences to other engines: ``\\d \\w \\s \\b`` know ASCII only, ``$`` is the end of the text.
    """
    if re2 is None:
        raise PatternRefused(pattern, RefusalKind.UNAVAILABLE)
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternRefused(pattern, RefusalKind.TOO_LARGE)
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY
    options.log_errors = False
    options.case_sensitive = case_sensitive
    try:
        compiled: Pattern = re2.compile(without_surrogates(pattern), options)
    except re2.error as error:
        raise PatternRefused(pattern, _kind(error)) from None
    if compiled.search("") is not None:
        raise PatternRefused(pattern, RefusalKind.MATCHES_EVERYTHING)
    return compiled


def _kind(error: Exception) -> RefusalKind:
    reason = error.args[0] if error.args else ""
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    if "too large" in text:
        return RefusalKind.TOO_LARGE
    return RefusalKind.UNSUPPORTED if any(sign in text for sign in _UNSUPPORTED) else RefusalKind.INVALID


class Alternation:
    """Many patterns as one search, in any case: whether any of them occurs, in one pass over the text.

    Patterns that are too many for one automaton make several. Each pattern has been compiled alone before.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._searches = tuple(_searches([without_surrogates(pattern) for pattern in patterns]))

    def __bool__(self) -> bool:
        return bool(self._searches)

    def occurs(self, text: str) -> bool:
        """Whether any pattern occurs; the text holds no lone surrogate."""
        return any(search.search(text) is not None for search in self._searches)


def _searches(patterns: list[str]) -> Iterator[Pattern]:
    if not patterns or re2 is None:
        return
    options = re2.Options()
    options.max_mem = MAX_ALTERNATION_MEMORY
    options.log_errors = False
    options.case_sensitive = False
    options.never_capture = True
    try:
        yield re2.compile("|".join(patterns), options)
    except re2.error:
        if len(patterns) == 1:
            return
        middle = len(patterns) // 2
        yield from _searches(patterns[:middle])
        yield from _searches(patterns[middle:])
