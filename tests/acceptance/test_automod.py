"""Auto-moderation from the members' and the admins' point of view (spec/moderation.md, scenarios 1 to 26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.automod import (
    Moderated,
    add_rule,
    described,
    grant_premium,
    log_rows,
    moderated,
    set_setting,
)
from tests.support.bot import JSON, Stage, seen, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool


@pytest.fixture
async def town(play: Stage, pool: Pool) -> Moderated:
    return await moderated(play, pool)


@pytest.fixture
async def premium_town(offstage: Stage, pool: Pool) -> AsyncIterator[Moderated]:
    await grant_premium(offstage, pool)
    async with offstage.bot():
        yield await moderated(offstage, pool)


async def test_moderation_1_a_listed_word_is_deleted_and_logged(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="Be *kind*", words="try")
    fine = town.member.say(town.general, "hello")
    said = town.member.say(town.general, "please tr\u200by this https://x.example @everyone")
    logged = await town.wait_log()
    fields = {field["name"]: field["value"] for field in logged["embeds"][0]["fields"]}
    assert fields["User"] == f"<@{town.member.id}>"
    assert fields["Action"] == "DELETE"
    assert fields["Rule"] == "Be \\*kind\\*"
    assert fields["Channel"] == f"<#{town.general}>"
    assert "hxxps://x.example" in fields["Message Content"]
    assert "@everyone" not in fields["Message Content"]
    assert "listed words: try" in fields["Why"]
    assert "Result" not in fields
    assert logged["embeds"][0]["footer"]["text"].startswith(f"Guild ID: {town.guild_id} · db #1")
    assert await town.is_gone(said)
    assert town.is_there(fine)
    [row] = await log_rows(town.pool)
    assert (row["action_taken"], row["user_id"], row["rule_id"]) == ("delete", town.member.id, 1)
    assert row["context"]["_meta"]["delivery"]["state"] == "done"


async def test_moderation_2_the_fifth_message_in_a_minute_is_warned_about(town: Moderated) -> None:
    await add_rule(town, "add_spam_rule", name="slow down", max_messages=5, time_window_seconds=60)
    for number in range(5):
        town.member.say(town.general, f"message {number}")
    warning = await town.wait_direct()
    assert "⚠️ Your message breaks the rules of this server." in warning["content"]
    await town.wait_rows(1)
    [row] = await log_rows(town.pool)
    assert row["context"]["message_count"] == 5


async def test_moderation_8_and_18_the_highest_severity_acts_alone(premium_town: Moderated) -> None:
    town = premium_town
    await add_rule(town, "add_badwords_rule", name="mild", words="tea")
    await add_rule(town, "add_badwords_rule", name="hard", words="tea", action_type="timeout")
    await town.admin.slash(town.general, "/automod set_severity", rule_id=1, severity=2).wait_reply()
    await town.admin.slash(town.general, "/automod set_severity", rule_id=2, severity=7).wait_reply()
    said = town.member.say(town.general, "tea")
    await town.wait_rows(1)
    await wait_until(lambda: town.timed_out(town.member), what="the timeout")
    [row] = await log_rows(town.pool)
    assert (row["rule_id"], row["action_taken"]) == (2, "timeout")
    assert row["context"]["_meta"]["points"] == 4
    assert town.is_there(said)


async def test_moderation_10_admins_owners_bots_and_the_exempt_are_not_judged(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="w", words="tea")
    owner, linus = town.person("ada"), town.person("linus")
    kept = [owner.say(town.general, "tea"), linus.say(town.general, "tea")]
    await set_setting(town, "exempt_role_ids", [str(town.stage.demo.roles["Member"])])
    kept.append(town.person("margaret").say(town.general, "tea"))
    await set_setting(town, "exempt_role_ids", None)
    await set_setting(town, "exempt_channel_ids", [str(town.stage.demo.channels["support"])])
    town.person("margaret").say(town.stage.demo.channels["support"], "tea")
    gone = town.person("grace").say(town.general, "tea")
    await town.wait_rows(1)
    assert await town.is_gone(gone)
    assert all(town.is_there(message) for message in kept)
    [row] = await log_rows(town.pool)
    assert row["user_id"] == town.person("grace").id


async def test_moderation_11_nothing_is_judged_while_it_is_off(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="w", words="tea")
    await town.admin.slash(town.general, "/automod toggle", enabled=False).wait_reply()
    said = town.member.say(town.general, "tea")
    await town.admin.slash(town.general, "/automod toggle", enabled=True).wait_reply()
    gone = town.member.say(town.general, "more tea")
    assert await town.is_gone(gone)
    assert town.is_there(said)


async def test_moderation_12_who_takes_no_direct_messages_is_warned_in_the_channel(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="w", words="tea", action_type="warn")
    town.close_direct(town.member)
    town.member.say(town.general, "tea")
    notice = await town.admin.wait_message(town.general, lambda m: "breaks the rules" in m["content"])
    assert notice["content"].startswith(f"<@{town.member.id}> ")
    assert [user["id"] for user in notice["mentions"]] == [str(town.member.id)]
    assert await town.is_gone(notice)


async def test_moderation_12_a_notice_is_removed_after_a_restart_too(offstage: Stage, pool: Pool) -> None:
    async with offstage.bot():
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="w", words="tea", action_type="warn")
        town.close_direct(town.member)
        town.member.say(town.general, "tea")
        notice = await town.admin.wait_message(town.general, lambda m: "breaks the rules" in m["content"])
        await town.wait_delivered(1)
    assert town.is_there(notice)
    async with offstage.bot():
        assert await town.is_gone(notice)


async def test_moderation_13_a_rule_has_its_defaults(town: Moderated) -> None:
    added = await add_rule(town, "add_spam_rule", name="x")
    assert "`#1`" in described(added)
    async with town.pool.transaction("test") as tx:
        row = await tx.fetch_one(
            """
            SELECT r.rule_type, r.config, r.created_by, a.action_type, a.config, a.severity
            FROM automod_rules r JOIN automod_actions a ON a.id = r.action_id
            """
        )
    config = {"spam_type": "frequency", "max_messages": 5, "time_window": 60}
    assert row == ("spam", config, town.admin.id, "warn", {}, 1)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("add_regex_rule", {"patterns": "x"}),
        ("add_ai_rule", {"policy": "be nice"}),
        ("add_badwords_rule", {"words": "x", "action_type": "timeout"}),
        ("add_caps_rule", {"action_type": "ban"}),
    ],
)
async def test_moderation_14_premium_is_needed(town: Moderated, command: str, options: JSON) -> None:
    refused = await add_rule(town, command, name="x", **options)
    assert title_of(refused) == "That needs premium"
    assert await town.count("automod_rules") == 0


async def test_moderation_14_muting_needs_no_premium_but_a_role(town: Moderated) -> None:
    added = await add_rule(town, "add_badwords_rule", name="x", words="x", action_type="mute")
    assert "will not mute anybody until" in described(added)


async def test_moderation_15_patterns(premium_town: Moderated) -> None:
    added = await add_rule(premium_town, "add_regex_rule", name="x", patterns="a{1,3}b,foo")
    assert "2 patterns" in described(added)
    refused = await add_rule(premium_town, "add_regex_rule", name="x", patterns="(?=x)y")
    assert "does not support" in described(refused)
    assert (
        title_of(await add_rule(premium_town, "add_regex_rule", name="x", patterns="(a+)+$")) == "Rule added"
    )


async def test_moderation_16_an_edit_says_what_does_not_fit(town: Moderated) -> None:
    await add_rule(town, "add_spam_rule", name="x")
    alone = await town.admin.slash(town.general, "/automod edit_rule", rule_id=1).wait_reply()
    assert title_of(alone) == "Nothing to change"
    wrong = await town.admin.slash(
        town.general, "/automod edit_rule", rule_id=1, words="a", blacklist="b.example", max_messages=9
    ).wait_reply()
    assert "no blacklist, words" in described(wrong)
    edited = await town.admin.slash(
        town.general,
        "/automod edit_rule",
        rule_id=1,
        name="y",
        max_messages=9,
        action_type="mute",
        enabled=False,
    ).wait_reply()
    assert described(edited) == "name: y\nenabled: no\naction_type: mute\nconfig: updated"
    async with town.pool.transaction("test") as tx:
        row = await tx.fetch_one(
            "SELECT r.config->'max_messages', a.action_type, a.config FROM automod_rules r"
            " JOIN automod_actions a ON a.id = r.action_id"
        )
    assert row == (9, "mute", {"duration_minutes": 10})


async def test_moderation_17_the_log_of_a_deleted_rule_stays(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="gone soon", words="tea")
    town.member.say(town.general, "tea")
    await town.wait_rows(1)
    deleted = await town.admin.slash(town.general, "/automod delete_rule", rule_id=1).wait_reply()
    assert title_of(deleted) == "Rule deleted"
    [row] = await log_rows(town.pool)
    assert row["rule_id"] is None
    assert await town.count("automod_actions") == 0
    listed = await town.admin.slash(town.general, "/automod logs").wait_reply()
    assert "deleted rule (gone soon)" in described(listed)


async def test_moderation_19_rules_of_other_guilds_do_not_exist(town: Moderated) -> None:
    async with town.pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO automod_rules (guild_id, rule_type, name, config) VALUES (1, 'spam', 'x', '{}')"
        )
    for command, options in (
        ("delete_rule", {}),
        ("set_severity", {"severity": 3}),
        ("set_rule_enabled", {"enabled": False}),
        ("edit_rule", {"name": "y"}),
    ):
        refused = await town.admin.slash(
            town.general, f"/automod {command}", rule_id=1, **options
        ).wait_reply()
        assert title_of(refused) == "No such rule"


async def test_moderation_21_points_add_up_to_a_step(premium_town: Moderated) -> None:
    town = premium_town
    await add_rule(town, "add_badwords_rule", name="w", words="tea")
    stepped = await town.admin.slash(
        town.general, "/automod set_escalation", points=3, action_type="timeout", duration_minutes=60
    ).wait_reply()
    assert described(stepped) == "3 points → timeout for 60 minutes"
    for number in range(1, 4):
        town.member.say(town.general, "tea")
        await town.wait_rows(number)
    await wait_until(lambda: town.timed_out(town.member), what="the timeout")
    actions = [row["action_taken"] for row in await log_rows(town.pool)]
    assert actions == ["delete", "delete", "timeout"]
    town.end_timeout(town.member)
    town.member.say(town.general, "tea")
    await town.wait_delivered(4)
    assert [row["action_taken"] for row in await log_rows(town.pool)][-1] == "delete"
    history = await town.admin.slash(town.general, "/automod history", user=town.member.id).wait_reply()
    assert "4 × · 4 points" in described(history)
    reset = await town.admin.slash(
        town.general, "/automod history", user=town.member.id, reset=True
    ).wait_reply()
    assert title_of(reset) == "History reset"
    assert await town.count("automod_user_history") == 0
    removed = await town.admin.slash(town.general, "/automod set_escalation", points=3).wait_reply()
    assert described(removed) == "There are no steps any more."


async def test_moderation_25_an_edit_is_judged_once(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="w", words="tea")
    said = town.member.say(town.general, "milk")
    town.member.edit(town.general, int(said["id"]), "milk and tea")
    assert await town.is_gone(said)
    [row] = await log_rows(town.pool)
    assert row["context"]["_meta"]["edited"] is True


async def test_moderation_32_what_is_deleted_is_not_answered(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="w", words="tea")
    await town.admin.slash(
        town.general, "/cc add", name="t", trigger_type="contains", trigger="drink", response="cheers"
    ).wait_reply()
    gone = town.member.say(town.general, "drink tea")
    town.member.say(town.general, "drink milk")
    await town.admin.wait_message(town.general, lambda m: m["content"] == "cheers")
    assert await town.is_gone(gone)
    answers = [m for m in town.admin.visible_messages(town.general) if m["content"] == "cheers"]
    assert len(answers) == 1


async def test_a_text_can_be_tried(town: Moderated) -> None:
    await add_rule(town, "add_badwords_rule", name="words", words="tea, milk")
    await add_rule(town, "add_links_rule", name="links")
    await town.admin.slash(town.general, "/automod set_severity", rule_id=2, severity=5).wait_reply()
    tried = await town.admin.slash(
        town.general, "/automod test", text="t\u200be\u200ba at https://x.example"
    ).wait_reply()
    assert title_of(tried) == "🛡️ Rule #2 would act"
    assert "a link to x.example" in described(tried)
    assert "listed words: tea" in described(tried)
    clean = await town.admin.slash(town.general, "/automod test", text="hello").wait_reply()
    assert title_of(clean) == "✅ No rule matches"
    assert await town.count("automod_logs") == 0


async def test_only_admins_manage(town: Moderated) -> None:
    refused = await town.person("linus").slash(town.general, "/automod status").wait_reply()
    assert title_of(refused) == "🛡️ Auto-moderation"


async def test_rules_are_suggested_and_listed(town: Moderated) -> None:
    for number in range(12):
        await add_rule(town, "add_caps_rule", name=f"caps {number}")
    choices = await town.admin.autocomplete(town.general, "/automod delete_rule", "rule_id", "caps 1")
    assert [choice["value"] for choice in choices] == [12, 11, 2]
    assert choices[0]["name"] == "#12 caps 11 · spam · warn · on"
    listed = await town.admin.slash(town.general, "/automod rules").wait_reply()
    assert title_of(listed) == "🛡️ Auto-moderation rules (12)"
    await town.press(town.admin, listed, "Next ▶")
    await wait_until(lambda: "`#1` **caps 0**" in described(seen(town.admin, listed)), what="the second page")


async def test_status_and_settings_are_shown(town: Moderated) -> None:
    await add_rule(town, "add_caps_rule", name="x", action_type="mute")
    status = await town.admin.slash(town.general, "/automod status").wait_reply()
    fields = {field["name"]: field["value"] for field in status["embeds"][0]["fields"]}
    assert fields["Rules that are on"] == "1 of 1"
    assert "there is no role for it" in fields["To look at"]
    shown = await town.admin.slash(town.general, "/automod show").wait_reply()
    names = [field["name"] for field in shown["embeds"][0]["fields"]]
    assert names[:3] == ["Enabled", "Appeals Enabled", "Content Retention Days"]
    await town.press(town.admin, shown, "Next ▶")
    await wait_until(lambda: "2/2" in seen(town.admin, shown)["embeds"][0]["footer"]["text"], what="page 2")
    stats = await town.admin.slash(town.general, "/automod stats", days=1).wait_reply()
    assert title_of(stats) == "📊 Auto-moderation in one day"


async def test_settings_are_set_and_recorded(town: Moderated) -> None:
    logs = town.stage.demo.channels["moderators"]
    await town.admin.slash(town.general, "/system set_log_channel", channel=logs).wait_reply()

    async def use(path: str, **options: Any) -> JSON:
        return await town.admin.slash(town.general, path, **options).wait_reply()

    assert title_of(await use("/automod set_warn_message", message="be *kind*")) == "Saved"
    assert "be" in described(await use("/automod set_warn_message"))
    managed = await use("/automod set_mute_role", role=town.stage.demo.roles["Alphapy"])
    assert title_of(managed) == "I cannot give that role"
    assert title_of(await use("/automod set_mute_role", role=town.stage.demo.roles["Member"])) == "Saved"
    assert title_of(await use("/automod set_mute_role")) == "Saved"
    assert title_of(await use("/automod set_log_channel")) == "Saved"
    await town.admin.wait_message(
        logs, lambda m: bool(m["embeds"]) and "automod.log_channel_id" in m["embeds"][0]["description"]
    )
