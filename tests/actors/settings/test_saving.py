"""Several keys at once, going back in the history, and reading again (spec/settings.md 5.3 and 7)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.operational_events.messages import EVENTS, RecordEvent
from alphapy.actors.settings.actor import GuildSettings
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.listeners import Listeners
from alphapy.actors.settings.messages import (
    ChangeSetting,
    ConfigAudit,
    NotSaved,
    RefusalKind,
    Reload,
    RollBack,
    Saved,
    SaveScope,
)
from alphapy.features import BuiltFeatures
from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.pure.ids import GuildId
from alphapy.storage.pool import Pool
from tests.actors.settings.test_actor import GUILD, GUILD_CREATE, SETTINGS
from tests.support.actors import ask, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


OFFSET = "reminder_offset_minutes"


class Ear(Actor):
    """Hears what is told to an address."""

    def __init__(self, context: Context, heard: list[Any]) -> None:
        super().__init__(context)
        self._heard = heard

    @override
    async def handle(self, message: object) -> object:
        self._heard.append(message)
        return None


@attrs.define
class Room:
    registry: Registry
    board: SettingsBoard
    pool: Pool
    audits: list[ConfigAudit]
    events: list[RecordEvent]

    async def save(self, scope: str, /, **values: Any) -> Any:
        return await self.ask(SaveScope(scope=scope, values=values, actor_id=9))

    async def ask(self, request: Any, *, guild_id: int = GUILD) -> Any:
        return await ask(self.registry, Address.guild(GuildId(guild_id), "settings"), request)

    async def refused(self, request: Any) -> tuple[RefusalKind, str]:
        answer = await self.ask(request)
        assert isinstance(answer, NotSaved), answer
        return answer.kind, answer.name

    async def rows(self) -> dict[str, Any]:
        async with self.pool.transaction("test") as tx:
            return dict(await tx.fetch_all("SELECT scope || '.' || key, value FROM bot_settings"))

    async def history(self) -> list[tuple[Any, ...]]:
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(
                "SELECT key, change_type, old_value, new_value, changed_by FROM settings_history ORDER BY id"
            )

    async def newest(self) -> int:
        async with self.pool.transaction("test") as tx:
            return int(await tx.fetch_value("SELECT max(id) FROM settings_history"))

    async def back(self, history_id: int, **more: Any) -> Any:
        return await self.ask(RollBack(history_id=history_id, actor_id=9, **more))


@asynccontextmanager
async def open_room(pool: Pool) -> AsyncIterator[Room]:
    guilds = GuildCache()
    guilds.apply(decode("GUILD_CREATE", GUILD_CREATE))
    boards: list[SettingsBoard] = []
    audits: list[Any] = []
    events: list[Any] = []

    def settings(context: Context) -> GuildSettings:
        listeners = Listeners(registry, registry, BuiltFeatures())
        return GuildSettings(context, pool=pool, board=boards[0], guilds=guilds, listeners=listeners)

    async with running(
        settings=ChildSpec(factory=settings),
        guild_log=ChildSpec(factory=lambda context: Ear(context, audits)),
        process_operational_events=ChildSpec(factory=lambda context: Ear(context, events)),
    ) as registry:
        assert EVENTS.pattern == "process/operational_events"
        boards.append(SettingsBoard(setting_registry(), registry))
        yield Room(registry, boards[0], pool, audits, events)


@pytest.fixture
async def room(pool: Pool) -> AsyncIterator[Room]:
    async with open_room(pool) as opened:
        yield opened


async def test_several_keys_are_saved_at_once_and_seen_at_once(room: Room) -> None:
    answer = await room.save("reminders", default_channel_id="300", allow_everyone_mentions=True)
    assert isinstance(answer, Saved)
    assert [(change.key, change.old, change.new) for change in answer.written] == [
        ("allow_everyone_mentions", False, True),
        ("default_channel_id", 0, 300),
    ]
    assert room.board.snapshot(GUILD).snowflake("reminders", "default_channel_id") == 300
    assert await room.rows() == {
        "reminders.default_channel_id": 300,
        "reminders.allow_everyone_mentions": True,
    }
    await room.save("reminders", enabled=False)
    assert "reminders.default_channel_id" in await room.rows()
    assert all(row[4] == 9 for row in await room.history())


async def test_one_bad_key_keeps_all_from_being_written(room: Room) -> None:
    for bad, kind in (
        ({"enabled": "perhaps"}, RefusalKind.BAD_VALUE),
        ({"default_channel_id": "999"}, RefusalKind.BAD_VALUE),
        ({"default_channel_id": 301}, RefusalKind.BAD_VALUE),
        ({"nobody": 1}, RefusalKind.UNKNOWN),
    ):
        values = {"allow_everyone_mentions": True} | bad
        found = await room.refused(SaveScope(scope="reminders", values=values, actor_id=9))
        assert found == (kind, f"reminders.{next(iter(bad))}")
    assert (await room.refused(SaveScope(scope="nowhere", values={"a": 1}, actor_id=9)))[
        0
    ] == RefusalKind.UNKNOWN
    assert await room.rows() == {}
    assert await room.history() == []
    assert not room.audits
    assert not room.events


async def test_what_the_bot_keeps_itself_cannot_be_written(room: Room) -> None:
    values = {"reference_image_message_id": "5"}
    found = await room.refused(SaveScope(scope="verification", values=values, actor_id=9))
    assert found == (RefusalKind.BAD_VALUE, "verification.reference_image_message_id")


async def test_null_and_an_empty_text_clear_and_unchanged_writes_nothing(room: Room) -> None:
    await room.save("invites", with_inviter_template="{member}!", announcement_channel_id=300)
    assert (await room.save("invites", with_inviter_template="{member}!")).written == ()
    assert (await room.save("invites", no_inviter_template=None)).written == ()
    cleared = await room.save("invites", with_inviter_template="", announcement_channel_id=None)
    assert [(change.key, change.is_reset) for change in cleared.written] == [
        ("announcement_channel_id", True),
        ("with_inviter_template", True),
    ]
    assert await room.rows() == {}
    assert [row[1] for row in await room.history()] == ["created", "created", "deleted", "deleted"]


async def test_replace_clears_what_is_not_listed_but_not_what_the_bot_keeps(room: Room) -> None:
    await room.save("verification", max_payment_age_days=10, ai_prompt_context="x")
    async with room.pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
            " (100, 'verification', 'reference_image_message_id', '\"5\"'),"
            " (100, 'verification', 'nobody_knows', '1')"
        )
    request = SaveScope(scope="verification", values={"max_payment_age_days": 11}, replace=True, actor_id=9)
    answer = await room.ask(request)
    assert [change.key for change in answer.written] == ["ai_prompt_context", "max_payment_age_days"]
    assert await room.rows() == {
        "verification.max_payment_age_days": 11,
        "verification.reference_image_message_id": "5",
        "verification.nobody_knows": 1,
    }


async def test_the_model_is_for_bot_owners(room: Room) -> None:
    default = room.board.snapshot(GUILD).text("gpt", "model")
    assert (await room.save("gpt", model=default, temperature=0.5)).written[0].key == "temperature"
    assert "gpt.model" not in await room.rows()
    change = SaveScope(scope="gpt", values={"model": "grok-9", "temperature": 0.1}, actor_id=9)
    assert await room.refused(change) == (RefusalKind.FORBIDDEN, "gpt.model")
    assert (await room.rows()) == {"gpt.temperature": 0.5}
    assert len((await room.ask(attrs.evolve(change, as_owner=True))).written) == 2
    assert (await room.save("gpt", model="grok-9")).written == ()
    for clearing in (
        SaveScope(scope="gpt", values={"model": None}, actor_id=9),
        SaveScope(scope="gpt", values={}, replace=True, actor_id=9),
    ):
        assert (await room.refused(clearing))[0] is RefusalKind.FORBIDDEN
    assert (await room.rows())["gpt.model"] == "grok-9"
    await room.ask(attrs.evolve(change, as_owner=True, values={"model": "grok-10"}))
    newest = await room.newest()
    assert (await room.back(newest)).kind is RefusalKind.FORBIDDEN
    assert isinstance(await room.back(newest, as_owner=True), Saved)


async def test_settings_25_and_26_back_to_an_earlier_value(room: Room) -> None:
    await room.save("embedwatcher", **{OFFSET: 60})
    created = await room.newest()
    await room.save("embedwatcher", **{OFFSET: 90})
    updated = await room.newest()
    answer = await room.back(updated)
    assert isinstance(answer, Saved)
    assert room.board.snapshot(GUILD).number("embedwatcher", OFFSET) == 60
    assert (await room.history())[-1] == (OFFSET, "rollback", 90, 60, 9)
    assert await room.back(updated) == Saved(())
    assert len(await room.history()) == 3
    assert (await room.back(created)).kind is RefusalKind.NOT_ROLLBACKABLE
    rolled_back = await room.newest()
    assert (await room.back(rolled_back)).kind is RefusalKind.NOT_ROLLBACKABLE
    other = await room.ask(RollBack(history_id=updated, actor_id=9), guild_id=101)
    assert other.kind is RefusalKind.GONE
    assert (await room.back(2**62)).kind is RefusalKind.GONE


async def test_settings_27_a_key_that_was_cleared_meanwhile_comes_back(room: Room) -> None:
    await room.save("embedwatcher", **{OFFSET: 60})
    await room.save("embedwatcher", **{OFFSET: 90})
    updated = await room.newest()
    await room.save("embedwatcher", **{OFFSET: None})
    await room.back(updated)
    assert await room.rows() == {f"embedwatcher.{OFFSET}": 60}
    assert (await room.history())[-1] == (OFFSET, "rollback", None, 60, 9)


async def test_an_old_value_must_still_be_one_that_may_be_written(room: Room) -> None:
    for scope, key, old, kind in (
        ("embedwatcher", OFFSET, "4321", RefusalKind.BAD_VALUE),
        ("embedwatcher", OFFSET, '"soon"', RefusalKind.NOT_ROLLBACKABLE),
        ("embedwatcher", OFFSET, "null", RefusalKind.NOT_ROLLBACKABLE),
        ("system", "log_channel_id", "0", RefusalKind.NOT_ROLLBACKABLE),
        ("system", "log_channel_id", "999", RefusalKind.BAD_VALUE),
        ("verification", "reference_image_message_id", '"5"', RefusalKind.BAD_VALUE),
        ("retired", "key", "1", RefusalKind.UNKNOWN),
    ):
        assert (await room.back(await remembered(room, scope, key, old))).kind is kind, (key, old)
    assert await room.rows() == {}


async def test_an_old_value_is_read_as_it_was_meant(room: Room) -> None:
    answer = await room.back(await remembered(room, "system", "log_channel_id", '"\\"300\\""'))
    assert [change.new for change in answer.written] == [300]
    assert await room.rows() == {"system.log_channel_id": 300}


async def remembered(room: Room, scope: str, key: str, old: str) -> int:
    """The number of an entry of the history, as another program may have left it."""
    async with room.pool.transaction("test") as tx:
        found = await tx.fetch_value(
            "INSERT INTO settings_history (guild_id, scope, key, old_value, new_value, change_type)"
            " VALUES (100, %s, %s, %s::jsonb, '1', 'updated') RETURNING id",
            (scope, key, old),
        )
    return int(found)


async def test_a_guild_that_discord_has_not_sent_cannot_be_given_channels(room: Room) -> None:
    answer = await room.ask(
        SaveScope(scope="system", values={"log_channel_id": 300}, actor_id=9), guild_id=101
    )
    assert (answer.kind, answer.name) == (RefusalKind.NOT_YET, "system.log_channel_id")
    assert isinstance(
        await room.ask(
            SaveScope(scope="system", values={"log_level": "normal", "log_channel_id": 0}, actor_id=9),
            guild_id=101,
        ),
        Saved,
    )


async def test_settings_35_reloading_counts_what_can_be_read(room: Room) -> None:
    await room.save("system", log_level="normal")
    async with room.pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
            " (100, 'growth', 'enabled', 'false'), (100, 'nobody', 'knows', '1'),"
            " (101, 'gpt', 'enabled', 'false')"
        )
    assert await room.ask(Reload()) == 2
    assert not room.board.snapshot(GUILD).enabled("growth")


async def test_a_request_is_recorded_in_one_embed_and_one_event(room: Room) -> None:
    await room.save("reminders", enabled=False, default_channel_id=300)
    await wait_until(lambda: bool(room.audits and room.events), what="the records")
    (audit,) = room.audits
    assert audit.title == "⏰ Reminders settings updated"
    assert audit.description.splitlines() == [
        "`reminders.default_channel_id`: <#300>",
        "`reminders.enabled`: ❌ no",
        "By <@9>",
    ]
    (event,) = room.events
    assert (event.event_type, event.guild_id) == ("SETTINGS_CHANGED", GUILD)
    assert event.details == {
        "scope": "reminders",
        "count": 2,
        "action": "bulk_update",
        "updated_by": 9,
        "source": "api",
    }
    assert event.message == "2 settings of reminders were changed."


async def test_a_rollback_and_a_reset_are_recorded_as_such(room: Room) -> None:
    await room.save("embedwatcher", **{OFFSET: 60})
    await room.save("embedwatcher", **{OFFSET: 90})
    await room.back(await room.newest())
    await room.save("embedwatcher", **{OFFSET: None})
    await wait_until(lambda: len(room.audits) == len(room.events) == 4, what="the records")
    assert [audit.title for audit in room.audits] == [
        "🔁 Embedwatcher setting updated",
        "🔁 Embedwatcher setting updated",
        "🔁 Embedwatcher setting rolled back",
        "🔁 Embedwatcher setting reset",
    ]
    assert room.audits[3].description == f"`embedwatcher.{OFFSET}`: reset to default\nBy <@9>"
    assert room.events[2].details == {
        "scope": "embedwatcher",
        "key": OFFSET,
        "value": "60",
        "action": "rollback",
        "updated_by": 9,
        "source": "api",
    }
    assert room.events[3].details["action"] == "bulk_update"


async def test_the_log_channel_of_before_hears_of_the_move_as_well(room: Room) -> None:
    await room.save("system", log_channel_id=300)
    await room.save("system", log_channel_id=None)
    await wait_until(lambda: len(room.audits) == 2, what="the audits")
    assert [audit.channels for audit in room.audits] == [(300,), (300,)]


async def test_a_long_list_of_changes_fits_the_embed(room: Room) -> None:
    registry = setting_registry()
    values: dict[str, Any] = {
        definition.key: 201 for definition in registry.scope("engagement") if "role" in definition.key
    }
    values |= {f"{name}_enabled": True for name in ("challenges", "weekly", "badges", "streaks", "og")}
    values |= {
        "og_claim_text": "`x` " * 500,
        "weekly_award_configs": "y" * 4000,
        "og_cap": 5,
        "enabled": True,
    }
    await room.save("engagement", **values)
    await wait_until(lambda: bool(room.audits), what="the audit")
    assert len(room.audits[0].description) <= 4096
    assert len(room.audits[0].description.splitlines()) == len(values) + 1


async def test_a_command_leaves_an_event_too_and_an_unchanged_value_none(room: Room) -> None:
    change = ChangeSetting(scope="system", key="log_level", value="normal", actor_id=9)
    await room.ask(change)
    await room.ask(change)
    await room.ask(attrs.evolve(change, value=None))
    await wait_until(lambda: len(room.events) == 2, what="the events")
    assert [(event.details["action"], event.details["source"]) for event in room.events] == [
        ("set", "command"),
        ("clear", "command"),
    ]
    assert room.events[0].details["value"] == '"normal"'
    assert room.audits == []  # the command's own handler tells the log channel


async def test_writers_of_the_same_keys_in_any_order_do_not_block_each_other(room: Room) -> None:
    keys = ["challenges_enabled", "weekly_enabled", "badges_enabled", "og_enabled"]
    async with trio.open_nursery() as nursery:
        for turn in range(6):
            ordered = keys if turn % 2 else keys[::-1]
            request = SaveScope(
                scope="engagement", values={key: bool(turn % 3) for key in ordered}, actor_id=turn
            )
            nursery.start_soon(ask, room.registry, SETTINGS, request)
    chains: dict[str, list[tuple[Any, Any]]] = {}
    for key, _, old, new, _ in await room.history():
        chains.setdefault(key, []).append((old, new))
    for chain in chains.values():
        assert [old for old, _ in chain] == [None, *(new for _, new in chain[:-1])]
