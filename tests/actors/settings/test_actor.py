"""A guild's settings actor: one change at a time, exact history, tolerant reading."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.settings.actor import GuildSettings
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.listeners import Listeners
from alphapy.actors.settings.messages import (
    Changed,
    ChangeSetting,
    Rejected,
    SettingsChanged,
    Source,
    Unchanged,
)
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.features import BuiltFeatures
from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.pure.ids import GuildId
from alphapy.storage import settings as storage
from tests.support.actors import ask, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from alphapy.actors.kernel.registry import Registry
    from alphapy.storage.pool import Pool

GUILD = GuildId(100)
SETTINGS = Address.guild(GUILD, "settings")
GUILD_CREATE = b"""
{"id": "100", "name": "Lighthouse", "owner_id": "1", "members": [], "threads": [],
 "roles": [{"id": "100", "name": "@everyone", "permissions": "0"},
           {"id": "200", "name": "Bot", "permissions": "0", "managed": true},
           {"id": "201", "name": "Staff", "permissions": "0"}],
 "channels": [{"id": "300", "type": 0, "name": "general"}, {"id": "301", "type": 4, "name": "tickets"}]}
"""


class Recorder(Listeners):
    """Keeps what it is told."""

    def __init__(self, told: list[SettingsChanged], *args: Any) -> None:
        super().__init__(*args)
        self._told_here = told

    @override
    def tell(self, changes: Iterable[SettingsChanged]) -> bool:
        self._told_here += changes
        return False


@asynccontextmanager
async def house(
    pool: Pool, told: list[SettingsChanged] | None = None
) -> AsyncIterator[tuple[Registry, SettingsBoard]]:
    guilds = GuildCache()
    guilds.apply(decode("GUILD_CREATE", GUILD_CREATE))
    boards: list[SettingsBoard] = []

    def actor(context: Any) -> GuildSettings:
        told_here: list[SettingsChanged] = [] if told is None else told
        listeners = Recorder(told_here, registry, registry, BuiltFeatures())
        return GuildSettings(context, pool=pool, board=boards[0], guilds=guilds, listeners=listeners)

    async with running(settings=ChildSpec(factory=actor)) as registry:
        boards.append(SettingsBoard(setting_registry(), registry))
        yield registry, boards[0]


def set_to(value: Any, scope: str = "embedwatcher", key: str = "reminder_offset_minutes") -> ChangeSetting:
    return ChangeSetting(scope=scope, key=key, value=value, actor_id=9)


async def test_settings_34_concurrent_changes_form_an_unbroken_chain(pool: Pool) -> None:
    async with house(pool) as (registry, board):
        async with trio.open_nursery() as nursery:
            for minutes in range(1, 21):
                nursery.start_soon(ask, registry, SETTINGS, set_to(minutes))
        last = board.snapshot(GUILD).number("embedwatcher", "reminder_offset_minutes")
    async with pool.transaction("test") as tx:
        chain = await tx.fetch_all("SELECT old_value, new_value FROM settings_history ORDER BY id")
    assert len(chain) == 20
    assert [old for old, _ in chain] == [None, *(new for _, new in chain[:-1])]
    assert chain[-1][1] == last


async def test_a_change_is_visible_when_its_reply_comes(pool: Pool) -> None:
    async with house(pool) as (registry, board):
        changed = await ask(registry, SETTINGS, set_to(4320))
        assert isinstance(changed, Changed)
        assert board.snapshot(GUILD).number("embedwatcher", "reminder_offset_minutes") == 4320
        assert isinstance(await ask(registry, SETTINGS, set_to("4320")), Unchanged)
        assert isinstance(await ask(registry, SETTINGS, set_to(None)), Changed)
        assert board.snapshot(GUILD).number("embedwatcher", "reminder_offset_minutes") == 60


async def test_what_does_not_fit_is_rejected_with_what_it_must_be(pool: Pool) -> None:
    cases = [
        (set_to(4321), "between 0 and 4320"),
        (set_to(300, "ticketbot", "category_id"), "a category"),
        (set_to(301, "system", "log_channel_id"), "a text or announcement channel"),
        (set_to(999, "system", "log_channel_id"), "a text or announcement channel"),
        (set_to(100, "ticketbot", "staff_role_id"), "neither @everyone nor managed"),
        (set_to(200, "ticketbot", "staff_role_id"), "neither @everyone nor managed"),
        (set_to(999, "ticketbot", "staff_role_id"), "neither @everyone nor managed"),
    ]
    async with house(pool) as (registry, _board):
        for request, words in cases:
            rejected = await ask(registry, SETTINGS, request)
            assert isinstance(rejected, Rejected), request
            assert words in rejected.expected
        assert isinstance(await ask(registry, SETTINGS, set_to(201, "ticketbot", "staff_role_id")), Changed)
        assert isinstance(await ask(registry, SETTINGS, set_to(301, "ticketbot", "category_id")), Changed)
        unknown = Address.guild(GuildId(101), "settings")
        rejected = await ask(registry, unknown, set_to(300, "system", "log_channel_id"))
        assert isinstance(rejected, Rejected)
        assert "once Discord has sent" in rejected.expected


async def test_settings_33_an_undecodable_row_does_not_stop_the_others(pool: Pool, caplog: Any) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value) VALUES
                (100, 'system', 'log_channel_id', '"not-an-int"'),
                (100, 'system', 'rules_channel_id', '"300"'),
                (100, 'growth', 'enabled', '"false"'),
                (100, 'nobody', 'knows', '1')
            """
        )
    async with house(pool) as (_registry, board):
        with trio.fail_after(5):
            snapshot = await board.fresh(GUILD, max_age=0)
        assert snapshot.snowflake("system", "log_channel_id") is None
        assert snapshot.snowflake("system", "rules_channel_id") == 300
        assert not snapshot.enabled("growth")
    events = [getattr(record, "event", "") for record in caplog.records]
    assert events.count("settings_undecodable") == 1


