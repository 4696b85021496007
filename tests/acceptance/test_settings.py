"""Settings from an admin's point of view (spec/settings.md 10; the commands of this version)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.bot import JSON, Stage, described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.storage.pool import Pool

SCOPES = (
    "agents",
    "automod",
    "custom_commands",
    "embedwatcher",
    "engagement",
    "faq",
    "fyi",
    "gdpr",
    "gpt",
    "growth",
    "invites",
    "onboarding",
    "reminders",
    "rules",
    "system",
    "ticketbot",
    "verification",
)


async def run(person: Person, stage: Stage, path: str, **options: Any) -> JSON:
    return await person.slash(stage.general, path, **options).wait_reply()


async def history(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT scope, key, change_type, old_value, new_value FROM settings_history ORDER BY id"
        )


def audits(stage: Stage, channel: str) -> list[JSON]:
    """The audit embeds in a channel, as its owner sees them."""
    seen = stage.person("ada").visible_messages(stage.demo.channels[channel])
    return [embed for message in seen for embed in message["embeds"]]


async def test_settings_1_scopes_lists_all_seventeen_sorted(play: Stage) -> None:
    reply = await run(play.person("ada"), play, "/config scopes")
    assert described(reply).splitlines() == [f"- `{scope}`" for scope in SCOPES]
    assert reply["flags"] & 64


async def test_settings_2_a_channel_is_stored_with_history_and_audit(play: Stage, pool: Pool) -> None:
    ada, logs = play.person("ada"), play.demo.channels["logs"]
    reply = await run(ada, play, "/system set_log_channel", channel=logs)
    assert described(reply) == f"`system.log_channel_id` is now <#{logs}>."
    async with pool.transaction("test") as tx:
        row = await tx.fetch_one("SELECT guild_id, value, value_type, updated_by FROM bot_settings")
    assert row == (play.demo.guild_id, logs, "channel", ada.id)
    assert await history(pool) == [("system", "log_channel_id", "created", None, logs)]
    await wait_until(lambda: bool(audits(play, "logs")), what="the audit embed")
    (audit,) = audits(play, "logs")
    assert audit["footer"]["text"] == f"config | Guild: {play.demo.guild_id}"
    assert audit["color"] == 0xE67E22
    assert f"<#{logs}>" in audit["description"]
    assert f"<@{ada.id}>" in audit["description"]


async def test_settings_3_setting_the_same_again_writes_and_audits_nothing(play: Stage, pool: Pool) -> None:
    ada, logs = play.person("ada"), play.demo.channels["logs"]
    await run(ada, play, "/system set_log_channel", channel=logs)
    await wait_until(lambda: len(audits(play, "logs")) == 1, what="the audit embed")
    again = await run(ada, play, "/system set_log_channel", channel=logs)
    assert title_of(again) == "Setting saved"
    await run(ada, play, "/system set_log_level", level="critical")
    await wait_until(lambda: len(audits(play, "logs")) == 2, what="the next audit embed")
    assert "log_level" in audits(play, "logs")[1]["description"]
    assert [row[1] for row in await history(pool)] == ["log_channel_id", "log_level"]


async def test_settings_4_leaving_the_value_out_clears_it(play: Stage, pool: Pool) -> None:
    ada, logs = play.person("ada"), play.demo.channels["logs"]
    await run(ada, play, "/system set_log_channel", channel=logs)
    cleared = await run(ada, play, "/system set_log_channel")
    assert described(cleared) == "`system.log_channel_id` is back to its default: not set."
    assert (await history(pool))[-1] == ("system", "log_channel_id", "deleted", logs, None)
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT count(*) FROM bot_settings") == 0
        assert await tx.fetch_value("SELECT count(*) FROM settings_history WHERE new_value IS NULL") == 0
    await wait_until(lambda: len(audits(play, "logs")) == 2, what="the audit embed of the reset")
    assert "reset" in audits(play, "logs")[1]["title"]


async def test_a_moved_log_channel_is_told_in_both(play: Stage) -> None:
    ada = play.person("ada")
    await run(ada, play, "/system set_log_channel", channel=play.demo.channels["logs"])
    await run(ada, play, "/system set_log_channel", channel=play.demo.channels["support"])
    await wait_until(
        lambda: len(audits(play, "logs")) == 2 and len(audits(play, "support")) == 1,
        what="the audit embeds in the old and the new channel",
    )


async def test_a_setting_survives_a_restart(offstage: Stage) -> None:
    ada, logs = offstage.person("ada"), offstage.demo.channels["logs"]
    async with offstage.bot():
        await run(ada, offstage, "/system set_log_channel", channel=logs)
        await run(ada, offstage, "/system set_log_level", level="normal")
    async with offstage.bot():
        shown = await run(ada, offstage, "/system show")
    fields = {field["name"]: field["value"] for field in shown["embeds"][0]["fields"]}
    assert fields["Log Channel"] == f"<#{logs}>"
    assert fields["Log Level"] == "`normal`"
    assert fields["Rules Channel"] == "not set"
    assert shown["embeds"][0]["footer"]["text"] == "4 settings"


async def test_settings_18_a_member_is_refused_and_it_is_audited(play: Stage, pool: Pool) -> None:
    # The client hides the command from members; one whose list is old can still send it.
    margaret = play.person("margaret")
    play.demo.world.commands.registered[play.demo.application_id, None] = {
        command_id: {**command, "default_member_permissions": None}
        for command_id, command in play.demo.world.commands.registered[play.demo.application_id, None].items()
    }
    refused = await run(margaret, play, "/system show")
    assert refused["content"] == "Only administrators of this server can use this."
    await run(play.person("ada"), play, "/command_stats")
    async with pool.transaction("test") as tx:
        row = await tx.fetch_one(
            "SELECT command_name, success, error_message FROM audit_logs WHERE user_id = %s", (margaret.id,)
        )
    assert row == ("system show", False, "needs admin")


async def test_settings_19_a_role_of_the_environment_makes_an_admin(offstage: Stage) -> None:
    grace = offstage.person("grace")
    offstage.environment = {"ADMIN_ROLE_ID": str(offstage.demo.roles["Moderator"])}
    async with offstage.bot():
        listed = await run(grace, offstage, "/cc list")
        assert title_of(listed) == "No custom commands yet"


async def test_settings_10_rows_of_other_programs_are_seen_within_two_seconds(
    play: Stage, pool: Pool
) -> None:
    ada = play.person("ada")
    await run(ada, play, "/system show")
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
            VALUES (%s, 'system', 'log_level', '"critical"', 'str')
            """,
            (play.demo.guild_id,),
        )

    async def seen() -> bool:
        shown = await run(ada, play, "/system show")
        return any(field["value"] == "`critical`" for field in shown["embeds"][0]["fields"])

    await wait_until(seen, within=6.0, what="the row of the other program")


async def test_a_channel_that_the_bot_cannot_use_is_stored_with_a_warning(play: Stage) -> None:
    ada = play.person("ada")
    world, demo = play.demo.world, play.demo
    silent = world.channels.create(
        ada.id,
        demo.guild_id,
        {"name": "silent", "permission_overwrites": [{"id": str(demo.guild_id), "type": 0, "deny": "2048"}]},
    )
    reply = await run(ada, play, "/system set_rules_channel", channel=int(silent["id"]))
    assert "I lack Send Messages" in described(reply)


async def test_the_database_being_away_is_said_and_nothing_changes(offstage: Stage, pool: Pool) -> None:
    ada = offstage.person("ada")
    async with offstage.bot():
        async with pool.transaction("test") as tx:
            await tx.execute("ALTER TABLE bot_settings RENAME TO hidden_settings")
        refused = await run(ada, offstage, "/system set_log_level", level="normal")
        assert "could not be saved" in refused["content"] or "went wrong" in refused["content"]
        async with pool.transaction("test") as tx:
            await tx.execute("ALTER TABLE hidden_settings RENAME TO bot_settings")
        saved = await run(ada, offstage, "/system set_log_level", level="normal")
        assert title_of(saved) == "Setting saved"
