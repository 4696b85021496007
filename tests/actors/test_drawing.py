"""Pictures are drawn in a thread, one at a time, and given up when they take too long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import trio

from alphapy.actors.drawing import Drawing
from alphapy.rendering.charts import Bar

if TYPE_CHECKING:
    from collections.abc import Sequence


async def test_a_picture_is_drawn_in_another_thread() -> None:
    drawn_in: list[int] = []

    def draw(title: str, bars: Sequence[Bar]) -> bytes:
        drawn_in.append(threading.get_ident())
        return f"{title} {len(bars)}".encode()

    assert await Drawing(draw=draw).bar_chart("a", [Bar("b", 1)]) == b"a 1"
    assert drawn_in != [threading.get_ident()]


async def test_what_takes_too_long_is_given_up_and_holds_up_whoever_comes_next_no_longer_than_that() -> None:
    release = threading.Event()

    def draw(_title: str, _bars: Sequence[Bar]) -> bytes:
        assert release.wait(60)
        return b"late"

    drawing = Drawing(within=0.05, draw=draw)
    try:
        with trio.fail_after(30):
            assert await drawing.bar_chart("first", ()) is None
            assert await drawing.bar_chart("its turn does not come", ()) is None
    finally:
        release.set()


async def test_the_real_picture_is_a_png() -> None:
    picture = await Drawing(within=30).bar_chart("a", [Bar("b", 1)])
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
