"""Start, stop, status and tracking (spec/operations.md 10; what this version has)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel

from alphapy.actors.status import listing
from alphapy.config import Config
from alphapy.pure.groups import leaves
from alphapy.supervisor import serve
from tests.support.bot import seen
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage


async def run(person: Person, stage: Stage, path: str, **options: Any) -> JSON:
    return await person.slash(stage.general, path, **options).wait_reply()


async def rows(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT guild_id, user_id, command_name, command_type, success, error_message"
            " FROM audit_logs ORDER BY id"
        )


def puts(stage: Stage) -> int:
    """How often the global commands were overwritten."""
    return len(stage.sandbox.requests.of("PUT /applications/{application_id}/commands"))


def fields(message: JSON) -> dict[str, str]:
    return {field["name"]: field["value"] for field in message["embeds"][0]["fields"]}


async def test_operations_3_commands_are_registered_once_and_not_again(offstage: Stage) -> None:
    async with offstage.bot():
        assert puts(offstage) == 1
    async with offstage.bot():
        await run(offstage.person("ada"), offstage, "/version")
        assert puts(offstage) == 1


async def test_operations_4_a_changed_manifest_is_registered_at_once(offstage: Stage, pool: Pool) -> None:
    async with offstage.bot():
        pass
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE command_sync_state SET fingerprint = 'of an older version'")
    async with offstage.bot():
        await wait_until(lambda: puts(offstage) == 2, what="the second registration")


async def test_operations_7_version_answers_the_member_alone_and_leaves_a_row(
    offstage: Stage, pool: Pool
) -> None:
    ada = offstage.person("ada")
    async with offstage.bot():
        reply = await run(ada, offstage, "/version")
        assert reply["content"].startswith("**Alphapy** v")
        assert reply["flags"] & 64
    assert await rows(pool) == [(offstage.demo.guild_id, ada.id, "version", "slash", True, None)]


async def test_operations_8_and_9_statistics_are_for_admins_and_all_guilds_for_owners(
    play: Stage, pool: Pool
) -> None:
    margaret, linus, ada = (play.person(name) for name in ("margaret", "linus", "ada"))
    refused = await run(margaret, play, "/command_stats")
    assert refused["content"] == "Only administrators of this server can use this."
    refused = await run(linus, play, "/command_stats", guild_only=False)
    assert refused["content"] == "Only the owners of this bot can use this."
    shown = await run(ada, play, "/command_stats", guild_only=False)
    assert fields(shown)["Scope"] == "all servers"
    assert [row[4] for row in await rows(pool)] == [False, False]


async def test_operations_10_statistics_count_what_is_not_stored_yet(play: Stage) -> None:
    ada = play.person("ada")
    for _ in range(5):
        await run(ada, play, "/version")
    await run(ada, play, "/help")
    shown = await run(ada, play, "/command_stats", days=7, limit=2)
    assert fields(shown)["Total commands"] == "6"
    assert fields(shown)["Top 2"] == "1. `/version` — 5\n2. `/help` — 1"


async def test_operations_11_a_command_in_a_direct_message_counts_for_no_guild(
    offstage: Stage, pool: Pool
) -> None:
    ada = offstage.person("ada")
    async with offstage.bot():
        channel = ada.direct(offstage.demo.application_id)
        await ada.slash(channel, "/version").wait_reply()
    assert [row[0] for row in await rows(pool)] == [0]


async def test_operations_15_a_stop_stores_what_is_queued(offstage: Stage, pool: Pool) -> None:
    ada = offstage.person("ada")
    async with offstage.bot():
        for _ in range(40):
            await run(ada, offstage, "/version")
    assert len(await rows(pool)) == 40


async def test_operations_20_health_shows_this_guilds_modules(offstage: Stage, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
            VALUES (%s, 'reminders', 'enabled', 'false', 'bool'), (%s, 'invites', 'enabled', 'false', 'bool')
            """,
            (offstage.demo.guild_id, offstage.demo.guild_id + 1),
        )
    async with offstage.bot():
        shown = fields(await run(offstage.person("ada"), offstage, "/health"))
    assert shown["Database"] == "✅"
    assert shown["Reminders"] == "🛑"
    assert shown["Invites"] == "✅"


