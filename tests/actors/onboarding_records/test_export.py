"""`/export_onboarding`: files for owners, and for nobody else (spec/engagement.md 4.8, tickets.md 4.8)."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from alphapy.actors.onboarding_records.export import ExportOnboarding
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from tests.gateway.interactions.house import OWNER, house
from tests.support.interactions import FakeCalls, command

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool


async def fill(pool: Pool, rows: list[tuple[int, int, Any, str | None]]) -> None:
    async with pool.transaction("test") as tx:
        for guild, user, responses, at in rows:
            await tx.execute(
                'INSERT INTO onboarding (guild_id, user_id, responses, "timestamp") VALUES (%s, %s, %s, %s)',
                (guild, user, None if responses is None else json.dumps(responses), at),
            )


async def export(
    pool: Pool, *, part: int = 1 << 20, page: int = 1000, calls: FakeCalls | None = None, **more: Any
) -> list[OutgoingMessage]:
    """What the owner gets."""
    calls = calls or FakeCalls()
    handler = ExportOnboarding(pool=pool, part=part, page=page)
    async with house(calls, commands=[handler.command()]) as found:
        await found.submit(command("export_onboarding", **{"user_id": OWNER, **more}))
        assert not found.crashes
    assert calls.first.ephemeral
    return [said.body for said in calls.said if isinstance(said.body, OutgoingMessage)]


async def test_all_guilds_in_order_in_one_file(pool: Pool) -> None:
    long_ago = "2026-01-05 12:00:00"
    await fill(
        pool,
        [
            (2, 1, {"0": "b"}, long_ago),
            (1, 9, None, None),
            (1, 10, "=1", "infinity"),
            (1, 2, {"0": "a, b", "é": ["x"]}, long_ago),
        ],
    )
    (message,) = await export(pool, page=2, guild_id=0)
    assert message.content == "📤 Answers of onboarding: 4 rows."
    assert message.ephemeral
    (file,) = message.files
    assert (file.name, file.content_type) == ("onboarding_data.csv", "text/csv")
    assert file.content.endswith(b"\r\n")
    assert not file.content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(file.content.decode(), newline=""))) == [
        ["guild_id", "user_id", "responses", "timestamp"],
        ["1", "2", '{"0":"a, b","é":["x"]}', "2026-01-05T12:00:00+00:00"],
        ["1", "9", "", ""],
        ["1", "10", '"=1"', ""],
        ["2", "1", '{"0":"b"}', "2026-01-05T12:00:00+00:00"],
    ]


async def test_a_large_table_comes_in_parts_and_messages(pool: Pool) -> None:
    await fill(pool, [(1, user, {"0": "x" * 50}, None) for user in range(1, 11)])
    messages = await export(pool, part=120, page=3)
    files = [file for message in messages for file in message.files]
    assert [file.name for file in files] == [f"onboarding_data_part{n}.csv" for n in range(1, 11)]
    assert all(file.content.startswith(b"guild_id,user_id,responses,timestamp\r\n1,") for file in files)
    assert [len(message.files) for message in messages] == [3, 3, 3, 1]
    assert messages[0].content == "📤 Answers of onboarding; more files follow."
    assert messages[-1].content == "📤 Answers of onboarding: 10 rows."


async def test_without_rows_there_is_no_file(pool: Pool) -> None:
    (message,) = await export(pool)
    assert (message.content, message.files) == ("Nobody has answered anything yet, so there is no file.", ())


async def test_nobody_else_gets_it(pool: Pool) -> None:
    await fill(pool, [(1, 1, {"0": "secret"}, None)])
    calls = FakeCalls()
    assert await export(pool, calls=calls, user_id=OWNER + 1) == []
    assert calls.first.text == "Only the owners of this bot can use this."


async def test_a_file_that_discord_does_not_take_is_told(pool: Pool) -> None:
    await fill(pool, [(1, 1, {"0": "a"}, None)])
    calls = FakeCalls()
    calls.failures["edit_original"] = [
        DiscordError(kind=DiscordErrorKind.INVALID, route="PATCH", message="too large", status=413)
    ]
    (message,) = await export(pool, calls=calls)
    assert message.content.startswith("Discord did not take the file.")
