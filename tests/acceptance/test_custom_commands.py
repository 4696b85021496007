"""Custom commands from a member's point of view (spec/moderation.md 4.4, 5.9, 6 and scenarios 29 to 35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bot import JSON, Stage, described, seen, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.storage.pool import Pool

HELLO: JSON = {
    "name": "Hello",
    "trigger_type": "exact",
    "trigger": "!hello",
    "response": "Hi {user.name} — {user}, use {uses}",
}


async def add(person: Person, channel: int, **changes: Any) -> JSON:
    return await person.slash(channel, "/cc add", **{**HELLO, **changes}).wait_reply()


async def answer(stage: Stage, content: str) -> JSON:
    return await stage.person("ada").wait_message(stage.general, lambda m: m["content"] == content)


async def test_moderation_29_a_trigger_in_any_case_is_answered_and_counted(play: Stage, pool: Pool) -> None:
    margaret = play.person("margaret")
    added = await add(play.person("ada"), play.general)
    assert title_of(added) == "Custom command added"
    said = margaret.say(play.general, "!HELLO")
    reply = await answer(play, f"Hi Margaret — <@{margaret.id}>, use 1")
    assert reply["message_reference"]["message_id"] == said["id"]
    assert [user["id"] for user in reply["mentions"]] == [str(margaret.id)]
    await wait_until(lambda: uses_are(pool, 1), what="the use in the table")


async def uses_are(pool: Pool, expected: int) -> bool:
    async with pool.transaction("test") as tx:
        row = await tx.fetch_one("SELECT name, uses FROM custom_commands")
    return row == ("hello", expected)


async def test_moderation_30_a_hostile_name_pings_nobody_and_expands_nothing(play: Stage) -> None:
    alan = play.person("alan")
    play.demo.world.members.edit(
        play.demo.owner_id, play.demo.guild_id, alan.id, {"nick": "@everyone {server}"}
    )
    await add(play.person("ada"), play.general, response="Hello {user.name}")
    alan.say(play.general, "!hello")
    reply = await answer(play, "Hello @everyone {server}")
    assert reply["mention_everyone"] is False


async def test_moderation_31_only_the_oldest_match_answers(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general, name="first", trigger_type="contains", trigger="tea", response="first")
    await add(ada, play.general, name="second", trigger_type="regex", trigger="t.a", response="second")
    play.person("alan").say(play.general, "more tea please")
    play.person("alan").say(play.general, "and a toa")
    await answer(play, "second")
    said = [m["content"] for m in ada.visible_messages(play.general)]
    assert said.count("first") == said.count("second") == 1


async def test_moderation_33_the_51st_command_is_refused(play: Stage, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response)
            SELECT %s, 'c' || n, 'exact', '!c' || n, 'r' FROM generate_series(1, 50) AS n
            """,
            (play.demo.guild_id,),
        )
    refused = await add(play.person("ada"), play.general)
    assert "at most 50" in described(refused)


async def test_moderation_34_a_delete_confirmation_survives_a_restart(offstage: Stage) -> None:
    ada = offstage.person("ada")
    async with offstage.bot():
        await add(ada, offstage.general)
        confirmation = await ada.slash(offstage.general, "/cc delete", name="hello").wait_reply()
    async with offstage.bot():
        await press(ada, confirmation, "Delete")
        await wait_until(lambda: title_of(seen(ada, confirmation)) == "Deleted", what="the deletion")
        listed = await ada.slash(offstage.general, "/cc list").wait_reply()
        assert title_of(listed) == "No custom commands yet"


async def press(person: Person, message: JSON, label: str) -> None:
    buttons = [button for row in message["components"] for button in row["components"]]
    custom_id = next(button["custom_id"] for button in buttons if button["label"] == label)
    await person.click(int(message["id"]), custom_id).wait_done()


async def test_a_cancelled_deletion_deletes_nothing(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general)
    confirmation = await ada.slash(play.general, "/cc delete", name="HELLO ").wait_reply()
    await press(ada, confirmation, "Cancel")
    assert title_of(seen(ada, confirmation)) == "Cancelled"
    assert seen(ada, confirmation)["components"] == []
    listed = await ada.slash(play.general, "/cc list").wait_reply()
    assert "**hello**" in described(listed)


async def test_moderation_35_a_form_that_is_out_of_date_overwrites_nothing(play: Stage) -> None:
    ada, linus = play.person("ada"), play.person("linus")
    await add(ada, play.general)
    late = await ada.slash(play.general, "/cc edit", name="hello").wait_modal()
    early = await linus.slash(play.general, "/cc edit", name="hello").wait_modal()
    saved = await linus.submit(early, trigger="!hi", response="from Linus").wait_reply()
    assert title_of(saved) == "Saved"
    conflict = await ada.submit(late, trigger="!hey", response="from Ada").wait_reply()
    assert title_of(conflict) == "Changed in the meantime"
    play.person("alan").say(play.general, "!hi")
    await answer(play, "from Linus")


async def test_the_form_is_filled_with_what_is_stored(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general, response="line one\nline two")
    modal = await ada.slash(play.general, "/cc edit", name="hello").wait_modal()
    assert {key: field["value"] for key, field in modal.fields.items()} == {
        "trigger": "!hello",
        "response": "line one\nline two",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a/b"}, "A name has 1 to 50 characters"),
        ({"name": "x" * 51}, "A name has 1 to 50 characters"),
        ({"trigger": "   "}, "A trigger has 1 to 200 characters"),
        ({"trigger": "x" * 201}, "A trigger has 1 to 200 characters"),
        ({"response": " "}, "A response has 1 to 1900 characters"),
        ({"response": "x" * 1901}, "A response has 1 to 1900 characters"),
        ({"trigger_type": "regex", "trigger": "(unclosed"}, "not a valid regular expression"),
        ({"trigger_type": "regex", "trigger": "(?=x)y"}, "does not support"),
        ({"trigger_type": "regex", "trigger": ".*"}, "match every message"),
    ],
)
async def test_what_cannot_be_stored_is_refused_with_a_reason(play: Stage, changes: JSON, words: str) -> None:
    refused = await add(play.person("ada"), play.general, **changes)
    assert words in described(refused)
    listed = await play.person("ada").slash(play.general, "/cc list").wait_reply()
    assert title_of(listed) == "No custom commands yet"


