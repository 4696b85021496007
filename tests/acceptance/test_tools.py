"""The small tools with the whole service (spec/engagement.md 4.8 to 4.10 and scenarios 37 to 39)."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from tests.support.bot import JSON, Stage, described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool


async def test_engagement_37_and_38_messages_are_posted_and_cleaned(play: Stage) -> None:
    """One start of the bot for what an admin and a moderator do with a channel."""
    await _posts_and_cleans(play)
    await _a_form_becomes_an_embed(play)


async def _posts_and_cleans(play: Stage) -> None:
    linus, grace, alan = play.person("linus"), play.person("grace"), play.person("alan")
    channel = play.demo.channels["introductions"]
    text = f"Hello <@{alan.id}>\\n@everyone"
    sent = await linus.slash(play.general, "/sendto", channel=channel, message=text).wait_reply()
    assert sent["content"] == f"✅ Posted in <#{channel}>."
    posted = await alan.wait_message(channel, lambda m: m["content"] == f"Hello <@{alan.id}>\n@everyone")
    assert [user["id"] for user in posted["mentions"]] == [str(alan.id)]
    refused = await alan.slash(channel, "/sendto", channel=channel, message="x").wait_reply()
    assert refused["content"].startswith("Only administrators")
    for number in range(3):
        alan.say(channel, f"noise {number}")
    refused = await alan.slash(channel, "/clean", limit=3).wait_reply()
    assert "manage messages" in refused["content"]
    cleaned = await grace.slash(channel, "/clean", limit=3).wait_reply()
    assert cleaned["content"] == "🧹 Deleted 3 messages."
    left = [message["content"] for message in alan.visible_messages(channel) if not message["flags"] & 64]
    assert left == [posted["content"]]
    cleaned = await grace.slash(channel, "/clean").wait_reply()
    assert cleaned["content"] == "🧹 Deleted 1 message."


async def _a_form_becomes_an_embed(play: Stage) -> None:
    linus = play.person("linus")
    channel = play.demo.channels["introductions"]
    form = await linus.slash(play.general, "/embed", channel=channel).wait_modal()
    done = await linus.submit(form, title="Welcome", description="To all", color="#3498DB").wait_reply()
    assert done["content"] == f"✅ Posted in <#{channel}>."
    posted = await linus.wait_message(channel, lambda m: title_of(m) == "Welcome")
    assert (described(posted), posted["embeds"][0]["color"]) == ("To all", 0x3498DB)
    form = await linus.slash(play.general, "/embed", channel=channel).wait_modal()
    refused = await linus.submit(
        form, title="t" * 256, description="d" * 4000, footer="f" * 2048
    ).wait_reply()
    assert "this one has 304 too many" in refused["content"]


async def test_engagement_39_the_quiz_is_played_in_a_channel_and_in_a_direct_message(
    play: Stage, pool: Pool
) -> None:
    alan, margaret = play.person("alan"), play.person("margaret")
    direct = margaret.direct(play.demo.application_id)
    for person, channel, answers in (
        (alan, play.general, ("0.38", "0,18", "dunno")),
        (margaret, direct, ("0.43", ".15", "0.33")),
    ):
        quiz = person.slash(channel, "/lotquiz")
        assert title_of(await quiz.wait_reply()) == "🎲 Lot size quiz"
        again = await person.slash(channel, "/lotquiz").wait_reply()
        assert "in the middle of a quiz" in again["content"]
        for count, answer in enumerate(answers, 2):
            person.say(channel, answer)
            reply = await quiz.wait_reply(count=count)
            assert reply["flags"] & 64
        last = quiz.messages[-1]
        assert last["embeds"][0]["fields"][0]["value"] == "2 of 3"

    async def saved() -> bool:
        async with pool.transaction("test") as tx:
            rows = await tx.fetch_all("SELECT user_id, score, total_questions FROM quiz_sessions ORDER BY id")
        return rows == [(alan.id, 2, 3), (margaret.id, 2, 3)]

    await wait_until(saved, what="the sessions")
    await _records_are_exported_and_imported(play, pool)


async def _records_are_exported_and_imported(play: Stage, pool: Pool) -> None:
    """For the bot's owner, in a direct message and in a guild."""
    ada, logs = play.person("ada"), play.demo.channels["logs"]
    direct = ada.direct(play.demo.application_id)
    empty = await ada.slash(direct, "/export_onboarding").wait_reply()
    assert "there is no file" in empty["content"]
    await ada.slash(play.general, "/system set_log_channel", channel=logs).wait_reply()
    body: JSON = {
        "embeds": [{"description": "Alan (4242)", "fields": [{"name": "Why?", "value": "=cmd"}]}],
    }
    play.demo.world.messages.create(play.demo.application_id, logs, body)
    ada.say(play.general, "!import_onboarding")
    await ada.wait_message(play.general, lambda m: m["content"].startswith("Done: the answers of 1 member"))
    exported = await ada.slash(play.general, "/export_onboarding").wait_reply()
    assert exported["flags"] & 64
    (attached,) = exported["attachments"]
    assert attached["filename"] == "onboarding_data.csv"
    content = play.demo.world.files.files[int(attached["id"])].data.decode()
    header, row = csv.reader(io.StringIO(content, newline=""))
    assert header == ["guild_id", "user_id", "responses", "timestamp"]
    assert row[:3] == [str(play.demo.guild_id), "4242", '{"Why?":"=cmd"}']
