"""What owners and operators are told of auto-moderation: figures, notices, lists (spec/moderation.md 5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import trio
from psycopg.types.json import Jsonb

from alphapy.gateway.opcodes import ALPHAPY_INTENTS, Intents
from alphapy.sandbox.faults import GatewayFault
from alphapy.storage.erasure import erase
from tests.acceptance.automod import Moderated, add_rule, described, grant_premium, log_rows, moderated
from tests.acceptance.test_api_routes import open_panel
from tests.support.bot import stage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool
    from tests.support.bot import Stage


async def test_the_metrics_tell_how_rules_are_kept(offstage: Stage, pool: Pool) -> None:
    async with open_panel(offstage, pool) as panel:

        async def figures() -> list[Any]:
            caches = (await panel.get("/api/dashboard/metrics"))["cache_metrics"]
            names = ("cache_size", "list_cache_size", "cache_hits", "cache_misses")
            return [caches[f"automod_rules_{name}"] for name in names]

        assert await figures() == [0, 0, 0, 0]
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="words", words="tea")
        size, lists, hits, misses = await figures()
        assert (size, lists) == (1, 1)
        assert misses >= 2  # when the actor began, and after the new rule
        assert await town.is_gone(town.member.say(town.general, "tea"))
        size, lists, more, same = await figures()
        assert (size, lists, same) == (1, 1, misses)
        assert more > hits


async def to_look_at(town: Moderated) -> str:
    """What ``/automod status`` says is wrong."""
    shown = await town.admin.slash(town.general, "/automod status").wait_reply()
    return "".join(f["value"] for f in shown["embeds"][0]["fields"] if f["name"] == "To look at")


async def test_status_tells_when_texts_do_not_arrive(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.service.ALPHAPY_INTENTS", ALPHAPY_INTENTS & ~Intents.MESSAGE_CONTENT)
    async with offstage.bot():
        town = await moderated(offstage, pool)
        assert "Message Content Intent" not in await to_look_at(town)
        for number in range(10):
            town.member.say(town.general, f"message {number}")

        async def told() -> bool:
            return "Message Content Intent" in await to_look_at(town)

        await wait_until(told, what="the warning")


async def test_status_tells_nothing_where_texts_arrive(play: Stage, pool: Pool) -> None:
    town = await moderated(play, pool)
    await add_rule(town, "add_badwords_rule", name="words", words="tea")
    for number in range(10):
        town.member.say(town.general, f"message {number}")
    assert await town.is_gone(town.member.say(town.general, "tea"))
    assert "Message Content Intent" not in await to_look_at(town)


def notices(town: Moderated, title: str) -> list[str]:
    """The descriptions of the notices with this title, oldest first."""
    return [
        described(message)
        for message in town.admin.visible_messages(town.log_channel)
        if message["embeds"] and message["embeds"][0]["title"] == title
    ]


async def wait_notices(town: Moderated, title: str, count: int) -> None:
    await wait_until(lambda: len(notices(town, title)) == count, what=f"{count} notices")


async def test_a_rule_that_cannot_work_is_told_of_once_a_day(offstage: Stage, pool: Pool) -> None:
    await grant_premium(offstage, pool)
    async with offstage.bot():
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="words", words="tea")
        await add_rule(town, "add_regex_rule", name="Odd *one*", patterns="a+b")
        async with pool.transaction("test") as tx:  # as another program, or an older version, stored it
            config = Jsonb({"patterns": ["(unclosed"]})
            await tx.execute("UPDATE automod_rules SET config = %s WHERE id = 2", (config,))
        await town.admin.slash(town.general, "/automod rules").wait_reply()
        await to_look_at(town)  # reads the rules again
        broken = "⚠️ A rule cannot work"
        await wait_notices(town, broken, 1)
        assert "`#2` **Odd \\*one\\***" in notices(town, broken)[0]
    async with offstage.bot():  # a restart forgets nothing
        await to_look_at(town)
        await add_rule(town, "add_caps_rule", name="caps")
        assert await town.is_gone(town.member.say(town.general, "tea"))
        await town.wait_log()
        assert len(notices(town, broken)) == 1
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE operational_events SET created_at = created_at - interval '25 hours'")
    async with offstage.bot():
        await to_look_at(town)
        await wait_notices(town, broken, 2)


async def test_the_end_of_premium_is_told_once(database_url: str, pool: Pool) -> None:
    async with stage(database_url, environment={"PREMIUM_CACHE_TTL_SECONDS": "0"}) as offstage:
        await grant_premium(offstage, pool)
        async with offstage.bot():
            town = await moderated(offstage, pool)
            await add_rule(town, "add_regex_rule", name="pattern", patterns="te+a")
            await add_rule(town, "add_badwords_rule", name="words", words="milk")
            assert await town.is_gone(town.member.say(town.general, "teeea"))
            ended = "⏸️ Rules are paused"
            for times in (1, 2):
                await subscribe(pool, "expired")
                assert await town.is_gone(town.member.say(town.general, "milk"))
                await wait_notices(town, ended, times)
                assert await town.is_gone(town.member.say(town.general, "milk"))
                await subscribe(pool, "active")
                assert await town.is_gone(town.member.say(town.general, "tea"))
                assert len(notices(town, ended)) == times
            assert "`#1` **pattern**" in notices(town, ended)[0]
            assert "`#2`" not in notices(town, ended)[0]


async def subscribe(pool: Pool, status: str) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE premium_subs SET status = %s", (status,))


async def test_help_and_the_list_of_commands_know_automod(play: Stage, pool: Pool) -> None:
    town = Moderated(play, pool)
    shown = await town.member.slash(town.general, "/help").wait_reply()
    assert "`/automod status` — " in shown["embeds"][0]["fields"][0]["value"]
    listed = await town.member.slash(town.general, "/commands").wait_reply()
    assert "/automod" not in str(listed["embeds"])
    everything = await town.member.slash(town.general, "/commands", include_admin=True).wait_reply()
    [values] = [
        field["value"] for field in everything["embeds"][0]["fields"] if field["name"] == "🔐 🛡️ AutoMod"
    ]
    assert "`/automod add_badwords_rule` — " in values


async def test_moderation_39_who_is_erased_leaves_their_rules_behind(
    offstage: Stage, pool: Pool, database_url: str
) -> None:
    async with offstage.bot():
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="words", words="tea")
        assert await town.is_gone(town.member.say(town.general, "tea"))
        assert await town.is_gone(town.person("grace").say(town.general, "tea"))
        await town.wait_delivered(2)

    def forget_both() -> None:
        with psycopg.connect(database_url) as connection:
            for person in (town.member, town.admin):  # one wrote, the other made the rule
                erase(connection, person.id)

    await trio.to_thread.run_sync(forget_both)
    [left] = await log_rows(pool)
    assert left["user_id"] == town.person("grace").id
    async with pool.transaction("test") as tx:
        history = await tx.fetch_all("SELECT user_id FROM automod_user_history")
        rules = await tx.fetch_all("SELECT name, created_by FROM automod_rules")
        actions = await tx.fetch_all("SELECT action_type, created_by FROM automod_actions")
    assert history == [(town.person("grace").id,)]
    assert (rules, actions) == ([("words", None)], [("delete", None)])
    async with offstage.bot():  # and the rule still judges
        assert await town.is_gone(town.member.say(town.general, "tea"))


async def test_moderation_24_what_is_told_again_is_dealt_with_once(offstage: Stage, pool: Pool) -> None:
    async with offstage.bot():
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="words", words="tea")
        offstage.sandbox.faults.arm_gateway(GatewayFault.DUPLICATE, times=1)
        assert await town.is_gone(town.member.say(town.general, "tea"))
        await town.wait_delivered(1)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET mark = 1")  # so that the resume replays everything
    async with offstage.bot():
        assert await town.is_gone(town.member.say(town.general, "more tea"))
        await town.wait_delivered(2)
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT total_points FROM automod_user_history") == 2
        assert await tx.fetch_value("SELECT triggers_count FROM automod_stats") == 2
