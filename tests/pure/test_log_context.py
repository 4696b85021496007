"""What a line is about is known to the task that logs, and to nobody else."""

from __future__ import annotations

import trio

from alphapy.pure.log_context import log_context, logged_with, set_log_context


async def test_each_task_has_its_own_and_begins_with_its_parents() -> None:
    seen: dict[str, dict[str, object]] = {}

    async def child(name: str) -> None:
        set_log_context(actor=name)
        await trio.lowlevel.checkpoint()
        seen[name] = dict(log_context())

    with logged_with(guild_id=5, trace_id=None):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, "first")
            nursery.start_soon(child, "second")
        assert log_context() == {"guild_id": 5}
    assert log_context() == {}
    assert seen == {
        "first": {"guild_id": 5, "actor": "first"},
        "second": {"guild_id": 5, "actor": "second"},
    }


def test_what_was_said_before_comes_back_after_an_error() -> None:
    with logged_with(request_id="outer"):
        try:
            with logged_with(request_id="inner"):
                assert log_context() == {"request_id": "inner"}
                raise ValueError
        except ValueError:
            assert log_context() == {"request_id": "outer"}
