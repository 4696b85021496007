"""Pictures of figures, as PNG: what people would rather look at than read.

Pure: the same bars give the same picture. It takes some milliseconds, too long for the event loop: see
:mod:`alphapy.actors.drawing`. A picture is never the only place where something stands; whoever sends one
says the same in text beside it, and in the description of the attachment.

Names come from members and are hostile. What cannot be drawn (control and formatting characters, stacks of
combining marks, scripts that the font lacks) is left out, and what is too long is cut with an ellipsis.
"""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 720
"""Pixels."""

MOST_BARS: Final = 25
"""Further ones are left out."""

LONGEST_TEXT: Final = 120
"""Characters of a title or label that are looked at."""

_MARGIN: Final = 24
_TITLE_HEIGHT: Final = 40
_ROW: Final = 36
_BAR: Final = 20
_LABELS: Final = 236
_VALUES: Final = 150
"""Pixels: heights of title, row and bar; widths of the columns of labels and of values."""

_BACKGROUND: Final = (43, 45, 49)
_TRACK: Final = (63, 66, 72)
_TEXT: Final = (242, 243, 245)
_QUIET: Final = (181, 186, 193)

BLUE: Final = (52, 152, 219)
GOLD: Final = (241, 196, 15)

_FONT: Final = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_NO_GLYPH: Final = "\uffff"
"""A noncharacter, which no font has: what is drawn for it is drawn for everything that is missing."""

_NAMELESS: Final = "(no name to draw)"
_NOTHING: Final = "Nothing to show yet"

Colour = tuple[int, int, int]


@attrs.frozen
class Bar:
    """A bar: ``label`` is any text, ``value`` at least 0; ``note`` stands behind the value (a unit)."""

    label: str
    value: int = attrs.field(validator=attrs.validators.ge(0))
    note: str = ""
    colour: Colour = BLUE


class Writing:
    """A size of the font, and what of a text it can draw."""

    def __init__(self, size: int) -> None:
        self.font = ImageFont.truetype(_FONT, size)
        self._missing = self._drawn(_NO_GLYPH)
        self._known: dict[str, bool] = {}

    def clean(self, text: str) -> str:
        """The text on one line, without what cannot be drawn."""
        shown = unicodedata.normalize("NFKC", text[: 4 * LONGEST_TEXT])
        kept = "".join(" " if char.isspace() else char for char in shown if self._is_drawable(char))
        return " ".join(kept.split())[:LONGEST_TEXT]

    def fit(self, text: str, width: int) -> str:
        """The cleaned text within so many pixels, ending in an ellipsis where it was cut."""
        cleaned = self.clean(text)
        if self.width(cleaned) <= width:
            return cleaned
        low, high = 0, len(cleaned)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(cleaned[:middle].rstrip() + "…") <= width:
                low = middle
            else:
                high = middle - 1
        return cleaned[:low].rstrip() + "…"

    def width(self, text: str) -> float:
        """Pixels that a cleaned text takes."""
        return float(self.font.getlength(text))

    def _is_drawable(self, char: str) -> bool:
        known = self._known.get(char)
        if known is None:
            known = self._known[char] = char.isspace() or (
                unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"}
                and self._drawn(char) != self._missing
            )
        return known

    def _drawn(self, char: str) -> tuple[tuple[int, int], bytes]:
        mask = self.font.getmask(char)
        return mask.size, bytes(mask)


def bar_chart(title: str, bars: Sequence[Bar]) -> bytes:
    """A horizontal bar for each of the first 25 bars, in their order, as a PNG of 720 pixels' width.

    Bars are as long as their values in proportion to the greatest. Without bars it says that there are none.
    """
    shown = bars[:MOST_BARS]
    height = 2 * _MARGIN + _TITLE_HEIGHT + _ROW * max(len(shown), 1)
    image = Image.new("RGB", (WIDTH, height), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    heading, writing = Writing(22), Writing(16)
    draw.text(
        (_MARGIN, _MARGIN),
        heading.fit(title, WIDTH - 2 * _MARGIN),
        font=heading.font,
        fill=_TEXT,
        anchor="lt",
    )
    top = _MARGIN + _TITLE_HEIGHT
    if not shown:
        middle = top + _ROW // 2
        draw.text((_MARGIN, middle), _NOTHING, font=writing.font, fill=_QUIET, anchor="lm")
    greatest = max((bar.value for bar in shown), default=0)
    for place, bar in enumerate(shown):
        _draw_bar(draw, writing, bar, greatest, top + place * _ROW + _ROW // 2)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_bar(draw: ImageDraw.ImageDraw, writing: Writing, bar: Bar, greatest: int, middle: int) -> None:
    label = writing.fit(bar.label, _LABELS - 16) or _NAMELESS
    draw.text((_MARGIN, middle), label, font=writing.font, fill=_TEXT, anchor="lm")
    left, right = _MARGIN + _LABELS, WIDTH - _MARGIN - _VALUES
    top, bottom = middle - _BAR // 2, middle + _BAR // 2
    draw.rounded_rectangle((left, top, right, bottom), radius=6, fill=_TRACK)
    if bar.value:
        end = left + max(round((right - left) * bar.value / greatest), 12)
        draw.rounded_rectangle((left, top, end, bottom), radius=6, fill=bar.colour)
    value = f"{bar.value:,} {bar.note}".strip()
    draw.text(
        (right + 10, middle), writing.fit(value, _VALUES - 10), font=writing.font, fill=_QUIET, anchor="lm"
    )
