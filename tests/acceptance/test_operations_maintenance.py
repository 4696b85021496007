"""/migrate, /reload, !sync and /release, as owners and members use them (spec/operations.md 10)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from alphapy.actors.kernel.clock import SystemClock
from alphapy.actors.maintenance.messages import TEXT_COMMANDS
from alphapy.actors.operational_events.messages import EVENTS, Recent
from alphapy.actors.status import release
from alphapy.pure.ids import GuildId
from alphapy.storage import migrate
from alphapy.storage.evolution.session import LOCK_KEY
from tests.support.actors import ask
from tests.support.bot import described, seen, title_of
from tests.support.clock import FakeClock
from tests.support.http_server import Fault, Reply, scripted_server
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from alphapy.sandbox.person import Person
    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage


async def run(person: Person, stage: Stage, path: str, **options: Any) -> JSON:
    return await person.slash(stage.general, path, **options).wait_reply()


async def audit(pool: Pool, command: str) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT command_type, success, error_message FROM audit_logs WHERE command_name = %s ORDER BY id",
            (command,),
        )


async def events(service: Service, guild_id: int | None = None) -> list[tuple[str, dict[str, Any]]]:
    request = Recent(guild_id=None if guild_id is None else GuildId(guild_id))
    found = await ask(service.registry, EVENTS, request)
    return [(event.event_type, dict(event.details)) for event in found.events]


def puts(stage: Stage, guild: bool = False) -> int:
    """How often the global commands, or those of a guild, were overwritten."""
    path = "guilds/{guild_id}/commands" if guild else "commands"
    return len(stage.sandbox.requests.of(f"PUT /applications/{{application_id}}/{path}"))


@asynccontextmanager
async def owned(stage: Stage, *owners: str) -> AsyncIterator[Service]:
    """The service, with these people as the bot's owners."""
    ids = ",".join(str(stage.person(name).id) for name in owners)
    stage.environment = {**stage.environment, "OWNER_IDS": ids}
    async with stage.bot() as service:
        yield service


# -- /reload


async def test_operations_18_a_feature_restarts_and_answers_what_came_meanwhile_once(offstage: Stage) -> None:
    linus, alan = offstage.person("linus"), offstage.person("alan")
    async with owned(offstage, "linus") as service:
        await run(linus, offstage, "/cc add", name="hi", trigger_type="exact", trigger="hi", response="hello")
        alan.say(offstage.general, "hi")
        await alan.wait_message(offstage.general, lambda message: message["content"] == "hello")
        view = linus.slash(offstage.general, "/reload", extension=" COGS.custom_commands ")
        for _ in range(3):
            alan.say(offstage.general, "hi")
            await trio.sleep(0.01)
        reply = await view.wait_reply()
        assert title_of(reply) == "custom_commands is restarted"
        assert reply["flags"] & 64

        def answers() -> int:
            return sum(message["content"] == "hello" for message in alan.visible_messages(offstage.general))

        await wait_until(lambda: answers() == 4, what="all answers")
        alan.say(offstage.general, "hi")
        await wait_until(lambda: answers() == 5, what="the answer of the new life")
        assert service.registry.unhealthy() == ()


async def test_operations_19_an_unknown_feature_names_at_most_eight(offstage: Stage, pool: Pool) -> None:
    linus = offstage.person("linus")
    async with owned(offstage, "linus"):
        refused = await run(linus, offstage, "/reload", extension="nope")
        everything = await linus.autocomplete(offstage.general, "/reload", "extension", "")
        names = [choice["value"] for choice in everything]
        assert names == sorted(names)
        assert refused["content"].startswith("There is no feature `nope`. There are: ")
        assert refused["content"].count("`") == 2 + 2 * min(len(names), 8)
        assert refused["content"].endswith(" …") is (len(names) > 8)
        choices = await linus.autocomplete(offstage.general, "/reload", "extension", "CUSTOM")
        assert [choice["value"] for choice in choices] == ["custom_commands"]
    assert await audit(pool, "reload") == [("slash", False, "unknown feature")]


async def test_only_the_bots_owners_reload(play: Stage) -> None:
    refused = await run(play.person("grace"), play, "/reload", extension="status")
    assert refused["content"] == "Only the owners of this bot can use this."


