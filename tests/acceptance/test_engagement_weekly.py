"""Weekly awards through the whole bot (spec/engagement.md 4.4 and 5.4; scenarios 14, 16, 17 and 20)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from alphapy.pure.engagement.periods import completed
from alphapy.sandbox.world.files import Upload
from tests.acceptance.engagement import Town
from tests.support.bot import JSON, Stage, described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.storage.pool import Pool

AWARDS = [
    {"key": "writer", "label": "✍️ Writer", "filter": "non_food", "subtitle": "Most messages"},
    {"key": "star", "label": "⭐ Star", "filter": "reactions"},
]


@pytest.fixture
async def town(play: Stage, pool: Pool) -> Town:
    return Town(play, pool)


def photo(town: Town, person: Person) -> int:
    upload = Upload(number=0, filename="sunset.png", content_type="image/png", data=b"PNG")
    found = town.stage.demo.world.messages.create(person.id, town.general, {"content": "look"}, [upload])
    return int(found["id"])


def announcements(town: Town) -> list[JSON]:
    return [
        message
        for message in town.admin.visible_messages(town.general)
        if title_of(message).endswith("\N{EM DASH} Weekly awards")
    ]


async def index_of_last_week(town: Town, count: int) -> None:
    """Once so many posts are in the index, let them be of the week that is over."""
    await town.wait_rows(count, "SELECT FROM engagement_weekly_messages")
    last_week = completed(datetime.now(UTC)).end - timedelta(days=1)
    async with town.pool.transaction("test") as tx:
        await tx.execute("UPDATE engagement_weekly_messages SET created_at = %s", (last_week,))


async def test_scenarios_16_17_and_20_the_week_is_announced_and_computed_again(town: Town) -> None:
    ada, alan, margaret = (town.person(name) for name in ("ada", "alan", "margaret"))
    assert "`/engagement toggle feature:weekly enabled:True`" in described(
        await town.run("ada", "/weekly compute")
    )
    await town.configure("toggle", feature="weekly_enabled", enabled=True)
    assert "*Manage Server*" in described(await town.run("alan", "/weekly compute"))

    nobody = await town.run("ada", "/weekly compute")
    assert "0 awards were given. There were no candidates" in described(nobody)
    assert nobody["attachments"] == []

    role = town.role("Star of the week")
    world = town.stage.demo.world
    world.members.set_role(ada.id, town.guild_id, margaret.id, role, has=True)
    awards = [AWARDS[0], {**AWARDS[1], "role_id": str(role)}]
    await town.configure("set_weekly_awards", json_config=json.dumps(awards))

    first, second = photo(town, alan), photo(town, margaret)
    alan.say(town.general, "hello")
    for person, message in ((ada, first), (margaret, first), (alan, first), (ada, second)):
        person.react(town.general, message, "🔥")
    await town.wait_rows(1, "SELECT FROM engagement_weekly_messages WHERE reactions_count = 2")
    await town.wait_rows(1, "SELECT FROM engagement_weekly_messages WHERE reactions_count = 1")
    await index_of_last_week(town, 3)

    # Nowhere to announce it, but the role passes from margaret to alan.
    assert "no channel is set" in described(await town.run("ada", "/weekly compute"))
    await wait_until(lambda: role in town.roles_of("alan"), what="the role")
    assert role not in town.roles_of("margaret")

    # 16: posted once, with a chart; the second computation says that nothing has changed.
    await town.configure("set_weekly_channel", channel=town.general)
    reply = await town.run("ada", "/weekly compute")
    assert "2 awards were given. The announcement was posted: https://discord.com/channels/" in described(
        reply
    )
    assert reply["attachments"][0]["filename"].endswith(".png")
    (post,) = announcements(town)
    assert described(reply).endswith(post["id"])
    text = described(post)
    assert f"**✍️ Writer**\n<@{alan.id}> — 2 messages\nMost messages" in text
    assert f"<@{alan.id}> — 2 reactions\nMessage `{first}`" in text
    assert post["embeds"][0]["color"] == 0xF1C40F
    assert "Writer: 2 messages; ⭐ Star: 2 reactions" in post["attachments"][0]["description"]
    again = await town.run("ada", "/weekly compute")
    assert "Nothing has changed since the announcement" in described(again)
    assert len(announcements(town)) == 1
    badges = "SELECT user_id, badge_key FROM engagement_badges ORDER BY badge_key"
    assert await town.rows(badges) == [(alan.id, "star"), (alan.id, "writer")]

    # 17: the photo is deleted; the star, the badge and the role go to the next, and the post is edited.
    alan.delete(town.general, first)
    await town.wait_rows(2, "SELECT FROM engagement_weekly_messages")
    assert "The announcement is updated" in described(await town.run("ada", "/weekly compute"))
    await wait_until(lambda: f"`{second}`" in described(announcements(town)[0]), what="the edit")
    await wait_until(lambda: role in town.roles_of("margaret"), what="the role")
    assert role not in town.roles_of("alan")
    assert len(announcements(town)) == 1
    assert (margaret.id, "star") in await town.rows(badges)
