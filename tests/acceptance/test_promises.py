"""What the bot has promised to answer is answered, once, even where the process that promised it dies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from alphapy.sandbox.faults import RestFault
from alphapy.sandbox.person import InteractionView
from alphapy.sandbox.world.interactions import State
from tests.campaigns.bot import Bot
from tests.campaigns.engine import TREE
from tests.support.bot import Stage, described, title_of
from tests.support.crash import Trap, mortal_bot
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from alphapy.storage.pool import Pool

ADD = {"name": "hi", "trigger_type": "starts_with", "trigger": "!hi", "response": "hi"}
RESTARTED = "I was restarted while I worked on this"
ORIGINAL = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"


@asynccontextmanager
async def slow_commands(pool: Pool) -> AsyncIterator[None]:
    """Nobody gets at the custom commands while the block runs, so that ``/cc`` takes its time."""
    async with pool.transaction("test") as tx:
        await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await tx.execute("LOCK TABLE custom_commands IN ACCESS EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def process(stage: Stage, folder: Path) -> AsyncIterator[Bot]:
    """The bot as a process of its own, started again when it has been killed."""
    bot = Bot(
        {
            "BOT_TOKEN": stage.demo.token,
            "DATABASE_URL": stage.database_url,
            "DISCORD_API_BASE": stage.sandbox.api_base,
            "HOST": "127.0.0.1",
            "APP_ENV": "development",
            "ALPHAPY_DATA_DIR": str(folder),
        },
        TREE,
        folder,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bot.keep_running)
        try:
            await stage.wait_online()
            yield bot
            await bot.stop()
        finally:
            bot.end_all()
            nursery.cancel_scope.cancel()


async def is_kept_once(stage: Stage, view: InteractionView, *texts: str) -> None:
    """The member has one of these answers, and gets no other one."""
    answer = await view.wait_reply(20)
    text = answer["content"] + title_of(answer) + described(answer)
    assert any(expected in text for expected in texts), text
    # Whatever else the bot was about to say comes before what is said now.
    await stage.person("margaret").slash(stage.general, "/version").wait_reply(20)
    assert view.state is State.DONE
    assert len(view.messages) == 1
    assert not any(message["flags"] & 128 for message in view.messages), "nobody is thinking any more"


async def the_mark_stands(pool: Pool, while_waiting: float) -> None:
    """The stored mark does not pass the interaction, however long it takes."""

    async def marks() -> list[Any]:
        async with pool.transaction("watch") as tx:
            return await tx.fetch_all("SELECT mark FROM gateway_sessions")

    async def has_moved() -> bool:
        return await marks() != before

    before = await marks()
    with trio.move_on_after(while_waiting) as patience:
        await wait_until(has_moved)
    assert patience.cancelled_caught, "the mark has passed what is not answered"


async def test_a_promise_of_a_process_that_is_killed_is_kept_by_the_next_one(
    offstage: Stage, pool: Pool, tmp_path: Path
) -> None:
    async with process(offstage, tmp_path) as bot:
        async with slow_commands(pool):
            view = offstage.person("linus").slash(offstage.general, "/cc add", **ADD)
            await wait_until(lambda: view.state is State.THINKING, what="the promise")
            await the_mark_stands(pool, 1.2)  # the marks are written twice a second
            bot.kill()
            await bot.wait_killed()
        await is_kept_once(offstage, view, RESTARTED, "Custom command added")
        assert bot.deaths == []


@attrs.frozen(kw_only=True)
class Moment:
    """A moment in the life of an interaction at which the bot is killed."""

    name: str
    options: dict[str, str] = attrs.field(factory=lambda: ADD)
    path: str = "/cc add"
    at: Callable[[InteractionView], bool]
    fault: bool = False
    """Whether the answer to the bot's last word is lost: it dies before it knows that it was heard."""


MOMENTS = [
    Moment(name="promised, noted", at=lambda view: view.state is State.THINKING),
    Moment(
        name="promised, only reading",
        path="/cc list",
        options={},
        at=lambda view: view.state is State.THINKING,
    ),
    Moment(name="answered", at=lambda view: view.state is State.DONE and bool(view.messages)),
    Moment(name="answered, not known", at=lambda view: bool(view.messages), fault=True),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
async def test_killed_at_any_moment_the_member_gets_one_answer(
    offstage: Stage, pool: Pool, moment: Moment
) -> None:
    trap = Trap()
    views: list[InteractionView] = []

    def look(_happening: object) -> None:
        if views and moment.at(views[0]):
            trap.kill()

    async with mortal_bot(offstage, trap) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        if moment.fault:
            offstage.sandbox.faults.arm_rest(RestFault.LOST_ANSWER, route=ORIGINAL, times=1)
        async with slow_commands(pool):
            unlisten = offstage.demo.world.feed.listen(look)
            view = offstage.person("linus").slash(offstage.general, moment.path, **moment.options)
            views.append(view)
            await wait_until(lambda: view.state is State.THINKING, what="the promise")
        await wait_until(trap.sprung.is_set, within=15, what="the kill")
        unlisten()
    async with offstage.bot():
        await is_kept_once(offstage, view, RESTARTED, "Custom command added", "No custom commands yet")


async def test_killed_before_it_was_noted_it_is_done_by_the_next_process(offstage: Stage, pool: Pool) -> None:
    trap = Trap()
    async with mortal_bot(offstage, trap) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        offstage.demo.world.feed.listen(lambda happening: _kill_at_interaction(happening, trap))
        view = offstage.person("linus").slash(offstage.general, "/cc add", **ADD)
        await wait_until(trap.sprung.is_set, what="the kill")
    async with offstage.bot():
        await is_kept_once(offstage, view, "Custom command added")
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT count(*) FROM custom_commands") == 1


def _kill_at_interaction(happening: Any, trap: Trap) -> None:
    if happening.name == "INTERACTION_CREATE":
        trap.kill()