async def test_what_cannot_be_written_down_is_told_with_a_trace_id(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    linus = offstage.person("linus")
    async with owned(offstage, "linus") as service:
        assert (await run(linus, offstage, "/version"))["content"]

        async def fails(*_args: Any, **_options: Any) -> Any:
            raise RuntimeError("defect")

        monkeypatch.setattr("alphapy.actors.status.tracker.CommandTracker.flush", fails)
        reply = await run(linus, offstage, "/reload", extension="status")
        assert title_of(reply) == "status could not be restarted in order"
        assert "under this code: `" in described(reply)
        monkeypatch.undo()
        assert title_of(await run(linus, offstage, "/reload", extension="status")) == "status is restarted"
        assert service.registry.unhealthy() == ()


# -- /migrate


async def stamp(pool: Pool, revision: str) -> None:
    """Have the database say that it is at this revision; the revisions bear being run again."""
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE alembic_version SET version_num = %s", (revision,))


async def test_operations_16_an_upgrade_is_for_owners_and_advances_the_version(
    offstage: Stage, database_url: str, pool: Pool
) -> None:
    ada, linus, grace = (offstage.person(name) for name in ("ada", "linus", "grace"))
    newest = migrate.head()
    async with owned(offstage, "ada", "grace") as service:
        refused = await run(linus, offstage, "/migrate", action="upgrade")
        assert refused["content"] == "Only the owners of this bot can use this."
        nothing = await run(grace, offstage, "/migrate", action="upgrade")
        assert title_of(nothing) == "There is nothing to do"
        await stamp(pool, migrate.revisions()[-2])
        view = ada.slash(offstage.general, "/migrate", action="upgrade")
        started = await view.wait_reply()
        assert title_of(started) in ("The schema is being upgraded …", "The schema is upgraded")
        await wait_until(
            lambda: title_of(view.messages[-1]) == "The schema is upgraded", within=60, what="the end"
        )
        assert len(view.messages) == 1
        assert newest in described(view.messages[-1])
        assert await trio.to_thread.run_sync(migrate.current, database_url) == newest
        found = [details for kind, details in await events(service) if kind == "SETTINGS_CHANGED"]
        assert [(one["action"], one["succeeded"]) for one in found] == [("migrate_upgrade", True)]
        assert (await run(grace, offstage, "/version"))["content"]


async def test_operations_17_a_downgrade_is_confirmed_in_time_by_whoever_asked(
    offstage: Stage, database_url: str
) -> None:
    clock = FakeClock(SystemClock().now())
    offstage.clock = clock
    ada, linus, grace = (offstage.person(name) for name in ("ada", "linus", "grace"))
    async with owned(offstage, "ada", "linus", "grace") as service:
        asked = await run(ada, offstage, "/migrate", action="downgrade")
        assert title_of(asked) == "Take the schema one revision back?"
        confirm = asked["components"][0]["components"][0]["custom_id"]
        assert confirm.startswith(f"ops:mig:down:{ada.id}:")
        clock.advance(61)
        await ada.click(int(asked["id"]), confirm).wait_done()
        await wait_until(lambda: "expired" in seen(ada, asked)["content"], what="the answer")
        assert migrate.current(database_url) == migrate.head()
        asked = await run(linus, offstage, "/migrate", action="downgrade")
        cancel = asked["components"][0]["components"][1]["custom_id"]
        await linus.click(int(asked["id"]), cancel).wait_done()
        await wait_until(lambda: title_of(seen(linus, asked)) == "Nothing was changed", what="the answer")
        assert seen(linus, asked)["components"] == []
        asked = await run(grace, offstage, "/migrate", action="downgrade")
        confirm = asked["components"][0]["components"][0]["custom_id"]
        await grace.click(int(asked["id"]), confirm).wait_done()
        await wait_until(lambda: title_of(seen(grace, asked)) in _ENDS, within=60, what="the end of the step")
        # The newest revision keeps something by now, so the step is refused, as it must be.
        assert "which would be lost" in described(seen(grace, asked))
        assert migrate.current(database_url) == migrate.head()
        found = [details for kind, details in await events(service) if kind == "SETTINGS_CHANGED"]
        assert [(one["action"], one["succeeded"]) for one in found] == [("migrate_downgrade", False)]


_ENDS = {"The schema is one revision back", "The step was refused, or failed"}


async def test_status_and_history_tell_no_address(offstage: Stage, database_url: str) -> None:
    linus = offstage.person("linus")
    async with owned(offstage, "ada"):
        status = await run(linus, offstage, "/migrate_status")
        assert f"Newest:  {migrate.head()}" in described(status)
        assert "Pending: 0" in described(status)
        cooling = await run(linus, offstage, "/migrate", action="history")
        assert cooling["content"].startswith("You can use this again in ")
        history = described(await run(offstage.person("ada"), offstage, "/migrate", action="history"))
        assert history.splitlines()[1] == f"→ {migrate.head()}"
        assert len(history) <= 1900
    refused = "Only administrators of this server can use this."
    async with offstage.bot():
        assert (await run(offstage.person("alan"), offstage, "/migrate"))["content"] == refused


async def test_while_somebody_migrates_nobody_else_does(offstage: Stage, pool: Pool) -> None:
    ada = offstage.person("ada")
    async with owned(offstage, "ada"):
        await stamp(pool, migrate.revisions()[-2])
        async with pool.transaction("test") as tx:
            await tx.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
            busy = await run(ada, offstage, "/migrate", action="upgrade")
            assert "Please wait for that to end" in busy["content"]


# -- !sync


async def last_word(person: Person, channel: int, begins: str) -> str:
    message = await person.wait_message(channel, lambda found: found["content"].startswith(begins))
    return str(message["content"])


def heard(service: Service) -> int:
    """How many text commands there were."""
    health = service.registry.find(TEXT_COMMANDS)
    return 0 if health is None else health.processed


async def test_sync_in_a_guild_and_in_a_direct_message(offstage: Stage, pool: Pool) -> None:
    ada, alan = offstage.person("ada"), offstage.person("alan")
    async with owned(offstage, "ada") as service:
        await wait_until(lambda: puts(offstage, guild=True) == 1, what="the first look at the guild")
        ada.say(offstage.general, "!sync")
        assert "Try again in " in await last_word(ada, offstage.general, "That was done")
        ada.say(offstage.general, "!sync -f")
        assert await last_word(ada, offstage.general, "Done") == (
            "Done: 0 commands of its own; the others are global, for this server."
        )
        assert puts(offstage, guild=True) == 2
        direct = ada.direct(offstage.demo.application_id)
        ada.say(direct, "!sync")
        assert "Try again in " in await last_word(ada, direct, "That was done")
        ada.say(direct, "!sync --force")
        assert (await last_word(ada, direct, "Done")).endswith("commands, for all servers.")
        assert puts(offstage) == 2
        before = len(alan.visible_messages(offstage.general))
        alan.say(offstage.general, "!sync --force")
        alan.say(offstage.general, "!syncing is fun")
        await wait_until(lambda: heard(service) == 5, what="the commands")
        assert len(alan.visible_messages(offstage.general)) == before + 2
    rows = await audit(pool, "sync")
    assert rows == [
        ("text", False, "cooldown"),
        ("text", True, None),
        ("text", False, "cooldown"),
        ("text", True, None),
        ("text", False, "needs owner"),
    ]


# -- /release


async def test_operations_22_without_github_the_bundled_changelog_is_shown(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "bundled", lambda version: f"### Added\n\n- What {version} brings.")
    alan = offstage.person("alan")
    answers = iter([Reply(500), Reply(200, {"body": "## New\n\n- From GitHub @everyone"})])
    async with scripted_server(lambda _request: next(answers)) as github:
        monkeypatch.setattr(release, "GITHUB_API", github.base_url)
        offstage.environment = {"GITHUB_REPO": "somebody/alphapy/", "GITHUB_TOKEN": "token-of-github"}
        for expected in ("- What ", "- From GitHub @everyone"):
            async with offstage.bot():
                shown = await run(alan, offstage, "/release")
                again = await run(alan, offstage, "/release")
            assert expected in described(shown)
            assert not shown["flags"] & 64
            assert "](https://github.com/somebody/alphapy/releases/tag/v" in described(shown)
            assert not shown["mention_everyone"]
            assert again["content"].startswith("You can use this again in ")
        assert [request.headers["authorization"] for request in github.received] == [
            "Bearer token-of-github"
        ] * 2


async def test_operations_22_without_any_notes_there_is_a_plain_notice(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "bundled", lambda _version: "")
    async with scripted_server(lambda _request: Fault.DROP) as github:
        monkeypatch.setattr(release, "GITHUB_API", github.base_url)
        offstage.environment = {"GITHUB_REPO": "somebody/alphapy"}
        async with offstage.bot():
            shown = await run(offstage.person("alan"), offstage, "/release")
    assert shown["content"].startswith("There are no release notes for version ")


async def test_the_changelog_that_comes_with_the_package_knows_this_version(play: Stage) -> None:
    shown = await run(play.person("alan"), play, "/release")
    assert title_of(shown).startswith("What is new in version ")
    assert described(shown).startswith("## ")


async def test_maintenance_is_listed_for_admins(play: Stage) -> None:
    listed = await run(play.person("alan"), play, "/commands", include_admin=True)
    text = str([(field["name"], field["value"]) for field in listed["embeds"][0]["fields"]])
    assert "🔐 🔄 Migrations" in text
    assert "🔐 🔄 Reload" in text
    assert "`/release`" in text
    without = await run(play.person("ada"), play, "/commands")
    assert "/migrate" not in str(without["embeds"])
