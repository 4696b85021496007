"""What engagement does to members (spec/engagement.md 4.2, 4.3, 4.5, 5.3 and 5.5; scenarios 22 to 30)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.sandbox.faults import RestFault
from tests.acceptance.engagement import Town
from tests.support.bot import Stage, described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

EMOJI = "⚜"
NICK = "PATCH /guilds/{guild_id}/members/{user_id}"
GIVE = "PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}"
REACT = "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me"
GRANTS = "SELECT user_id, badge_key, source FROM engagement_badges ORDER BY id"


@pytest.fixture
async def town(play: Stage, pool: Pool) -> Town:
    return Town(play, pool)


def nick_calls(town: Town) -> int:
    return len(town.stage.sandbox.requests.of(NICK))


async def test_scenarios_29_and_30_badges_and_the_roles_that_go_with_them(town: Town) -> None:
    alan, margaret = town.person("alan").id, town.person("margaret").id
    off = await town.run("ada", "/badge give", member=alan, badge_key="winner")
    assert "`/engagement toggle feature:badges enabled:True`" in described(off)
    await town.configure("toggle", feature="badges_enabled", enabled=True)
    assert described(await town.run("alan", "/badge list")) == "No badges yet."

    # 29: the role, and the row.
    role = town.role("Winner")
    await town.configure("set_badge_role", badge_key="Winner ", role=role)
    given = await town.run("ada", "/badge give", member=alan, badge_key="Winner ")
    assert title_of(given) == "Badge given"
    assert role in town.roles_of("alan")
    await town.run("ada", "/badge give", member=alan, badge_key="winner")
    assert await town.rows(GRANTS) == [(alan, "winner", None)] * 2
    listed = await town.run("margaret", "/badge list", member=alan)
    assert (title_of(listed), described(listed)) == ("🎖 Alan", "• `winner` ×2")

    # 30: somebody who does not rank above the role, and somebody who may give no roles.
    high = town.role("High", level="Administrator")
    await town.configure("set_badge_role", badge_key="high", role=high)
    world, guild = town.stage.demo.world, town.stage.demo.world.guilds.get(town.guild_id)
    moderator = town.stage.demo.roles["Moderator"]
    manage_roles = str(int(guild.roles[moderator]["permissions"]) | 1 << 28)
    world.roles.edit(town.admin.id, town.guild_id, moderator, {"permissions": manage_roles})
    before = len(town.stage.sandbox.requests.of(GIVE))
    refused = await town.run("grace", "/badge give", member=margaret, badge_key="high")
    assert "only roles below your own" in described(refused)
    not_allowed = await town.run("alan", "/badge give", member=margaret, badge_key="winner")
    assert "*Manage Roles*" in described(not_allowed)
    assert "small letters" in described(
        await town.run("grace", "/badge give", member=margaret, badge_key="a b")
    )
    assert len(town.stage.sandbox.requests.of(GIVE)) == before
    assert len(await town.rows(GRANTS)) == 2
    assert (
        title_of(await town.run("grace", "/badge give", member=margaret, badge_key="winner")) == "Badge given"
    )

    # Discord refuses the role: no badge. The role is gone: the badge, and a word about it.
    town.stage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route=GIVE, status=403)
    failed = await town.run("ada", "/badge give", member=alan, badge_key="high")
    assert "I may not" in described(failed)
    world.roles.delete(town.admin.id, town.guild_id, high)
    gone = await town.run("ada", "/badge give", member=alan, badge_key="high")
    assert "does not exist any more" in described(gone)
    assert (await town.rows(GRANTS))[-1] == (alan, "high", None)


async def test_scenarios_26_to_28_og_claims(town: Town) -> None:
    alan, margaret = town.person("alan"), town.person("margaret")
    assert "og_claims" in described(await town.run("ada", "/og status"))
    await town.configure("toggle", feature="og_enabled", enabled=True)
    await town.configure("set_og_cap", cap=1)
    await town.configure("set_og_text", text="  ")
    assert "*Manage Server*" in described(await town.run("alan", "/og setup"))

    # The reaction fails: the message goes again, and there is no setup.
    town.stage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route=REACT, status=403)
    failed = await town.run("ada", "/og setup")
    assert "Nothing has changed" in described(failed)
    assert "There is no message" in described(await town.run("alan", "/og status"))
    assert not [m for m in alan.visible_messages(town.general) if "Be an OG" in m["content"]]

    # 28: the built-in text with the cap.
    assert title_of(await town.run("ada", "/og setup")) == "OG claims are open"
    posted = await alan.wait_message(town.general, lambda m: "Be an OG" in m["content"])
    assert "one of 1 place" in posted["content"]
    message_id = int(posted["id"])
    assert [reaction["emoji"]["name"] for reaction in posted["reactions"]] == [EMOJI]

    # 26: one claim; the other's reaction is deleted, and a DM sent.
    alan.react(town.general, message_id, EMOJI)
    await town.wait_rows(1, "SELECT FROM engagement_og_claims WHERE user_id = %s", alan.id)
    margaret.react(town.general, message_id, EMOJI)
    told = await margaret.wait_message(
        margaret.direct(town.stage.demo.application_id), lambda m: "are taken" in m["content"]
    )
    assert told["author"]["id"] == str(town.stage.demo.application_id)
    people = town.stage.demo.world.reactions.people
    await wait_until(
        lambda: str(margaret.id) not in {u["id"] for u in people(alan.id, town.general, message_id, EMOJI)},
        what="the removal of the reaction",
    )

    # 27: once more, one claim and one badge; and the role that was set meanwhile.
    role = town.role("OG")
    await town.configure("set_badge_role", badge_key="og", role=role)
    alan.unreact(town.general, message_id, EMOJI)
    alan.react(town.general, message_id, EMOJI)
    await wait_until(lambda: role in town.roles_of("alan"), what="the role")
    assert await town.rows(GRANTS) == [(alan.id, "og", "og")]
    assert "**1 of 1** places are taken; **0** left" in described(await town.run("grace", "/og status"))

    # The message is deleted: nothing claims any more.
    await town.configure("set_og_cap", cap=5)
    town.admin.delete(town.general, message_id)
    await town.wait_rows(0, "SELECT FROM engagement_og_setup")
    status = described(await town.run("grace", "/og status"))
    assert "**1 of 5** places are taken; **4** left" in status
    assert "There is no message" in status


async def test_scenarios_22_24_and_25_nicknames_follow_streaks(town: Town) -> None:
    alan, margaret, ada = (town.person(name) for name in ("alan", "margaret", "ada"))
    world = town.stage.demo.world
    world.members.edit(ada.id, town.guild_id, alan.id, {"nick": "Pixel | 🐣 day 6"})
    world.members.edit(ada.id, town.guild_id, margaret.id, {"nick": "B" * 22 + " | 🐣 day 3"})
    today = datetime.now(UTC).date()
    async with town.pool.transaction("test") as tx:
        for user_id, base, ago, days in (
            (alan.id, "Pixel", 1, 6),
            (margaret.id, "B" * 30, 3, 3),
            (ada.id, "Ada", 1, 6),
        ):
            await tx.execute(
                "INSERT INTO engagement_streaks (guild_id, user_id, last_day, current_days, base_nickname)"
                " VALUES (%s, %s, %s, %s, %s)",
                (town.guild_id, user_id, today - timedelta(days=ago), days, base),
            )
    await town.configure("toggle", feature="streaks_enabled", enabled=True)
    await town.configure("set_streaks_nicknames", enabled=True)
    before = nick_calls(town)
    for person in (alan, margaret, ada):
        person.say(town.general, "hello")
    await wait_until(lambda: town.nick_of("alan") == "Pixel | 🔥 week 1", what="the nickname")
    await wait_until(lambda: town.nick_of("margaret") == "B" * 22 + " | 🐣 day 1", what="the nickname")
    streaks = "SELECT user_id, current_days, base_nickname FROM engagement_streaks WHERE last_day = %s"
    rows = await town.wait_rows(3, streaks, today)
    assert set(rows) == {
        (alan.id, 7, "Pixel"),
        (margaret.id, 1, "B" * 30),
        (ada.id, 7, "Ada Lovelace"),
    } or set(rows) == {(alan.id, 7, "Pixel"), (margaret.id, 1, "B" * 30), (ada.id, 7, "Ada")}
    # 25: of the owner, no call; and none for another message of the same day.
    alan.say(town.general, "hello again")
    assert nick_calls(town) == before + 2

    # 24: switched off, they get their names back.
    await town.configure("set_streaks_nicknames", enabled=False)
    await wait_until(lambda: town.nick_of("alan") == "Pixel", what="the old name")
    await wait_until(lambda: town.nick_of("margaret") == "B" * 30, what="the old name")


async def test_settings_are_changed_shown_and_recorded(town: Town) -> None:
    logs = town.stage.demo.channels["logs"]
    await town.run("ada", "/system set_log_channel", channel=logs)
    role = town.role("Champion")
    saved: dict[str, dict[str, Any]] = {
        "toggle": {"feature": "weekly_enabled", "enabled": True},
        "set_challenge_winner_role": {"role": role},
        "set_weekly_channel": {"channel": town.general},
        "set_food_channels": {"channel_ids": f"<#{town.general}>, {town.stage.demo.channels['support']}"},
        "set_weekly_awards": {"json_config": '[{"key": "talk", "label": "Talker", "filter": "non_food"}]'},
        "set_badge_role": {"badge_key": "my-own", "role": role},
        "set_og_cap": {"cap": 7},
        "set_og_text": {"text": "Claim it"},
        "set_streaks_nicknames": {"enabled": True},
    }
    for command, options in saved.items():
        await town.configure(command, **options)
    await town.admin.wait_message(logs, lambda m: bool(m["embeds"]) and "streaks_nicknames" in described(m))
    recorded = [described(m) for m in town.admin.visible_messages(logs) if "Engagement" in title_of(m)]
    assert f"`engagement.badge_role_my-own` → <@&{role}>\nBy <@{town.admin.id}>" in recorded
    assert len(recorded) == len(saved)

    shown = await town.run("ada", "/engagement show")
    fields = {field["name"]: field["value"] for field in shown["embeds"][0]["fields"]}
    assert title_of(shown) == "⚡ Engagement"
    assert "`weekly`: ✅ on" in fields["Features"]
    assert "`og_claims`: ⛔ off" in fields["Features"]
    assert f"Challenge winner: <@&{role}>" in fields["Roles"]
    assert "OG: ❌ not set" in fields["Roles"]
    assert f"Weekly awards: <#{town.general}>" in fields["Channels"]
    assert f"<#{town.stage.demo.channels['support']}>" in fields["Channels"]
    assert fields["Awards"] == "1 (your own)"
    assert fields["Streaks and OG"] == "Streaks in nicknames: ✅ on\nOG places: 7"
    assert f"`my-own`: <@&{role}>" in fields["Badges (1 with a role)"]

    refused: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("set_food_channels", {"channel_ids": "1, <#2>"}, "no channels here"),
        ("set_weekly_awards", {"json_config": "[{}]"}, "cannot be used"),
        ("set_badge_role", {"badge_key": "not a key"}, "no badge"),
        ("set_badge_role", {"badge_key": "x", "role": town.stage.demo.roles["Alphapy"]}, "cannot be saved"),
    )
    for command, options, said in refused:
        assert said in title_of(await town.run("ada", f"/engagement {command}", **options)), command
    for command in ("set_challenge_winner_role", "set_weekly_channel", "set_food_channels", "set_og_text"):
        await town.configure(command)
    await town.configure("set_weekly_awards", json_config="[]")
    await town.configure("set_badge_role", badge_key="my-own")
    stored = "SELECT key FROM bot_settings WHERE scope = 'engagement' ORDER BY key"
    assert await town.rows(stored) == [("og_cap",), ("streaks_nicknames",), ("weekly_enabled",)]
    denied = await town.person("linus").slash(town.general, "/engagement show").wait_reply()
    assert title_of(denied) == "⚡ Engagement"
