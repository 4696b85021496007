"""A guild whose invite tracker runs on a real database, before a Discord that a test drives."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.effects.messages import PickUp
from alphapy.actors.effects.verbs import SEND, Verb
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.invites.actor import GuildInvites, Parts, Times
from alphapy.actors.invites.listing import Lister
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.actors.sessions import StoredProgress
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.messages import LogEntry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot, SettingsUnavailable
from alphapy.gateway.events import GuildCreate, GuildMemberAdd, InviteCreate, InviteDelete
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Channel, Permissions, Role
from alphapy.gateway.models.invite import Invite, VanityInvite
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from alphapy.storage import invites as storage
from tests.support.actors import running
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.actors.kernel.registry import Registry
    from alphapy.gateway.events import Event
    from alphapy.gateway.rest.tickets import Priority
    from alphapy.pure.invites import Code
    from alphapy.storage.effects import Effect
    from alphapy.storage.pool import Pool

GUILD = GuildId(100)
ADDRESS = Address.guild(GUILD, "invites")
CHANNEL, HIDDEN = 200, 201
ME, ADA, GRACE = UserId(1), UserId(50), UserId(51)
NAMES = {ADA: "Ada", GRACE: "Grace"}


def user(user_id: int, name: str = "", *, bot: bool = False) -> User:
    return User(id=UserId(user_id), username=name or NAMES.get(UserId(user_id), f"u{user_id}"), bot=bot)


def refusal(kind: DiscordErrorKind = DiscordErrorKind.FORBIDDEN) -> DiscordError:
    return DiscordError(kind=kind, route="GET /guilds/{guild_id}/invites", message="no")


@attrs.define
class Discord:
    """A guild's invites; raises the errors it is given first."""

    invites: dict[str, Invite] = attrs.field(factory=dict)
    own: VanityInvite | None = None
    failures: list[DiscordError] = attrs.field(factory=list)
    always: DiscordError | None = None
    own_failure: DiscordError | None = None
    asked: int = 0
    gate: trio.Event | None = None

    def set(self, code: str, inviter: int | None, uses: int | None, **fields: Any) -> None:
        who = None if inviter is None else user(inviter)
        self.invites[code] = Invite(code=code, inviter=who, uses=uses, **fields)

    async def of_guild(self, guild_id: GuildId, *, within: float, priority: Priority) -> tuple[Invite, ...]:
        self.asked += 1
        found = tuple(self.invites.values())
        if self.gate is not None:
            await self.gate.wait()
        await trio.lowlevel.checkpoint()
        if self.always is not None:
            raise self.always
        if self.failures:
            raise self.failures.pop(0)
        return found

    async def vanity(self, guild_id: GuildId, *, within: float, priority: Priority) -> VanityInvite:
        await trio.lowlevel.checkpoint()
        if self.own_failure is not None:
            raise self.own_failure
        if self.own is None:
            raise refusal()
        return self.own


@attrs.define
class Posted(Verb):
    """Messages that were posted."""

    idempotent = False
    bodies: list[Any] = attrs.field(factory=list)
    keys: list[str] = attrs.field(factory=list)

    @property
    def texts(self) -> list[str]:
        return [body["content"] for body in self.bodies]

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId:
        await trio.lowlevel.checkpoint()
        self.bodies.append(effect.payload["message"])
        self.keys.append(effect.event_key)
        return MessageId(effect.id)

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        return ()

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        return ""


@attrs.define
class Wishes(SettingsReader):
    """The guild's settings; ``away`` while nobody knows them."""

    overrides: dict[str, Any] = attrs.field(factory=dict)
    away: bool = False
    asked: int = 0

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        found = {("invites", key): value for key, value in self.overrides.items()}
        return SettingsSnapshot(guild_id, setting_registry(), found, version=1, loaded_at=0.0)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.away:
            raise SettingsUnavailable("nobody can say")
        return self.snapshot(guild_id)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        return self.snapshot(guild_id).enabled(scope)


def guild_cache(
    rights: Permissions = Permissions.MANAGE_GUILD | Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES,
    *,
    vanity: bool = False,
) -> GuildCache:
    cache = GuildCache(ME)
    everyone = Role(id=RoleId(GUILD), name="everyone", permission_bits=int(rights))
    cache.apply(
        GuildCreate(
            id=GUILD,
            name="Town",
            owner_id=ADA,
            roles=(everyone,),
            channels=(Channel(id=ChannelId(CHANNEL), name="welcome"),),
            members=(Member(user=user(ME, bot=True)),),
            features=("VANITY_URL",) if vanity else (),
        )
    )
    return cache


