"""Small pictures as numbers; the templates draw them as SVG. Pure.

No style attributes and no colours here: the policy of the page allows only its own style sheet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.web.console import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.kernel.health import HistogramSnapshot

WIDTH: Final = 120.0
HEIGHT: Final = 24.0
_GAP: Final = 1.0
_LEAST: Final = 1.5
"""Height of a bar that stands for very few."""


@attrs.frozen
class Bar:
    """One rectangle of a chart, with the class that colours it."""

    x: float
    y: float
    width: float
    height: float
    kind: str = ""


@attrs.frozen
class Chart:
    """A picture, and the sentence that says the same."""

    bars: tuple[Bar, ...]
    text: str
    width: float = WIDTH
    height: float = HEIGHT


def histogram(handling: HistogramSnapshot) -> Chart | None:
    """Handling times by bucket; None for none. Heights go by the root of the counts: rare slow ones show."""
    if not handling.count:
        return None
    tallest = max(handling.counts)
    step = WIDTH / len(handling.counts)
    bars = []
    for index, count in enumerate(handling.counts):
        if count:
            height = max(_LEAST, HEIGHT * math.sqrt(count / tallest))
            bound = handling.bounds[index] if index < len(handling.bounds) else math.inf
            kind = "slow" if bound > 1 else "middling" if bound > 0.1 else "quick"
            bars.append(
                Bar(
                    round(index * step, 2),
                    round(HEIGHT - height, 2),
                    round(step - _GAP, 2),
                    round(height, 2),
                    kind,
                )
            )
    middle, tail = (words.span(handling.quantile(share)) for share in (0.5, 0.99))
    return Chart(
        tuple(bars),
        f"{words.counted(handling.count, 'call', 'calls')}: half within {middle}, 99 % within {tail}",
    )


def meter(parts: Iterable[tuple[float, str]], whole: float, text: str) -> Chart:
    """A horizontal bar filled from the left by parts of a whole, each with its class."""
    bars, x = [], 0.0
    for part, kind in parts:
        width = WIDTH * min(1.0, part / whole) if whole > 0 else 0.0
        width = min(width, WIDTH - x)
        if width > 0:
            bars.append(Bar(round(x, 2), 0, round(width, 2), 8, kind))
        x += width
    return Chart(tuple(bars), text, WIDTH, 8)
