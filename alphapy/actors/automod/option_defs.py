"""The options that several commands of ``/automod`` share. Texts are short: a command has 8000 characters."""

from __future__ import annotations

from alphapy.gateway.commands import Choice, Option, OptionKind
from alphapy.pure.automod.points import LONGEST_MINUTES

ACTION_CHOICES = (
    Choice(name="Delete message", value="delete"),
    Choice(name="Warn user", value="warn"),
    Choice(name="Mute (role)", value="mute"),
    Choice(name="Timeout", value="timeout"),
    Choice(name="Ban", value="ban"),
)

NAME = Option(
    kind=OptionKind.STRING, name="name", description="Name", required=True, min_length=1, max_length=100
)
ACTION = Option(
    kind=OptionKind.STRING, name="action_type", description="What is done", choices=ACTION_CHOICES
)


def whole(name: str, description: str, low: int, high: int, *, required: bool = False) -> Option:
    """A whole number within a range."""
    return Option(
        kind=OptionKind.INTEGER,
        name=name,
        description=description,
        minimum=low,
        maximum=high,
        required=required,
    )


def real(name: str, description: str) -> Option:
    """A number from one half to one."""
    return Option(kind=OptionKind.NUMBER, name=name, description=description, minimum=0.5, maximum=1.0)


def text(
    name: str, description: str, *, required: bool = False, most: int | None = None, least: int | None = None
) -> Option:
    """A text."""
    return Option(
        kind=OptionKind.STRING,
        name=name,
        description=description,
        required=required,
        max_length=most,
        min_length=least,
    )


def flag(name: str, description: str, *, required: bool = False) -> Option:
    """Yes or no."""
    return Option(kind=OptionKind.BOOLEAN, name=name, description=description, required=required)


MESSAGES = whole("max_messages", "Messages", 2, 30)
WINDOW = whole("time_window_seconds", "Seconds", 5, 300)
MENTIONS = whole("max_mentions", "Mentions allowed", 1, 30)
DUPLICATES = whole("max_duplicates", "Repetitions", 2, 10)
MIN_LENGTH = whole("min_length", "Shortest text", 5, 500)
CAPS_RATIO = real("max_caps_ratio", "Share of capitals")
ALLOW_LINKS = flag("allow_links", "Allow all but the blacklist")
WHITELIST = text("whitelist", "Allowed domains, by commas")
BLACKLIST = text("blacklist", "Forbidden domains, by commas")
THRESHOLD = real("threshold", "How sure it must be")
MINUTES = whole("duration_minutes", "Minutes", 1, LONGEST_MINUTES)


def words(*, required: bool) -> Option:
    """Words."""
    return text("words", "Words, by commas", required=required)


def patterns(*, required: bool) -> Option:
    """Patterns."""
    return text("patterns", "RE2 patterns, by commas", required=required)


def policy(*, required: bool) -> Option:
    """What a language model judges by."""
    return text("policy", "What is not allowed", required=required, most=1000, least=1)
