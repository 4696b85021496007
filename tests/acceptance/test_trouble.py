"""A person makes trouble on the sandbox's page and watches the bot get over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from alphapy.gateway.shard import ShardState
from alphapy.version import VERSION
from tests.support.bot import Stage, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.service import Service
    from alphapy.storage.pool import Pool

BRIEF = ("beat", "twice", "limit", "error", "lost", "slow", "drop", "cut")
"""Troubles that a bot is over within a second or two; after many in a row it waits longer, as it should.

Not ``swap``: Discord's events come in the order of their numbers, and a feature that is past a number
takes a late one for one that it has had.
"""


WHERE = ("general", "support")


async def uses(pool: Pool, expected: int) -> bool:
    async with pool.transaction("test") as tx:
        return bool(await tx.fetch_value("SELECT uses FROM custom_commands") == expected)


async def answered(person: Person, channel: int, text: str) -> None:
    await person.wait_message(channel, lambda message: message["content"] == text, within=15)


async def connected(service: Service) -> None:
    await wait_until(
        lambda: all(one.state is ShardState.READY for one in service.shards.statistics()),
        within=10,
        what="the shard to be ready",
    )


async def test_every_brief_trouble_is_survived_and_nothing_counts_twice(offstage: Stage, pool: Pool) -> None:
    async with (
        httpx.AsyncClient(base_url=offstage.sandbox.page_url, trust_env=False) as page,
        offstage.bot() as service,
    ):
        ada, margaret = offstage.person("ada"), offstage.person("margaret")
        command = {"name": "hi", "trigger_type": "exact", "trigger": "!hi", "response": "Hi no. {uses}"}
        added = await ada.slash(offstage.general, "/cc add", **command).wait_reply()
        assert title_of(added) == "Custom command added"
        # Two channels, so that the guard against floods has nothing to say.
        places = [(who, offstage.demo.channels[where]) for who in (ada, margaret) for where in WHERE]
        for number, name in enumerate(BRIEF, 1):
            pressed = await page.post("/page/trouble", json={"fault": name})
            assert pressed.status_code == 200
            person, channel = places[number % len(places)]
            person.say(channel, "!hi")
            await answered(person, channel, f"Hi no. {number}")
            await connected(service)
        await wait_until(lambda: uses(pool, len(BRIEF)), what="a use for every message")
        said = [m["content"] for where in WHERE for m in ada.visible_messages(offstage.demo.channels[where])]
        answers = [text for text in said if text.startswith("Hi no.")]
        assert sorted(answers) == [f"Hi no. {number}" for number in range(1, len(BRIEF) + 1)]
        report = (await page.get("/page/trouble")).json()
        assert (report["waiting"], report["count"]) == ([], len(BRIEF))


async def test_a_bot_goes_on_in_a_world_that_was_loaded(offstage: Stage) -> None:
    async with (
        httpx.AsyncClient(base_url=offstage.sandbox.page_url, trust_env=False) as page,
        offstage.bot() as service,
    ):
        saved = (await page.get("/page/world")).content
        before = service.shards.statistics()[0].session_id
        ada = offstage.person("ada")
        ada.say(offstage.general, "to be forgotten")
        loaded = await page.post("/page/world", content=saved, headers={"Content-Type": "application/json"})
        assert loaded.status_code == 200
        await wait_until(
            lambda: service.shards.statistics()[0].session_id not in {None, before},
            within=20,
            what="a new session",
        )
        await connected(service)
        reply = await ada.slash(offstage.general, "/version").wait_reply()
        assert VERSION in reply["content"]
        assert "to be forgotten" not in [m["content"] for m in ada.visible_messages(offstage.general)]
