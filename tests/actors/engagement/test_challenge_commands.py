"""``/challenge`` as members see it (spec/engagement.md 4.1)."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from alphapy.actors.engagement.challenge_messages import Place, Standing
from alphapy.actors.engagement.challenge_texts import status_embeds
from alphapy.gateway.models.guild import Permissions
from alphapy.pure.engagement.challenges import Challenge, Mode
from alphapy.pure.ids import ChannelId, UserId
from tests.actors.engagement.challenge_house import CHANNEL, SYSTEM, House, guild
from tests.support.clock import START
from tests.support.interactions import Given

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

ROWS = (
    "SELECT title, mode, channel_id, ends_at - started_at FROM engagement_challenges WHERE active ORDER BY id"
)
COUNTS = "SELECT user_id, message_count FROM engagement_participants ORDER BY user_id"
THIRTY, A_BOT = Given(6, "30"), Given(6, "50")


async def test_scenario_1_start_says_what_was_started(pool: Pool) -> None:
    async with House(pool).open() as house:
        answer = await house.run(
            "start", duration="3h30m", channel=Given(7, str(SYSTEM)), title=" *Go* @everyone "
        )
        assert await house.rows(ROWS) == [
            ("*Go* @everyone", "leaderboard", SYSTEM, timedelta(seconds=12_600))
        ]
        assert not answer.ephemeral
        for part in ("**3h30m**", f"<#{SYSTEM}>", "leaderboard", "`#1`", "**\\*Go\\***"):
            assert part in answer.text
        assert "@everyone" not in answer.text
        assert answer.data["allowed_mentions"]["parse"] == []


async def test_scenario_2_a_bad_duration_creates_nothing_and_none_is_a_day(pool: Pool) -> None:
    async with House(pool).open() as house:
        answer = await house.run("start", duration="soon")
        assert answer.ephemeral
        assert "`soon` cannot be used" in answer.text
        assert await house.rows(ROWS) == []
        await house.run("start", mode="random", title="  ")
        assert await house.rows(ROWS) == [(None, "random", CHANNEL, timedelta(days=1))]


async def test_scenario_3_who_may_not_manage_the_server_changes_nothing(pool: Pool) -> None:
    async with House(pool).open() as house:
        await house.run("start")
        for path in ("start", "end", "cancel", "edit"):
            options = {"field": "mode"} if path == "edit" else {}
            answer = await house.run(path, Permissions.MANAGE_MESSAGES, **options)
            assert answer.ephemeral
            assert "*Manage Server*" in answer.text
        assert len(await house.rows(ROWS)) == 1
        answer = await house.run("status", Permissions(0))
        assert "Challenge #1" in answer.text
        await house.run("cancel", Permissions.ADMINISTRATOR)
        assert await house.rows(ROWS) == []


async def test_scenario_9_another_challenge_is_never_taken_instead(pool: Pool) -> None:
    async with House(pool).open() as house:
        assert "No challenge is running" in (await house.run("end")).text
        async with pool.transaction("test") as tx:
            await tx.execute("INSERT INTO engagement_challenges (guild_id, ends_at) VALUES (777, 'infinity')")
        await house.run("start")
        for path in ("end", "cancel"):
            for challenge_id in (999, 1):
                answer = await house.run(path, challenge_id=challenge_id)
                assert answer.ephemeral
                assert f"no active challenge `#{challenge_id}` here" in answer.text
        assert len(await house.rows(ROWS)) == 2
        answer = await house.run("end", challenge_id=2)
        assert not answer.ephemeral
        assert "`#2` has ended. Nobody took part" in answer.text
        answer = await house.run("cancel", challenge_id=2)
        assert answer.ephemeral
        assert "Challenge `#2` has already ended" in answer.text


async def test_end_and_cancel_confirm_to_everybody(pool: Pool) -> None:
    async with House(pool).open() as house:
        await house.run("start", title="One")
        house.post(10)
        answer = await house.run("end")
        assert not answer.ephemeral
        assert "`#1` **One** has ended. <@10> wins with 1 message." in answer.text
        await house.run("start", mode="random")
        house.post(10)
        assert "<@10> was drawn from 1 participant." in (await house.run("end")).text
        await house.run("start")
        answer = await house.run("cancel")
        assert not answer.ephemeral
        assert "`#3` is cancelled" in answer.text
        await house.settled()
        assert len(house.discord.posts) == 2


async def test_scenario_11_edit_set_count(pool: Pool) -> None:
    async with House(pool).open() as house:
        await house.run("start", mode="random")
        answer = await house.run("edit", field="set_count", member=THIRTY, set_count=12)
        assert answer.ephemeral
        assert "drawn by lot" in answer.text
        await house.run("edit", field="mode", mode="leaderboard")
        answer = await house.run("edit", field="set_count", member=THIRTY, set_count=12)
        assert answer.ephemeral
        assert "<@30> has 12 messages now" in answer.text
        assert await house.rows(COUNTS) == [(30, 12)]


async def test_every_edit_answers_what_it_did(pool: Pool) -> None:
    async with House(pool).open() as house:
        assert "No challenge is running" in (await house.run("edit", field="mode", mode="random")).text
        await house.run("start")
        house.clock.advance(60)
        said = {
            "mode": (await house.run("edit", field="mode", mode="random")).text,
            "add": (await house.run("edit", field="add_participant", member=THIRTY)).text,
            "duration": (await house.run("edit", field="duration", duration="90s")).text,
            "title": (await house.run("edit", field="title", title=" New _one_ ", challenge_id=1)).text,
            "remove": (await house.run("edit", field="remove_participant", member=THIRTY)).text,
            "again": (await house.run("edit", field="remove_participant", member=THIRTY)).text,
        }
        assert "the mode is now random draw" in said["mode"]
        assert "<@30> takes part" in said["add"]
        assert "ends in 1m30s" in said["duration"]
        assert "“New \\_one\\_”" in said["title"]
        assert "does not take part any more" in said["remove"]
        assert "does not take part in it" in said["again"]
        assert await house.rows(ROWS) == [("New _one_", "random", CHANNEL, timedelta(seconds=150))]


@pytest.mark.parametrize(
    ("field", "options", "missing"),
    [
        ("mode", {}, "mode"),
        ("duration", {}, "duration"),
        ("title", {"title": "  "}, "title"),
        ("add_participant", {}, "member"),
        ("remove_participant", {}, "member"),
        ("set_count", {"set_count": 3}, "member"),
        ("set_count", {"member": THIRTY}, "set_count"),
    ],
)
async def test_an_edit_names_what_is_missing(
    pool: Pool, field: str, options: dict[str, Any], missing: str
) -> None:
    async with House(pool).open() as house:
        await house.run("start")
        answer = await house.run("edit", field=field, **options)
        assert answer.ephemeral
        assert f"needs the option `{missing}`" in answer.text


async def test_bots_bad_durations_and_high_counts_are_refused(pool: Pool) -> None:
    async with House(pool).open() as house:
        await house.run("start")
        assert "Bots do not" in (await house.run("edit", field="add_participant", member=A_BOT)).text
        assert "no duration" in (await house.run("edit", field="duration", duration="366d")).text
        answer = await house.run("edit", field="set_count", member=THIRTY, set_count=1_000_001)
        assert "`set_count` must be a number from 0 to 1,000,000" in answer.text
        assert await house.rows(COUNTS) == []


async def test_where_a_challenge_can_run(pool: Pool) -> None:
    life = House(pool)
    async with life.open() as house:
        answer = await house.run("start", channel=Given(7, "203"))
        assert "`channel` must be" in answer.text, "a voice channel"
        house.guilds.apply(guild(permissions=Permissions.VIEW_CHANNEL))
        answer = await house.run("start")
        assert f"<#{CHANNEL}>: *Send Messages*" in answer.text
        house.guilds.apply(guild())
        found = house.guilds.get(guild().id)
        assert found is not None
        del found.channels[CHANNEL]
        assert "text or announcement channel" in (await house.run("start")).text
        assert await house.rows(ROWS) == []


async def test_an_eleventh_challenge_is_refused(pool: Pool) -> None:
    async with House(pool).open() as house:
        for number in range(10):
            await house.run("start", title=str(number))
        answer = await house.run("start")
        assert answer.ephemeral
        assert "10 challenges are running" in answer.text


async def test_switched_off_it_names_the_command_that_switches_it_on(pool: Pool) -> None:
    async with House(pool, challenges_enabled=False).open() as house:
        for path in ("start", "end", "cancel", "status"):
            answer = await house.run(path, Permissions(0))
            assert answer.ephemeral
            assert "`/engagement toggle feature:challenges enabled:True`" in answer.text


async def test_suggestions(pool: Pool) -> None:
    async with House(pool).open() as house:
        for number in range(10):
            await house.run("start", title=str(number))
        await house.run("cancel", challenge_id=2)
        ids = await house.suggestions("end", "challenge_id", "")
        assert [choice["value"] for choice in ids] == [1, *range(3, 11)]
        assert ids[0]["name"] == "#1"
        assert [choice["value"] for choice in await house.suggestions("cancel", "challenge_id", "1")] == [
            1,
            10,
        ]
        durations = await house.suggestions("start", "duration", " 1D")
        assert durations == [{"name": "1d", "value": "86400"}]
        assert len(await house.suggestions("edit", "duration", "")) == 9


async def test_status_shows_every_challenge_with_a_chart_that_is_described(pool: Pool) -> None:
    async with House(pool).open() as house:
        assert "No challenge is running" in (await house.run("status")).text
        await house.run("start", duration="200", title="The *first*")
        await house.run("start", mode="random")
        await house.run("start", channel=Given(7, str(SYSTEM)))
        for user_id, name in ((10, "Ana\u202e\n👨‍👩‍👧"), (20, "x" * 4000), (10, "Ana\u202e\n👨‍👩‍👧")):
            house.post(user_id, name=name)
        house.clock.advance(100)
        answer = await house.run("status", Permissions(0))
        assert answer.ephemeral
        first, second, third = answer.embeds
        assert [embed["title"] for embed in answer.embeds] == [f"📊 Challenge #{n}" for n in (1, 2, 3)]
        assert first["color"] == 0x3498DB
        assert first["description"] == "Active · mode: leaderboard · 2 participants"
        fields = {field["name"]: field["value"] for field in first["fields"]}
        epoch = int((START + timedelta(seconds=200)).timestamp())
        assert fields == {
            "Title": "The \\*first\\*",
            "Channel": f"<#{CHANNEL}>",
            "End time": f"<t:{epoch}:F> (<t:{epoch}:R>)",
            "Progress": "`" + "█" * 10 + "░" * 10 + "`",
            "Top 5": "1. <@10>: 2 messages\n2. <@20>: 1 message",
        }
        assert not any(field["inline"] for field in first["fields"])
        assert "Top 5" not in {field["name"] for field in second["fields"]}
        assert third["fields"][-1]["value"] == "Nobody has posted yet."
        # The first one alone has something to draw.
        assert [embed.get("image") for embed in answer.embeds] == [
            {"url": "attachment://challenge-1.png"},
            None,
            None,
        ]
        ((name, description),) = [
            (found["filename"], found["description"]) for found in answer.data["attachments"]
        ]
        assert name == "challenge-1.png"
        assert description.startswith("Bar chart, the top 2 of challenge #1: 1. Ana")
        assert "2 messages; 2. xxx" in description


async def test_after_a_restart_the_chart_asks_discord_who_they_are(pool: Pool) -> None:
    first = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO engagement_challenges (guild_id, channel_id, ends_at) VALUES (100, 200, '2030-1-1')"
        )
        await tx.execute(
            "INSERT INTO engagement_participants (challenge_id, user_id, message_count)"
            " VALUES (1, 10, 3), (1, 20, 2)"
        )
    first.discord.members = {10: "Ana"}
    async with first.open() as house:
        answer = await house.run("status")
        ((description, file),) = zip(
            (found["description"] for found in answer.data["attachments"]), answer.files, strict=True
        )
        assert description.endswith("1. Ana: 3 messages; 2. User 20: 2 messages.")
        with Image.open(io.BytesIO(file.content)) as image:
            assert image.format == "PNG"


def test_what_does_not_fit_into_a_message_is_left_out() -> None:
    standings = [
        Standing(
            challenge=Challenge(
                id=number,
                channel_id=ChannelId(2**62),
                mode=Mode.LEADERBOARD,
                title="t" * 1024,
                started_at=START,
                ends_at=START + timedelta(days=1),
            ),
            participants=5,
            top=tuple(Place(UserId(2**62 + n), 1_000_000, "") for n in range(5)),
        )
        for number in range(1, 13)
    ]
    embeds = status_embeds(standings, START)
    assert sum(embed.size for embed in embeds) <= 6000
    assert len(embeds) == 4
    short = [Standing(challenge=standings[0].challenge, participants=0)] * 12
    assert len(status_embeds(short, START)) == 4
