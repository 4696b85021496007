"""The start-up gate's decision table (spec/schema.md 5.1; scenarios 12 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from alphapy.storage import gate, migrate
from alphapy.storage.errors import DatabaseUnavailable, DsnError
from alphapy.storage.gate import SchemaMismatch, Verdict, judge
from tests.storage.schema.shapes import SINGLE_GUILD
from tests.storage.schema.support import assert_newest, run, stamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import psycopg


def test_the_decision_follows_the_revision() -> None:
    known = ("001_a", "002_b")
    assert judge("002_b", known) is Verdict.CURRENT
    assert judge("001_a", known) is Verdict.BEHIND
    assert judge(None, known) is Verdict.BEHIND
    assert judge("003_c", known) is Verdict.UNKNOWN


async def test_a_current_database_may_be_used(database_url: str) -> None:
    standing = await gate.inspect(database_url)
    assert standing == gate.Standing(migrate.head(), upgraded=False, warnings=())


async def test_scenario_12_a_newer_revision_is_refused_whatever_is_allowed(database_url: str) -> None:
    stamp(database_url, "999_future")
    with pytest.raises(SchemaMismatch, match=r"999_future.*newer version") as caught:
        await gate.inspect(database_url, auto_migrate=True, allow_schema_drift=True)
    assert migrate.head() in str(caught.value)
    assert migrate.current(database_url) == "999_future"


async def test_scenario_13_a_database_behind_is_named_with_what_to_run(at_027: str) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        await gate.inspect(at_027)
    message = str(caught.value)
    assert "027_agent_nudge_state" in message
    assert migrate.head() in message
    assert "alphapy db upgrade" in message
    assert migrate.current(at_027) == "027_agent_nudge_state"


async def test_an_unstamped_database_is_refused_or_upgraded(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="no schema yet"):
        await gate.inspect(empty_database_url)
    standing = await gate.inspect(empty_database_url, auto_migrate=True)
    assert standing == gate.Standing(migrate.head(), upgraded=True, warnings=())
    assert_newest(empty_database_url)


async def test_an_upgrade_that_fails_says_why(at_027: str) -> None:
    run(at_027, "ALTER TABLE reminders DROP CONSTRAINT reminders_pkey")
    run(
        at_027, "INSERT INTO reminders (id, guild_id, name, channel_id) VALUES (1, 5, 'a', 9), (1, 6, 'b', 9)"
    )
    with pytest.raises(SchemaMismatch, match=r"AUTO_MIGRATE could not.*in guilds 5, 6"):
        await gate.inspect(at_027, auto_migrate=True)
    assert migrate.current(at_027) == "027_agent_nudge_state"


async def test_missing_columns_stop_the_start_unless_drift_is_allowed(database_url: str) -> None:
    run(database_url, "ALTER TABLE reminders DROP COLUMN kind; DROP TABLE quiz_answers")
    with pytest.raises(SchemaMismatch, match=r"lacks: table quiz_answers, reminders: column kind") as caught:
        await gate.inspect(database_url, auto_migrate=True)
    assert "ALLOW_SCHEMA_DRIFT=1" in str(caught.value)
    standing = await gate.inspect(database_url, allow_schema_drift=True)
    assert "quiz_answers" in standing.warnings[0]


async def test_harmless_drift_is_a_warning(database_url: str) -> None:
    run(database_url, "DROP INDEX idx_reminders_time; CREATE TABLE somebody_elses (id integer)")
    standing = await gate.inspect(database_url)
    assert standing.warnings == ("the schema differs: reminders: index idx_reminders_time",)


async def test_ids_that_will_run_out_are_announced(database_url: str) -> None:
    run(database_url, "SELECT setval('audit_logs_id_seq', 2000000000)")
    standing = await gate.inspect(database_url)
    assert standing.warnings == ("audit_logs_id_seq is at 2,000,000,000 of 2,147,483,647: ids will run out",)


async def test_a_broken_version_table_is_refused(database_url: str) -> None:
    run(database_url, "INSERT INTO alembic_version VALUES ('001_initial')")
    with pytest.raises(SchemaMismatch, match="several rows"):
        await gate.inspect(database_url)


def _recording(
    pauses: list[float], then: Callable[[], object] = lambda: None
) -> Callable[[float], Awaitable[None]]:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        then()
        await trio.lowlevel.checkpoint()

    return sleep


async def test_connecting_is_tried_five_times_with_growing_pauses() -> None:
    pauses: list[float] = []
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await gate.inspect("postgresql://postgres@127.0.0.1:1/nothing", sleep=_recording(pauses))
    assert pauses == [1.5, 3.0, 4.5, 6.0]


async def test_a_database_that_appears_in_the_meantime_is_used(database_url: str) -> None:
    renamed = database_url.replace("@/test_", "@/later_")
    names = [address.partition("@/")[2].partition("?")[0] for address in (database_url, renamed)]
    admin = database_url.replace(names[0], "postgres")
    run(admin, f"ALTER DATABASE {names[0]} RENAME TO {names[1]}")
    pauses: list[float] = []
    back = _recording(pauses, lambda: run(admin, f"ALTER DATABASE {names[1]} RENAME TO {names[0]}"))
    standing = await gate.inspect(database_url, sleep=back)
    assert standing.revision == migrate.head()
    assert pauses == [1.5]


async def test_an_address_that_cannot_be_read_is_not_tried_again() -> None:
    with pytest.raises(DsnError):
        await gate.inspect("mysql://somewhere", sleep=_recording([]))


async def test_a_server_that_goes_down_while_it_is_looked_at_is_tried_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    real = migrate.position

    def struck(connection: psycopg.Connection[Any]) -> str | None:
        if not pauses:
            run(database_url, f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        return real(connection)

    monkeypatch.setattr(migrate, "position", struck)
    assert (await gate.inspect(database_url, sleep=_recording(pauses))).revision == migrate.head()
    assert pauses == [1.5]


async def test_rows_without_a_guild_get_the_one_that_the_configuration_names(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    await gate.inspect(empty_database_url, auto_migrate=True, legacy_guild=777)
    assert run(empty_database_url, "SELECT DISTINCT guild_id FROM reminders") == [(777,)]
