"""A guild's actor as its parts see it, driven by hand: settings, a guild, a clock, what is told and begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from typing_extensions import override

from alphapy.actors.engagement.part import FEATURE, Host, Post
from alphapy.actors.kernel.actor import Context
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.settings.definitions import registry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot
from alphapy.gateway.events import GuildCreate, MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions, Role
from alphapy.gateway.models.user import Member, User
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from alphapy.storage import effects as effect_storage
from alphapy.storage.effects import Draft, Effect
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

GUILD, OWNER, ME, MEMBER = GuildId(7), UserId(1), UserId(2), UserId(3)
LOW, MINE, HIGH = RoleId(11), RoleId(12), RoleId(13)
REGISTRY = registry()


@attrs.define
class Bus:
    """Keeps what is told to whom."""

    told: list[tuple[str, object]] = attrs.field(factory=list)

    def tell(self, address: Address, message: object, **_: Any) -> None:
        self.told.append((address.name, message))


@attrs.define
class FakeContext(Context):
    """Keeps what a part tells itself and begins."""

    queue: list[object] = attrs.field(factory=list)
    later: list[tuple[float, object]] = attrs.field(factory=list)
    tasks: list[tuple[Callable[..., Awaitable[object]], tuple[Any, ...]]] = attrs.field(factory=list)
    the_bus: Bus = attrs.field(factory=Bus)

    @property
    @override
    def address(self) -> Address:
        return Address.guild(GUILD, FEATURE)

    @property
    @override
    def bus(self) -> Any:
        return self.the_bus

    @override
    def start(self, fn: Callable[..., Awaitable[object]], *args: Any) -> bool:  # type: ignore[override]
        self.tasks.append((fn, args))
        return True

    @override
    def tell_self(self, message: object, *, lane: Lane = Lane.NORMAL) -> None:
        self.queue.append(message)

    @override
    def tell_after(self, seconds: float, message: object) -> None:
        self.later.append((seconds, message))


class FakeHost(Host):
    """See the module. ``values`` are the guild's engagement settings; effects are kept, not begun."""

    def __init__(self, pool: Pool | None = None, **values: Any) -> None:
        self.pool = pool
        self.values = values
        self.the_clock = FakeClock()
        self.the_guilds = GuildCache(ME)
        self.the_context = FakeContext()
        self.drafts: list[Draft] = []
        self.fails: Exception | None = None
        self.caught_up = True
        self.appear()

    def appear(
        self, permissions: Permissions = Permissions.MANAGE_NICKNAMES | Permissions.MANAGE_ROLES
    ) -> None:
        """Discord names the guild, in which the bot may do this."""
        roles = (
            Role(id=RoleId(int(GUILD)), position=0),
            Role(id=LOW, name="low", position=1),
            Role(id=MINE, name="mine", position=2, permission_bits=int(permissions)),
            Role(id=HIGH, name="high", position=3),
        )
        me = Member(user=User(id=ME, username="bot", bot=True), roles=(MINE,))
        self.the_guilds.apply(GuildCreate(id=GUILD, name="Guild", owner_id=OWNER, roles=roles, members=(me,)))

    @property
    @override
    def guild_id(self) -> GuildId:
        return GUILD

    @property
    @override
    def context(self) -> FakeContext:
        return self.the_context

    @property
    @override
    def clock(self) -> FakeClock:
        return self.the_clock

    @property
    @override
    def guilds(self) -> GuildCache:
        return self.the_guilds

    @property
    @override
    def settings(self) -> SettingsSnapshot:
        return snapshot(self.values)

    @override
    def is_on(self, part: str) -> bool:
        return self.settings.enabled(FEATURE) and bool(self.settings.value(FEATURE, f"{part}_enabled"))

    @override
    def is_caught_up(self) -> bool:
        return self.caught_up

    @override
    async def flushed(self) -> None:
        pass

    @override
    async def commit(
        self,
        drafts: Sequence[Draft] = (),
        write: Callable[[Transaction], Awaitable[Sequence[Draft] | None]] | None = None,
    ) -> None:
        if self.fails is not None:
            raise self.fails
        more: Sequence[Draft] = ()
        if write is not None:
            more = await self.read(write) or ()  # type: ignore[arg-type]
        self.drafts += [*drafts, *more]

    @override
    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        assert self.pool is not None, "this test needs a database"
        return await self.pool.run("test", work, idempotent=True)

    @override
    def waiting(self, kind: type[Any], key: object) -> Any:
        return None

    async def drain(self, part: Any) -> None:
        """Give the part what it has told itself, until that is nothing."""
        while self.the_context.queue:
            await part.handle(self.the_context.queue.pop(0))

    async def run_tasks(self) -> None:
        """Run the child tasks that were begun."""
        while self.the_context.tasks:
            fn, args = self.the_context.tasks.pop(0)
            await fn(*args)

    @property
    def logged(self) -> list[str]:
        """The titles of what the guild's log was told."""
        return [message.title for name, message in self.the_context.the_bus.told if name == "guild_log"]  # type: ignore[attr-defined]


def snapshot(values: dict[str, Any]) -> SettingsSnapshot:
    """Settings of the guild with these overrides."""
    overrides = {(FEATURE, key): value for key, value in values.items()}
    return SettingsSnapshot(GUILD, REGISTRY, overrides, version=1, loaded_at=0.0)


@attrs.define
class FakeSettings(SettingsReader):
    """One guild's settings for all guilds."""

    values: dict[str, Any]

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        return snapshot(self.values)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        return snapshot(self.values)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        return snapshot(self.values).enabled(scope)


_numbers = iter(range(1_000_000_000_000_000_000, 1_000_000_000_001_000_000))


def post(
    clock: FakeClock,
    nick: str | None = None,
    *,
    user_id: UserId = MEMBER,
    roles: tuple[RoleId, ...] = (),
    global_name: str | None = None,
    with_member: bool = True,
) -> Post:
    """A message of somebody who is called ``nick`` in the guild."""
    author = User(id=user_id, username="pixel_01", global_name=global_name)
    event = MessageCreate(
        id=MessageId(next(_numbers)),
        channel_id=ChannelId(20),
        guild_id=GUILD,
        author=author,
        member=Member(nick=nick, roles=roles) if with_member else None,
        timestamp=clock.now(),
    )
    return Post(
        message_id=event.id,
        channel_id=event.channel_id,
        parent_id=None,
        author_id=user_id,
        at=clock.now(),
        event=event,
    )


def effect_of(draft: Draft, number: int = 1) -> Effect:
    """A draft as it is once recorded."""
    return Effect(
        id=number,
        guild_id=GUILD,
        feature=FEATURE,
        kind=draft.kind,
        event_key=draft.event_key,
        payload=draft.payload,
        nonce="n",
        attempts=0,
        first_tried_at=None,
        deadline_at=draft.deadline_at,
    )


async def record(pool: Pool, clock: FakeClock, *drafts: Draft) -> None:
    """Store drafts as pending effects."""
    async with pool.transaction("test") as tx:
        await effect_storage.record(tx, GUILD, FEATURE, drafts, now=clock.now())
