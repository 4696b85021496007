"""Text for members: cut to Discord's limits, escaped, in code style, and without pings.

Lengths are in Unicode code points, which is what ``maxLength`` means in Discord's OpenAPI document.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "..."
"""What a cut text ends with; the specifications say three dots."""

ZERO_WIDTH_SPACE = "\u200b"
"""Invisible, and not blank to Discord: it fills places that may not be empty and breaks tokens apart."""

_ZERO_WIDTH_JOINER = "\u200d"
_KEYCAP = "\u20e3"
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)

_LONGEST_CLUSTER = 64
"""Code points; a longer run of combining characters is noise, and is cut anywhere."""

_MARKDOWN = re.compile(r"[\\`*_~|>\[\]]")
_MENTION = re.compile(r"<@[!&]?\d{1,20}>|<#\d{1,20}>|@everyone|@here", re.IGNORECASE)
_PING = re.compile(r"<(?=[@#])|@(?=everyone|here)", re.IGNORECASE)
_URL = re.compile(r"https?://\S*|//\S+|\bwww\.\S*", re.IGNORECASE)
_BLANKS = re.compile(r"[^\S\n]+")
_FENCE = re.compile(r"``(?=`)")

_REMOVAL_PASSES = 8
"""Removing a token may form another; what is still there after so many passes was built to be."""


def well_formed(text: str) -> str:
    """The text without what cannot be sent or stored: NUL goes, a lone surrogate becomes U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut(text: str, limit: int, *, end: str = ELLIPSIS) -> str:
    """The text in at most ``limit`` (>= 0) code points, ending in ``end`` when something was cut off.

    The cut leaves no half of a grapheme (an accent, a flag, a family) and no dangling backslash.
    """
    if len(text) <= limit:
        return text
    if len(end) >= limit:
        return end[:limit]
    kept = text[: _boundary(text, limit - len(end))]
    if (len(kept) - len(kept.rstrip("\\"))) % 2:
        kept = kept[:-1]
    return kept + end


def _boundary(text: str, position: int) -> int:
    """The last place at or before ``position`` that does not split a grapheme."""
    for place in range(position, max(position - _LONGEST_CLUSTER, 0), -1):
        if not _joined(text, place):
            return place
    return 0 if position <= _LONGEST_CLUSTER else position


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and after this place belong to one grapheme."""
    before, after = text[place - 1], text[place]
    code = ord(after)
    if code < 0x300:
        return before == "\r" and after == "\n"
    if _ZERO_WIDTH_JOINER in (before, after) or after == _KEYCAP:
        return True
    if code in _VARIATION_SELECTORS or code in _SKIN_TONES or code in _TAGS:
        return True
    if code in _REGIONAL_INDICATORS:
        flags = place
        while flags and ord(text[flags - 1]) in _REGIONAL_INDICATORS and place - flags < _LONGEST_CLUSTER:
            flags -= 1
        return (place - flags) % 2 == 1
    return unicodedata.category(after) in {"Mn", "Mc", "Me"}


def escape_markdown(text: str) -> str:
    """The text with a backslash before every character that could format it."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def neutralise_mentions(text: str) -> str:
    """The same words, of which none is a mention: an invisible space stands inside every token."""
    return _PING.sub(rf"\g<0>{ZERO_WIDTH_SPACE}", text)


def single_line(text: str) -> str:
    """Runs of white space, line breaks too, become one space; none at the ends."""
    return " ".join(text.split())


def safe_text(text: str | None, limit: int = 4096, *, keep_lines: bool = False) -> str:
    """A member's text for an embed: no links, no mentions, no formatting (spec/tickets.md, "Embed text").

    White space collapses to single spaces; with ``keep_lines`` line breaks stay. Empty for None.
    """
    cleaned = well_formed(text or "")
    for _ in range(_REMOVAL_PASSES):
        remaining = _MENTION.sub("", _URL.sub("", cleaned))
        if remaining == cleaned:
            break
        cleaned = remaining
    else:
        cleaned = neutralise_mentions(_URL.sub(" ", cleaned))
    if keep_lines:
        cleaned = "\n".join(_BLANKS.sub(" ", line).strip() for line in cleaned.splitlines()).strip()
    else:
        cleaned = single_line(cleaned)
    return cut(escape_markdown(cleaned), limit)


def code(text: str, limit: int = 200) -> str:
    """The text in code style on one line, at most ``limit`` (>= 8) code points with its two backticks.

    Backticks become a look-alike; nothing inside code style formats or pings.
    """
    inner = single_line(well_formed(text)).replace("`", "ˋ")
    return f"`{cut(inner, limit - 2) or ' '}`"


def code_block(text: str, limit: int = 4096) -> str:
    """The text verbatim in a code block, at most ``limit`` (>= 16) code points with its fences.

    An invisible space in runs of three or more backticks keeps them from closing the block.
    """
    inner = _FENCE.sub(f"``{ZERO_WIDTH_SPACE}", well_formed(text))
    return f"```\n{cut(inner, limit - 8) or ' '}\n```"
