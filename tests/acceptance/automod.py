"""A guild with auto-moderation on, and what tests look at there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from psycopg.types.json import Jsonb

from alphapy.sandbox.faults import RestFault
from alphapy.storage.pool import Pool
from tests.support.bot import JSON, Stage, described
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person

__all__ = ["Moderated", "add_rule", "described", "grant_premium", "log_rows", "moderated", "set_setting"]


@attrs.frozen
class Moderated:
    """The stage with the bot online, auto-moderation on, and a log channel."""

    stage: Stage
    pool: Pool

    @property
    def guild_id(self) -> int:
        return self.stage.demo.guild_id

    @property
    def general(self) -> int:
        return self.stage.general

    @property
    def log_channel(self) -> int:
        return self.stage.demo.channels["logs"]

    @property
    def admin(self) -> Person:
        return self.stage.person("ada")

    @property
    def member(self) -> Person:
        return self.stage.person("alan")

    def person(self, name: str) -> Person:
        return self.stage.person(name)

    def is_there(self, message: JSON) -> bool:
        channel = int(message["channel_id"])
        return message["id"] in {m["id"] for m in self.admin.visible_messages(channel)}

    async def is_gone(self, message: JSON) -> bool:
        await wait_until(lambda: not self.is_there(message), what="the deletion")
        return True

    async def wait_log(self, title: str = "⚠️ Auto-moderation violation") -> JSON:
        """The newest message in the log channel with this title."""
        return await self.admin.wait_message(
            self.log_channel, lambda m: bool(m["embeds"]) and m["embeds"][0].get("title") == title
        )

    async def wait_direct(self, person: Person | None = None, words: str = "") -> JSON:
        """The newest direct message that the bot has sent, with these words."""
        receiver = person or self.member
        channel = receiver.direct(self.stage.demo.application_id)
        bot = str(self.stage.demo.application_id)
        return await receiver.wait_message(
            channel, lambda m: m["author"]["id"] == bot and words in m["content"]
        )

    async def wait_rows(self, count: int) -> None:
        async def there() -> bool:
            return await self.count("automod_logs") == count

        await wait_until(there, what=f"{count} rows in the log")

    async def wait_delivered(self, count: int) -> None:
        """Return once so many rows are there and every action has been carried out or given up."""

        async def delivered() -> bool:
            rows = await log_rows(self.pool)
            return len(rows) == count and all(
                row["context"]["_meta"]["delivery"]["state"] != "pending" for row in rows
            )

        await wait_until(delivered, what=f"{count} violations dealt with")

    async def count(self, table: str) -> int:
        async with self.pool.transaction("test") as tx:
            return int(await tx.fetch_value(f"SELECT count(*) FROM {table}"))  # noqa: S608

    def timed_out(self, person: Person) -> bool:
        return bool(self._member(person).get("communication_disabled_until"))

    def roles(self, person: Person) -> set[int]:
        return {int(role) for role in self._member(person)["roles"]}

    def _member(self, person: Person) -> JSON:
        return self.stage.demo.world.guilds.get(self.guild_id).members[person.id]

    def end_timeout(self, person: Person) -> None:
        change: JSON = {"communication_disabled_until": None}
        self.stage.demo.world.members.edit(self.stage.demo.owner_id, self.guild_id, person.id, change)

    def is_banned(self, person: Person) -> bool:
        return person.id in self.stage.demo.world.guilds.get(self.guild_id).bans

    def close_direct(self, person: Person) -> None:
        """Let a person take no direct messages from the bot."""
        self.stage.sandbox.faults.arm_rest(
            RestFault.SERVER_ERROR, route="POST /users/@me/channels", times=50, status=403
        )

    async def press(self, person: Person, message: JSON, label: str) -> None:
        buttons = [button for row in message["components"] for button in row["components"]]
        custom_id = next(button["custom_id"] for button in buttons if button["label"] == label)
        await person.click(int(message["id"]), custom_id).wait_done()


async def moderated(stage: Stage, pool: Pool) -> Moderated:
    """Switch auto-moderation on, with a log channel."""
    town = Moderated(stage, pool)
    await town.admin.slash(town.general, "/automod toggle", enabled=True).wait_reply()
    await town.admin.slash(town.general, "/automod set_log_channel", channel=town.log_channel).wait_reply()
    return town


async def add_rule(town: Moderated, command: str, **options: Any) -> JSON:
    """Add a rule as the admin does."""
    return await town.admin.slash(town.general, f"/automod {command}", **options).wait_reply()


async def grant_premium(stage: Stage, pool: Pool) -> None:
    """Let somebody's subscription be for this guild."""
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO premium_subs (user_id, guild_id, tier, status) VALUES (%s, %s, 'monthly', 'active')",
            (stage.demo.owner_id, stage.demo.guild_id),
        )


async def set_setting(town: Moderated, key: str, value: Any) -> None:
    """Write a setting as another program does; it is noticed within two seconds."""
    async with town.pool.transaction("test") as tx:
        if value is None:
            await tx.execute("DELETE FROM bot_settings WHERE scope = 'automod' AND key = %s", (key,))
        else:
            await tx.execute(
                """
                INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
                VALUES (%s, 'automod', %s, %s, 'json')
                ON CONFLICT (guild_id, scope, key) DO UPDATE SET value = excluded.value
                """,
                (town.guild_id, key, Jsonb(value)),
            )
    await town.admin.slash(town.general, "/automod toggle", enabled=True).wait_reply()
    # A change that changes nothing reads no rows; one that does, reads them all.
    await town.admin.slash(town.general, "/automod set_warn_message", message=f"{key} {value}").wait_reply()
    await town.admin.slash(town.general, "/automod set_warn_message").wait_reply()


async def log_rows(pool: Pool) -> list[JSON]:
    """The rows of the log, oldest first."""
    names = (
        "id", "event_key", "user_id", "rule_id", "action_taken", "context", "appeal_status",
        "moderator_id", "ai_analysis", "message_content",
    )  # fmt: skip
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all(f"SELECT {', '.join(names)} FROM automod_logs ORDER BY id".encode())  # noqa: S608
    return [dict(zip(names, row, strict=True)) for row in rows]
