"""``/export_onboarding``: all answers of all guilds as CSV, for the bot's owners (spec/tickets.md 4.8).

Rows are read a page at a time and files sent as they fill up, so that a large table costs little memory and
no long transaction. Nothing is written to disk.

When it fails: the owner reads so; files that were sent before stay.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.gateway.commands import Access, Command
from alphapy.gateway.models.outgoing import File, OutgoingMessage
from alphapy.gateway.refusals import Refused
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.csvsafe import PART, Parts, text_cell
from alphapy.storage import onboarding as storage
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation

COMPONENT: Final = "onboarding_records"
COLUMNS: Final = ("guild_id", "user_id", "responses", "timestamp")
NAME: Final = "onboarding_data"

PAGE: Final = 1000
"""Rows of one query."""

FILES: Final = 3
"""Files of one message: fewer than Discord takes, since they are in memory together."""

STATEMENT_WITHIN: Final = 60.0
"""Seconds for one query (spec/schema.md)."""


@attrs.frozen(kw_only=True)
class ExportOnboarding:
    """The handler. ``part`` is how many bytes a file may have, ``page`` how many rows a query gives."""

    _pool: Pool
    _part: int = PART
    _page: int = PAGE

    def command(self) -> Command:
        """The declaration."""
        return Command(
            name="export_onboarding",
            description="Download what members of all servers answered when they joined",
            handler=self._export,
            access=Access.OWNER,
            changes=False,
        )

    async def _export(self, invocation: Invocation) -> None:
        await invocation.defer(ephemeral=True)
        parts = Parts(COLUMNS, most=self._part)
        parcel = _Parcel(invocation)
        after = (-1, -1)
        while True:
            rows = await self._read(after)
            for row in rows:
                finished = parts.add(_cells(row))
                if finished is not None:
                    await parcel.put(finished)
            if len(rows) < self._page:
                break
            after = (rows[-1].guild_id, rows[-1].user_id)
        if not parts.rows:
            await invocation.reply("Nobody has answered anything yet, so there is no file.", ephemeral=True)
            return
        await parcel.finish(parts.last(), parts.rows)

    async def _read(self, after: tuple[int, int]) -> list[storage.Row]:
        return await self._pool.run(
            COMPONENT,
            lambda tx: storage.page(tx, after, limit=self._page),
            idempotent=True,
            statement_timeout=STATEMENT_WITHIN,
        )


class _Parcel:
    """Files on their way to the owner."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._waiting: list[bytes] = []
        self._sent = 0

    async def put(self, part: bytes) -> None:
        """Take a file that others follow."""
        self._waiting.append(part)
        if len(self._waiting) == FILES:
            await self._send("📤 Answers of onboarding; more files follow.", is_whole=False)

    async def finish(self, part: bytes, rows: int) -> None:
        """Take the last file, and send what is here."""
        is_whole = not (self._sent or self._waiting)
        self._waiting.append(part)
        await self._send(
            f"📤 Answers of onboarding: {rows:,} row{'' if rows == 1 else 's'}.", is_whole=is_whole
        )

    async def _send(self, text: str, *, is_whole: bool) -> None:
        files = tuple(
            File(
                name=f"{NAME}.csv" if is_whole else f"{NAME}_part{self._sent + number}.csv",
                content=content,
                content_type="text/csv",
            )
            for number, content in enumerate(self._waiting, 1)
        )
        self._sent += len(files)
        self._waiting = []
        try:
            await self._invocation.reply(OutgoingMessage(content=text, files=files), ephemeral=True)
        except DiscordError as error:
            raise Refused(
                "Discord did not take the file. Please try again in a moment.", str(error)
            ) from error


def _cells(row: storage.Row) -> tuple[str, ...]:
    responses = (
        None
        if row.responses is None
        else json.dumps(row.responses, ensure_ascii=False, separators=(",", ":"))
    )
    at = "" if row.at is None else row.at.isoformat()
    return str(row.guild_id), str(row.user_id), text_cell(responses), at
