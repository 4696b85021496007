"""What people write for the bot to post: line breaks, mentions, and the parts of an embed.

Rules: spec/engagement.md 4.8; limits of an embed: https://docs.discord.com/developers/resources/message
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.ids import parse_snowflake
from alphapy.pure.text import code

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE: Final = 2000
MAX_TITLE: Final = 256
MAX_DESCRIPTION: Final = 4000
"""Less than an embed may have: what a field of a form holds."""
MAX_FOOTER: Final = 2048
MAX_COLOUR: Final = 7
MAX_EMBED: Final = 6000
"""Characters of all parts of an embed together."""

_LIMITS: Final = {"title": MAX_TITLE, "description": MAX_DESCRIPTION, "footer": MAX_FOOTER}

_USER: Final = re.compile(r"<@!?([0-9]{1,20})>")
_ROLE: Final = re.compile(r"<@&([0-9]{1,20})>")
_COLOUR: Final = re.compile(r"#?([0-9a-f]{1,6})", re.IGNORECASE)


@attrs.frozen
class Flaw(Exception):
    """Why something cannot be posted: a sentence for the member, and a few words for the audit row."""

    text: str
    reason: str


def with_line_feeds(text: str) -> str:
    """The text with a line feed for every backslash that an ``n`` follows: an option has one line."""
    return text.replace("\\n", "\n")


def checked_message(text: str) -> str:
    """What a member wrote, as it is to be posted; raises Flaw where it cannot be."""
    message = with_line_feeds(text)
    if not message.strip():
        raise Flaw("A message needs words.", "blank message")
    if len(message) > MAX_MESSAGE:
        over = len(message) - MAX_MESSAGE
        raise Flaw(
            f"A message has at most {MAX_MESSAGE:,} characters; this one has {over:,} too many.", "too long"
        )
    return message


def mentioned_users(text: str) -> tuple[int, ...]:
    """The ids of the users whom a text mentions, each once."""
    return _ids(_USER, text)


def mentioned_roles(text: str) -> tuple[int, ...]:
    """The ids of the roles that a text mentions, each once."""
    return _ids(_ROLE, text)


def _ids(pattern: re.Pattern[str], text: str) -> tuple[int, ...]:
    found = (parse_snowflake(digits) for digits in pattern.findall(text))
    return tuple(dict.fromkeys(number for number in found if number is not None))


@attrs.frozen(kw_only=True)
class EmbedParts:
    """The parts of an embed that somebody filled in; None where they left one out."""

    title: str | None
    description: str | None
    footer: str | None
    colour: int | None

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> EmbedParts:
        """The parts out of a form's ``title``, ``description``, ``footer`` and ``color``; raises Flaw."""
        texts = {name: fields.get(name, "").strip() for name in _LIMITS}
        if not (texts["title"] or texts["description"]):
            raise Flaw("An embed needs a title or a description.", "nothing to show")
        for name, limit in _LIMITS.items():
            if len(texts[name]) > limit:
                over = len(texts[name]) - limit
                raise Flaw(
                    f"The {name} has at most {limit:,} characters; yours has {over:,} too many.", "too long"
                )
        colour = read_colour(fields.get("color", ""))
        excess = sum(map(len, texts.values())) - MAX_EMBED
        if excess > 0:
            raise Flaw(
                f"An embed has at most {MAX_EMBED:,} characters in all; this one has {excess:,} too many.",
                "too long in all",
            )
        return cls(
            title=texts["title"] or None,
            description=texts["description"] or None,
            footer=texts["footer"] or None,
            colour=colour,
        )


def read_colour(text: str) -> int | None:
    """A colour as people write it (``#3498DB``, ``ff``): a plain hexadecimal number; None for a blank.

    Raises Flaw, which quotes what cannot be read.
    """
    text = text.strip()
    if not text:
        return None
    found = _COLOUR.fullmatch(text)
    if found is None:
        raise Flaw(
            f"{code(text, 40)} is no colour. A colour is one to six hexadecimal digits, such as `#3498DB`.",
            "bad colour",
        )
    return int(found[1], 16)