async def test_settings_11_a_gate_is_closed_while_the_database_is_away(pool: Pool) -> None:
    async with house(pool) as (registry, board):
        async with pool.transaction("test") as tx:
            await tx.execute("ALTER TABLE bot_settings RENAME TO hidden_settings")
        with pytest.raises(SettingsUnavailable):
            await board.fresh(GUILD, max_age=0)
        reply = await registry.ask(SETTINGS, set_to(5), timeout=2)
        assert not isinstance(reply, Answered)


async def test_a_row_that_no_program_can_read_stops_neither_the_start_nor_its_neighbours(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value) VALUES
                (100, 'embedwatcher', 'reminder_offset_minutes', repeat('9', 6000)::jsonb),
                (100, 'automod', 'escalation', (repeat('[', 3000) || repeat(']', 3000))::jsonb),
                (100, 'engagement', 'og_cap', '7')
            """
        )
        everything = await storage.load_all(tx)
    async with house(pool) as (registry, board):
        board.load(everything)
        assert board.snapshot(GUILD).number("engagement", "og_cap") == 7
        assert board.snapshot(GUILD).number("embedwatcher", "reminder_offset_minutes") == 60
        assert isinstance(await ask(registry, SETTINGS, set_to(30)), Changed)
    async with pool.transaction("test") as tx:
        old = await tx.fetch_value("SELECT old_value::text FROM settings_history")
    assert old == "9" * 6000


async def test_a_change_names_what_was_there_before_and_takes_no_credit_for_others(pool: Pool) -> None:
    told: list[SettingsChanged] = []
    async with house(pool, told) as (registry, _board):
        await ask(registry, SETTINGS, set_to(30))
        async with pool.transaction("test") as tx:
            await tx.execute(
                "INSERT INTO bot_settings (guild_id, scope, key, value)"
                " VALUES (100, 'gpt', 'enabled', 'false')"
            )
        changed = await ask(registry, SETTINGS, set_to(31))
    assert isinstance(changed, Changed)
    assert changed.old == 30
    assert {(change.scope, change.source, change.actor_id) for change in told} == {
        ("embedwatcher", Source.COMMAND, 9),
        ("gpt", None, None),
    }


async def test_a_guild_that_comes_back_is_judged_by_its_own_settings_and_read_again(pool: Pool) -> None:
    async with house(pool) as (registry, board):
        await ask(registry, SETTINGS, set_to(value=True, scope="engagement", key="enabled"))
        board.forget(GUILD)
        assert board.snapshot(GUILD).enabled("engagement"), "not by the default"
        async with pool.transaction("test") as tx:
            await tx.execute("UPDATE bot_settings SET value = 'false' WHERE scope = 'engagement'")
        board.returned(GUILD)
        await wait_until(lambda: not board.snapshot(GUILD).enabled("engagement"), what="the row as it is now")


async def test_a_guild_that_has_left_is_read_again_before_a_gate_trusts_it(pool: Pool) -> None:
    async with house(pool) as (registry, board):
        await ask(registry, SETTINGS, set_to(value=True, scope="engagement", key="enabled"))
        board.forget(GUILD)
        async with pool.transaction("test") as tx:
            await tx.execute("UPDATE bot_settings SET value = 'false' WHERE scope = 'engagement'")
        assert not (await board.fresh(GUILD)).enabled("engagement")