async def test_a_name_can_be_used_once(play: Stage) -> None:
    await add(play.person("ada"), play.general)
    again = await add(play.person("linus"), play.general, name=" HELLO ")
    assert title_of(again) == "That name is taken"


async def test_only_admins_manage_commands(play: Stage) -> None:
    refused = await add(play.person("margaret"), play.general)
    assert refused["content"] == "Only administrators of this server can use this."
    assert refused["flags"] & 64


async def test_names_are_suggested(play: Stage) -> None:
    ada = play.person("ada")
    for name in ("hello", "help", "bye"):
        await add(ada, play.general, name=name, trigger=f"!{name}")
    choices = await ada.autocomplete(play.general, "/cc view", "name", "HE")
    assert sorted(choice["value"] for choice in choices) == ["hello", "help"]


async def test_view_shows_the_command_verbatim(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general, response="```\n{user} *bold*")
    shown = await ada.slash(play.general, "/cc view", name="hello").wait_reply()
    fields = {field["name"]: field["value"] for field in shown["embeds"][0]["fields"]}
    assert fields["Trigger"] == "```\n!hello\n```"
    assert "{user} *bold*" in fields["Response"]
    assert fields["Response"].count("```") == 2
    assert str(ada.id) in shown["embeds"][0]["footer"]["text"]


async def test_a_command_that_is_switched_off_is_silent(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general)
    await add(ada, play.general, name="other", trigger="!other", response="other")
    toggled = await ada.slash(play.general, "/cc toggle", name="hello").wait_reply()
    assert "is now off" in described(toggled)
    ada.say(play.general, "!hello")
    ada.say(play.general, "!other")
    await answer(play, "other")
    assert not any(m["content"].startswith("Hi ") for m in ada.visible_messages(play.general))
    missing = await ada.slash(play.general, "/cc toggle", name="nobody").wait_reply()
    assert title_of(missing) == "No such command"


async def test_the_trigger_is_deleted_and_the_answer_is_plain_where_it_is_wanted(play: Stage) -> None:
    ada, alan = play.person("ada"), play.person("alan")
    await add(ada, play.general, delete_trigger=True, reply_to_user=False, response="gone")
    said = alan.say(play.general, "!hello")
    reply = await answer(play, "gone")
    assert reply.get("message_reference") is None
    await wait_until(
        lambda: said["id"] not in {m["id"] for m in ada.visible_messages(play.general)},
        what="the deletion of the trigger",
    )


async def test_a_channel_gets_five_answers_in_ten_seconds(play: Stage) -> None:
    ada = play.person("ada")
    await add(ada, play.general, response="answer {uses}")
    await add(ada, play.general, name="end", trigger="!end", response="end")
    for _ in range(7):
        ada.say(play.general, "!hello")
    await answer(play, "answer 5")
    other = play.demo.channels["support"]
    ada.say(other, "!end")
    await ada.wait_message(other, lambda m: m["content"] == "end")
    answers = {m["content"] for m in ada.visible_messages(play.general) if "answer" in m["content"]}
    assert answers == {f"answer {n}" for n in range(1, 6)}


async def test_the_list_has_pages(play: Stage, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response)
            SELECT %s, 'c' || to_char(n, 'FM00') || repeat('x', 40), 'regex', repeat('(', 40), 'r'
            FROM generate_series(1, 50) AS n
            """,
            (play.demo.guild_id,),
        )
    ada = play.person("ada")
    listed = await ada.slash(play.general, "/cc list").wait_reply()
    assert title_of(listed) == "Custom commands (50/50)"
    assert "⚠️" in described(listed)
    assert "Page 1/2" in listed["embeds"][0]["footer"]["text"]
    await press(ada, listed, "Next ▶")
    await wait_until(
        lambda: "Page 2/2" in seen(ada, listed)["embeds"][0]["footer"]["text"], what="the second page"
    )


async def test_rows_of_other_programs_are_seen_by_the_list(play: Stage, pool: Pool) -> None:
    ada = play.person("ada")
    await add(ada, play.general)
    async with pool.transaction("test") as tx:
        await tx.execute("DELETE FROM custom_commands")
    listed = await ada.slash(play.general, "/cc list").wait_reply()
    assert title_of(listed) == "No custom commands yet"


async def test_a_switched_off_module_is_silent_but_can_be_managed(play: Stage, pool: Pool) -> None:
    ada = play.person("ada")
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
            VALUES (%s, 'custom_commands', 'enabled', 'false', 'bool')
            """,
            (play.demo.guild_id,),
        )
    await ada.slash(play.general, "/system show").wait_reply()
    assert title_of(await add(ada, play.general)) == "Custom command added"


async def test_a_change_is_recorded_in_the_log_channel(play: Stage) -> None:
    ada, logs = play.person("ada"), play.demo.channels["logs"]
    await ada.slash(play.general, "/system set_log_channel", channel=logs).wait_reply()
    await add(ada, play.general)
    await ada.wait_message(
        logs, lambda m: bool(m["embeds"]) and "added `hello`" in m["embeds"][0].get("description", "")
    )
