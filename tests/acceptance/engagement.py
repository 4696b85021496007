"""A guild with engagement on, and what tests look at there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alphapy.storage.pool import Pool
from tests.support.bot import JSON, Stage, described, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person


@attrs.frozen
class Town:
    """The stage with the bot online; ada owns the guild, grace moderates, alan and margaret are members."""

    stage: Stage
    pool: Pool

    @property
    def guild_id(self) -> int:
        return self.stage.demo.guild_id

    @property
    def general(self) -> int:
        return self.stage.general

    @property
    def admin(self) -> Person:
        return self.stage.person("ada")

    def person(self, name: str) -> Person:
        return self.stage.person(name)

    def role(self, name: str, *, level: str | None = None) -> int:
        """A new role that the bot can give: the lowest one, or level with the role of this name."""
        world, roles = self.stage.demo.world, self.stage.demo.world.guilds.get(self.guild_id).roles
        role_id = int(world.roles.create(self.stage.demo.owner_id, self.guild_id, {"name": name})["id"])
        if level is not None:
            roles[role_id]["position"] = roles[self.stage.demo.roles[level]]["position"]
            world.roles.edit(self.stage.demo.owner_id, self.guild_id, role_id, {"name": f"{name}!"})
        return role_id

    def roles_of(self, name: str) -> set[int]:
        """The roles of a member."""
        member = self.stage.demo.world.guilds.get(self.guild_id).members[self.stage.demo.users[name]]
        return {int(role_id) for role_id in member["roles"]}

    def nick_of(self, name: str) -> str | None:
        """A member's nickname."""
        member = self.stage.demo.world.guilds.get(self.guild_id).members[self.stage.demo.users[name]]
        return None if member["nick"] is None else str(member["nick"])

    async def run(self, who: str, path: str, /, **options: Any) -> JSON:
        """A command of somebody; its answer."""
        return await self.person(who).slash(self.general, path, **options).wait_reply()

    async def configure(self, command: str, /, **options: Any) -> JSON:
        """``/engagement`` of the owner, which succeeds."""
        answer = await self.run("ada", f"/engagement {command}", **options)
        assert title_of(answer) in {"Saved", "Weekly awards saved"}, described(answer)
        return answer

    async def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(query, values)

    async def wait_rows(self, count: int, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """The rows, as soon as there are so many."""
        found: list[tuple[Any, ...]] = []

        async def there() -> bool:
            found[:] = await self.rows(query, *values)
            return len(found) == count

        await wait_until(there, what=f"{count} rows")
        return found