class House:
    """What the tracker is made of. A second house on the same pool is the next process."""

    def __init__(
        self,
        pool: Pool,
        *,
        guilds: GuildCache | None = None,
        discord: Discord | None = None,
        journal_pool: Any = None,
        **times: float,
    ) -> None:
        self.pool = pool
        self.clock = FakeClock()
        self.discord = discord or Discord()
        self.posted = Posted()
        self.wishes = Wishes({"announcement_channel_id": CHANNEL})
        self.progress = Progress(StoredProgress(pool), random.Random(1))
        self.told: list[LogEntry] = []
        self.seq = 0
        kit = JournalKit(
            pool=journal_pool or pool,
            progress=self.progress,
            verbs={SEND: self.posted},
            clock=self.clock,
            rng=random.Random(1),
            waypoints=Unwatched(),
        )
        guilds = guilds or guild_cache()
        self.parts = Parts(
            pool=pool,
            kit=kit,
            settings=self.wishes,
            guilds=guilds,
            lister=Lister(invites=self.discord, guilds=guilds, clock=self.clock),
            times=Times(**{"wait": 0.0, "kept_for": 600.0, **times}),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Registry]:
        told = self.told

        class GuildLog(Actor):
            @override
            async def handle(self, message: object) -> object:
                assert isinstance(message, LogEntry)
                told.append(message)
                return None

        await self.progress.begin(0, "session")
        spec = ChildSpec(
            factory=lambda context: GuildInvites(context, self.parts),
            outage=Backoff(initial=0.01, ceiling=0.02),
            backoff=Backoff(initial=0.01, ceiling=0.02),
        )
        async with (
            running(invites=spec, guild_log=ChildSpec(factory=GuildLog)) as registry,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self.progress.run)
            yield registry
            nursery.cancel_scope.cancel()

    def tell(self, registry: Registry, *events: Event, seq: int | None = None, letter: int = 0) -> None:
        """Let events arrive, the next in the log; or one that comes again, with its number."""
        for event in events:
            if seq is None:
                self.seq += 1
            number = 0 if letter else seq or self.seq
            name = type(event).__name__
            told = GatewayEvent(name, event, 0, "session", number, letter)
            if seq is None and not letter:
                self.progress.hand_on(told, [ADDRESS] if not isinstance(event, GuildCreate) else [])
            registry.tell(ADDRESS, told)

    async def until_passed(self) -> None:
        """Return once everything that was told is durable."""

        def passed() -> bool:
            found = self.progress.shard(0)
            return found is not None and found.mark == self.seq

        await wait_until(passed, what=f"the mark at {self.seq}")

    async def until_posted(self, count: int) -> list[str]:
        await wait_until(lambda: len(self.posted.bodies) >= count, what=f"{count} announcements")
        return self.posted.texts

    async def counts(self) -> dict[int, int]:
        async with self.pool.transaction("test") as tx:
            return dict(await storage.leaders(tx, GUILD, limit=100))

    async def until_counts(self, expected: dict[int, int]) -> None:
        async def there() -> bool:
            return await self.counts() == expected

        await wait_until(there, what=f"{expected}")

    async def codes(self) -> dict[str, int]:
        async with self.pool.transaction("test") as tx:
            return {name: code.uses for name, code in (await storage.codes(tx, GUILD)).items()}

    async def know(self, *codes: Code) -> None:
        """Let these be known from before."""
        async with self.pool.transaction("test") as tx:
            after = {code.code: code for code in codes}
            await storage.replace_codes(tx, GUILD, {}, after, now=self.clock.now())

    def pick_up(self, registry: Registry) -> None:
        registry.tell(ADDRESS, PickUp())

    def joined(self, user_id: int, name: str = "", **fields: Any) -> GuildMemberAdd:
        at = self.clock.now() + timedelta(seconds=fields.pop("later", 0))
        return GuildMemberAdd(
            guild_id=GUILD, user=user(user_id, name, bot=fields.pop("bot", False)), joined_at=at, **fields
        )

    def created(self, code: str, inviter: int | None, **fields: Any) -> InviteCreate:
        who = None if inviter is None else user(inviter)
        return InviteCreate(
            code=code,
            channel_id=ChannelId(CHANNEL),
            guild_id=GUILD,
            inviter=who,
            created_at=self.clock.now(),
            **fields,
        )

    @staticmethod
    def deleted(code: str) -> InviteDelete:
        return InviteDelete(code=code, channel_id=ChannelId(CHANNEL), guild_id=GUILD)

    @staticmethod
    def appeared() -> GuildCreate:
        return GuildCreate(id=GUILD, name="Town")
