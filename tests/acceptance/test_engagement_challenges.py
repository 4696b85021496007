"""Challenges from a member's point of view (spec/engagement.md 4.1, 5.2; scenarios 1, 3 to 7, 13 and 31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.faults import RestFault
from tests.acceptance.engagement import Town
from tests.support.bot import described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage

CHALLENGES = "SELECT id, active, outcome, winner_id, messages_count FROM engagement_challenges ORDER BY id"
COUNTS = "SELECT user_id, message_count FROM engagement_participants ORDER BY message_count DESC, user_id"
LENGTHS = "SELECT mode, extract(epoch FROM ends_at - started_at)::int FROM engagement_challenges"


def announcements(town: Town) -> list[JSON]:
    return [
        message for message in town.admin.visible_messages(town.general) if title_of(message).startswith("🏆")
    ]


async def test_scenarios_1_3_4_13_and_31_a_challenge_from_its_start_to_its_announcement(
    play: Stage, pool: Pool
) -> None:
    town = Town(play, pool)
    alan, margaret = town.person("alan"), town.person("margaret")
    off = await town.run("ada", "/challenge start")
    assert "`/engagement toggle feature:challenges enabled:True`" in described(off)
    await town.configure("toggle", feature="challenges_enabled", enabled=True)
    role = town.role("Champion")
    await town.configure("set_challenge_winner_role", role=role)

    # 1: public, with everything said.
    started = await town.run("ada", "/challenge start", duration="3h30m", title="Say *hello*")
    for part in ("**3h30m**", f"<#{town.general}>", "leaderboard", "Say \\*hello\\*"):
        assert part in described(started)
    assert await town.rows(LENGTHS) == [("leaderboard", 12_600)]

    # 3: not for everybody.
    assert "*Manage Server*" in described(await town.run("alan", "/challenge end"))

    for text in ("one", "two"):
        alan.say(town.general, text)
        margaret.say(town.general, text)
    await town.wait_rows(2, COUNTS)
    await wait_until(lambda: counts_are(town, [2, 2]), what="the counts in the table")

    # The picture, and what it says to those who do not see it.
    status = await town.run("alan", "/challenge status")
    (attachment,) = status["attachments"]
    assert attachment["content_type"] == "image/png"
    assert attachment["description"].endswith(": 2 messages.")
    assert "Alan: 2 messages" in attachment["description"]
    assert status["embeds"][0]["image"]["url"] == f"attachment://{attachment['filename']}"

    # 31: what is switched off anywhere is off within two seconds.
    await town.rows(
        "INSERT INTO bot_settings (guild_id, scope, key, value)"
        " VALUES (%s, 'engagement', 'enabled', 'false') RETURNING key",
        town.guild_id,
    )

    async def is_off() -> bool:
        answer = await town.run("alan", "/challenge status")
        return "`engagement` is off" in str(answer["content"])

    await wait_until(is_off, what="the notice that engagement is off")
    alan.say(town.general, "not counted")
    await town.rows("DELETE FROM bot_settings WHERE key = 'enabled' RETURNING key")

    async def is_on() -> bool:
        return title_of(await town.run("alan", "/challenge status")).startswith("📊")

    await wait_until(is_on, what="engagement being on")

    # 4 and 13: the lowest id, a badge, an embed, and the role.
    ended = await town.run("ada", "/challenge end")
    winner = min(alan.id, margaret.id)
    assert f"<@{winner}> wins with 2 messages." in described(ended)
    assert await town.rows(CHALLENGES) == [(1, False, "winner", winner, 2)]
    assert await town.rows("SELECT user_id, source FROM engagement_badges") == [(winner, "challenge:1")]
    await wait_until(lambda: len(announcements(town)) == 1, what="the announcement")
    name = "alan" if winner == alan.id else "margaret"
    await wait_until(lambda: role in town.roles_of(name), what="the role")
    (posted,) = announcements(town)
    assert title_of(posted) == "🏆 Say \\*hello\\*"
    assert posted["mentions"] == []
    assert posted["embeds"][0]["color"] == 0x2ECC71


async def counts_are(town: Town, counts: list[int]) -> bool:
    return [count for _, count in await town.rows(COUNTS)] == counts


async def test_scenarios_5_to_7_it_ends_while_the_bot_is_away_and_is_announced_once(
    offstage: Stage, pool: Pool
) -> None:
    town = Town(offstage, pool)
    async with offstage.bot():
        await town.configure("toggle", feature="challenges_enabled", enabled=True)
        await town.run("ada", "/challenge start", duration="1h")
        town.person("alan").say(town.general, "hello")
        await wait_until(lambda: counts_are(town, [1]), what="the count")
    # Away; meanwhile somebody posts, and the end passes.
    town.person("margaret").say(town.general, "hello")
    town.person("margaret").say(town.general, "anybody?")
    await town.rows(
        "UPDATE engagement_challenges SET ends_at = clock_timestamp() + interval '1 second' RETURNING id"
    )
    async with offstage.bot():
        await wait_until(lambda: len(announcements(town)) == 1, what="the announcement", within=40)
        assert await town.rows(CHALLENGES) == [(1, False, "winner", town.person("margaret").id, 2)]
    # Closed before it was posted: announced after the next start, and not again after that.
    await town.rows(
        "INSERT INTO engagement_challenges (guild_id, channel_id, mode, title, active, ends_at, ended_at,"
        " winner_id, messages_count, outcome)"
        " VALUES (%s, %s, 'leaderboard', 'Late', false, now(), now(), %s, 4, 'winner') RETURNING id",
        town.guild_id,
        town.general,
        town.person("alan").id,
    )
    async with offstage.bot():
        await wait_until(lambda: len(announcements(town)) == 2, what="the other announcement", within=40)

        async def is_noted() -> bool:
            query = "SELECT announce_message_id FROM engagement_challenges WHERE title = 'Late'"
            return await town.rows(query) == [(int(announcements(town)[-1]["id"]),)]

        await wait_until(is_noted, what="the note that it is announced")
    assert title_of(announcements(town)[-1]) == "🏆 Late"


async def test_what_was_posted_before_the_end_counts_however_late_it_is_read_back(
    offstage: Stage, pool: Pool
) -> None:
    """Away across the end, with a session that Discord refuses and a history that is slow to come."""
    town = Town(offstage, pool)
    async with offstage.bot():
        await town.configure("toggle", feature="challenges_enabled", enabled=True)
        await town.run("ada", "/challenge start", duration="1h")
        town.person("alan").say(town.general, "hello")
        await wait_until(lambda: counts_are(town, [1]), what="the count")
    for text in ("hello", "anybody?"):
        town.person("margaret").say(town.general, text)
    await town.rows("UPDATE engagement_challenges SET ends_at = clock_timestamp() RETURNING id")
    await town.rows("UPDATE gateway_sessions SET session_id = 'forgotten' RETURNING shard_id")
    route = "GET /channels/{channel_id}/messages"
    where = {"channel_id": str(town.general)}
    offstage.sandbox.faults.arm_rest(RestFault.SLOW, route=route, where=where, seconds=4.0)
    async with offstage.bot():
        await wait_until(lambda: len(announcements(town)) == 1, what="the announcement", within=40)
    assert await town.rows(CHALLENGES) == [(1, False, "winner", town.person("margaret").id, 2)]