async def test_operations_21_admin_commands_are_listed_on_request(play: Stage) -> None:
    alan = play.person("alan")
    without = await run(alan, play, "/commands")
    assert "/command_stats" not in str(without["embeds"])
    listed = await run(alan, play, "/commands", include_admin=True)
    assert "`/command_stats`" in fields(listed)["🔐 📊 Status & Info"]
    assert "`/version`" in fields(listed)["📊 Status & Info"]


async def test_a_public_list_needs_a_right_and_has_a_cooldown(play: Stage) -> None:
    refused = await run(play.person("alan"), play, "/commands", public=True)
    assert refused["content"] == "Only members who may manage messages can show the list to everyone."
    grace = play.person("grace")
    shown = await run(grace, play, "/commands", public=True)
    assert not shown["flags"] & 64
    again = await run(grace, play, "/commands", public=True)
    assert again["content"].startswith("You can use this again in ")


async def test_operations_1_no_token_no_connection() -> None:
    with pytest.raises(Exception, match="BOT_TOKEN"):
        Config.load({})


async def fatal(stage: Stage, **environment: str) -> str:
    """How the service says that it cannot run."""
    stage.environment = environment
    with pytest.raises(BaseException) as raised:
        with trio.fail_after(20):
            await serve(stage.config())
    error = raised.value
    found = leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return "\n".join(map(str, found))


async def test_a_wrong_token_says_what_to_do(offstage: Stage) -> None:
    said = await fatal(offstage, BOT_TOKEN="wrong")
    assert "does not accept the bot token" in said
    assert "BOT_TOKEN" in said
    assert "wrong" not in said.replace("wrong token", "")


async def test_a_database_that_is_not_there_says_what_to_do(offstage: Stage) -> None:
    said = await fatal(offstage, DATABASE_URL="postgresql://alphapy:hunter2@127.0.0.1:1/nowhere")
    assert "127.0.0.1" in said
    assert "hunter2" not in said


async def test_operations_13_schema_behind_names_both_revisions(
    offstage: Stage, empty_database_url: str
) -> None:
    said = await fatal(offstage, DATABASE_URL=empty_database_url)
    assert "alphapy db upgrade" in said


async def test_a_taken_port_says_what_to_do(offstage: Stage) -> None:
    async with offstage.bot() as service:
        said = await fatal(offstage, PORT=str(service.port))
    assert f"127.0.0.1:{service.port}" in said
    assert "PORT" in said


async def test_in_a_direct_message_health_knows_no_modules_and_statistics_say_where(
    offstage: Stage, pool: Pool
) -> None:
    ada = offstage.person("ada")
    offstage.environment = {"OWNER_IDS": str(ada.id)}
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, success, created_at)
            SELECT 0, 1, 'an `older` program ' || repeat('x', 30) || n, 'slash', true, now()
            FROM generate_series(1, 25) AS n
            """
        )
    async with offstage.bot():
        channel = ada.direct(offstage.demo.application_id)
        health = fields(await ada.slash(channel, "/health").wait_reply())
        stats = fields(await ada.slash(channel, "/command_stats", limit=25).wait_reply())
    assert health["Reminders"] == health["Invites"] == health["GDPR"] == "?"
    assert stats["Scope"] == "direct messages"
    ranks = "\n".join(value for name, value in stats.items() if name.startswith("Top 25"))
    assert len(ranks.splitlines()) == 25
    assert all(line.count("`") == 2 for line in ranks.splitlines())


async def test_a_long_list_of_commands_is_paged_by_whoever_sees_it(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_CHARACTERS_OF_A_PAGE", 60)
    ada, alan = play.person("ada"), play.person("alan")
    first = await run(ada, play, "/commands", include_admin=True, public=True)
    back, forth = first["components"][0]["components"]
    assert back["disabled"]
    assert not forth.get("disabled")
    await alan.click(int(first["id"]), forth["custom_id"]).wait_done()
    second = seen(alan, first)
    assert fields(second).keys() != fields(first).keys()
    assert fields(second)["In total"] == fields(first)["In total"]
    assert not second["components"][0]["components"][0].get("disabled")
    await ada.click(int(first["id"]), second["components"][0]["components"][0]["custom_id"]).wait_done()
    assert fields(seen(ada, first)) == fields(first)
