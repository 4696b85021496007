"""A guild with challenges: its real actor and a real database, a Discord, and a clock."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.drawing import Drawing
from alphapy.actors.effects.moderation import moderation_verbs
from alphapy.actors.effects.verbs import verbs
from alphapy.actors.engagement.actor import Collaborators, GuildEngagement
from alphapy.actors.engagement.challenge_charts import Charts
from alphapy.actors.engagement.challenge_commands import Commands
from alphapy.actors.engagement.challenge_messages import ReadChallenges
from alphapy.actors.engagement.challenges import Challenges
from alphapy.actors.engagement.desk import Desk
from alphapy.actors.engagement.messages import FEATURE, Wake
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.actors.patience import PatientBus
from alphapy.actors.sessions import StoredProgress
from alphapy.actors.settings.definitions import registry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot
from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.dispatcher import Dispatcher
from alphapy.gateway.events import GuildCreate, MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Channel, Permissions, Role
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from tests.support.actors import ask, running
from tests.support.clock import FakeClock
from tests.support.interactions import CHANNEL as HERE
from tests.support.interactions import GUILD as THERE
from tests.support.interactions import FakeCalls, Said, command, typing
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.kernel.address import Request
    from alphapy.actors.kernel.registry import Registry
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.gateway.models.message import Message
    from alphapy.storage.pool import Pool

GUILD, CHANNEL, SYSTEM, HIDDEN = GuildId(THERE), ChannelId(HERE), ChannelId(201), ChannelId(202)
ME, OWNER = UserId(2), UserId(1)
LOW, MINE, HIGH = RoleId(11), RoleId(12), RoleId(13)
MANAGER = Permissions.MANAGE_GUILD
ADDRESS = Address.guild(GUILD, FEATURE)
REGISTRY = registry()
ON: Mapping[str, Any] = {"enabled": True, "challenges_enabled": True}


@attrs.define
class FakeDiscord:
    """Takes posts, one for each nonce, and roles; refuses what it is told to."""

    clock: FakeClock
    posts: list[tuple[int, Mapping[str, Any]]] = attrs.field(factory=list)
    nonces: dict[str, MessageId] = attrs.field(factory=dict)
    attempts: list[str] = attrs.field(factory=list)
    roles: list[tuple[int, int]] = attrs.field(factory=list)
    refuses: dict[int, DiscordError] = attrs.field(factory=dict)
    """By channel or role."""
    members: dict[int, str] = attrs.field(factory=dict)

    async def create_recorded(
        self, channel_id: ChannelId, body: Mapping[str, Any], *, nonce: str, within: float
    ) -> MessageId:
        self.attempts.append(nonce)
        if channel_id in self.refuses:
            raise self.refuses[channel_id]
        if nonce not in self.nonces:
            self.posts.append((channel_id, body))
            self.nonces[nonce] = MessageId(9_000 + len(self.posts))
        return self.nonces[nonce]

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> Sequence[Message]:
        return ()

    async def delete_message(self, *_: object, **__: object) -> None:
        raise AssertionError("nothing is deleted")

    async def open_direct(self, user_id: UserId) -> ChannelId:
        raise AssertionError("nobody is written to")

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        if role_id in self.refuses:
            raise self.refuses[role_id]
        self.roles.append((user_id, role_id))

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        if user_id not in self.members:
            raise refusal(DiscordErrorKind.NOT_FOUND, 10007)
        return Member(user=User(id=user_id, username=self.members[user_id]))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked for")


def refusal(kind: DiscordErrorKind, code: int = 50013) -> DiscordError:
    status = 404 if kind is DiscordErrorKind.NOT_FOUND else 403
    return DiscordError(kind=kind, route="x", message="no", status=status, code=code)


@attrs.define
class FakeSettings(SettingsReader):
    """The settings of every guild."""

    values: dict[str, Any]

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        overrides = {(FEATURE, key): value for key, value in self.values.items()}
        return SettingsSnapshot(guild_id, REGISTRY, overrides, version=1, loaded_at=0.0)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        return self.snapshot(guild_id)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        return self.snapshot(guild_id).enabled(scope)


class Ear(Actor):
    """Keeps what it is told."""

    def __init__(self, context: Context, heard: list[Any]) -> None:
        super().__init__(context)
        self._heard = heard

    @override
    async def handle(self, message: object) -> object:
        self._heard.append(message)
        return None


def guild(*, system: ChannelId | None = SYSTEM, permissions: Permissions | None = None) -> GuildCreate:
    """The guild: three channels, of which the bot sees two."""
    mine = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES | Permissions.EMBED_LINKS
    mine |= Permissions.MANAGE_ROLES
    bits = int(mine if permissions is None else permissions)
    roles = (
        Role(id=RoleId(int(GUILD)), position=0),
        Role(id=LOW, name="low", position=1),
        Role(id=MINE, name="mine", position=2, permission_bits=bits),
        Role(id=HIGH, name="high", position=3),
    )
    me = Member(user=User(id=ME, username="bot", bot=True), roles=(MINE,))
    return GuildCreate(
        id=GUILD,
        name="Guild",
        owner_id=OWNER,
        roles=roles,
        members=(me,),
        system_channel_id=system,
        channels=(Channel(id=CHANNEL), Channel(id=SYSTEM), Channel(id=ChannelId(203), type=2)),
    )


@attrs.frozen
class Answer:
    """What a member reads, out of all that was said to Discord."""

    data: Mapping[str, Any]
    ephemeral: bool
    files: tuple[Any, ...] = ()

    @classmethod
    def of(cls, said: Sequence[Said]) -> Answer:
        last = said[-1]
        if last.method == "respond":
            return cls(last.body["data"], last.ephemeral, last.files)
        return cls(last.body.to_json(), last.ephemeral, last.body.files)

    @property
    def embeds(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.data.get("embeds", ())
        return found

    @property
    def text(self) -> str:
        """Everything in it that is read."""
        parts = [str(self.data.get("content", ""))]
        for embed in self.embeds:
            parts += [embed.get("title", ""), embed.get("description", "")]
            parts += [f"{field['name']}: {field['value']}" for field in embed.get("fields", ())]
        return "\n".join(parts)


class House:
    """One life of the process. A second one with the same database, clock and Discord is the next."""

    def __init__(
        self, pool: Pool, before: House | None = None, *, is_caught_up: bool = True, **values: Any
    ) -> None:
        self.pool = pool
        self.clock: FakeClock = before.clock if before is not None else FakeClock()
        self.discord: FakeDiscord = before.discord if before is not None else FakeDiscord(self.clock)
        self.settings: FakeSettings = (
            before.settings if before is not None else FakeSettings({**ON, **values})
        )
        self.guilds = GuildCache(ME)
        self.guilds.apply(guild())
        self.logged: list[Any] = []
        self.calls = FakeCalls()
        self.outcomes: list[Any] = []
        self.crashes: list[Any] = []
        self.progress = Progress(StoredProgress(pool), random.Random(1))
        self.part: Challenges | None = None
        self.is_caught_up = is_caught_up
        self._registry: Registry | None = None
        self._seq: int = before._seq if before is not None else 0
        self.kit = JournalKit(
            pool=pool,
            progress=self.progress,
            verbs={
                **verbs(self.discord, lambda: ME, lambda _guild, _channel: True, self.clock),
                **moderation_verbs(self.discord, self.discord, lambda: ME),
            },
            clock=self.clock,
            rng=random.Random(1),
            waypoints=Unwatched(),
        )

    def _actor(self, context: Context) -> GuildEngagement:
        def build(host: Any) -> Challenges:
            self.part = Challenges(host, random.Random(3))
            return self.part

        return GuildEngagement(
            context,
            Collaborators(
                kit=self.kit,
                settings=self.settings,
                guilds=self.guilds,
                caught_up=lambda guild_id, feature: (
                    (guild_id, feature) == (GUILD, FEATURE) and self.is_caught_up
                ),
                parts=(build,),
            ),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        await self.progress.begin(0, "session")
        async with trio.open_nursery() as writing:
            await writing.start(self.progress.run)
            async with self._actors():
                yield self
            writing.cancel_scope.cancel()

    @asynccontextmanager
    async def _actors(self) -> AsyncIterator[None]:
        async with running(
            engagement=ChildSpec(factory=self._actor),
            guild_log=ChildSpec(factory=lambda context: Ear(context, self.logged)),
            process_events=ChildSpec(factory=lambda context: Ear(context, self.logged)),
        ) as registry:
            self._registry = registry
            async with trio.open_nursery() as nursery:
                await nursery.start(self._dispatcher().run)
                yield
                nursery.cancel_scope.cancel()

    # -- what happens

    def post(
        self, user_id: int, channel_id: int = CHANNEL, *, at: datetime | None = None, name: str = ""
    ) -> None:
        """Somebody posts, and the actor is told."""
        self._seq += 1
        event = MessageCreate(
            id=MessageId(10_000 + self._seq),
            channel_id=ChannelId(channel_id),
            guild_id=GUILD,
            author=User(id=UserId(user_id), username=name or f"user{user_id}"),
            timestamp=at or self.clock.now(),
        )
        told = GatewayEvent("MESSAGE_CREATE", event, 0, "session", self._seq)
        self.progress.hand_on(told, [ADDRESS])
        self.registry.tell_event(ADDRESS, told)

    @property
    def registry(self) -> Registry:
        assert self._registry is not None
        return self._registry

    async def ask(self, request: Request[Any]) -> Any:
        """After everything that was told before."""
        await self.told()
        return await ask(self.registry, ADDRESS, request)

    async def told(self) -> None:
        """Wait until the actor has dealt with everything that it was told, by itself, too."""
        for _ in range(2):
            await ask(self.registry, ADDRESS, ReadChallenges(), lane=Lane.NORMAL)

    async def wake(self) -> None:
        """The clock has come."""
        self.registry.tell(ADDRESS, Wake())
        await self.told()

    # -- what is seen

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(query)

    async def settled(self) -> None:
        """Wait until no effect is pending."""

        async def none_pending() -> bool:
            return not await self.rows("SELECT FROM effects WHERE state = 'pending'")

        await wait_until(none_pending, what="the end of all effects")

    # -- commands

    def _dispatcher(self) -> Dispatcher:
        desk = Desk(
            bus=PatientBus(self.registry, lambda: False),
            settings=self.settings,
            guilds=self.guilds,
            clock=self.clock,
        )
        commands = Commands(desk, Charts(Drawing(within=30.0), self.discord))
        self.dispatcher = Dispatcher(
            commands=(commands.group(),),
            calls=self.calls,
            authority=RoleAuthority(
                is_owner=lambda _user: False, admin_role_ids=set(), owner_of_guild=lambda _guild: OWNER
            ),
            clock=self.clock,
            on_outcome=self.outcomes.append,
            on_crash=self.crashes.append,
        )
        return self.dispatcher

    async def run(self, path: str, permissions: int = MANAGER, **options: Any) -> Answer:
        """``/challenge <path>``; what the member reads of it."""
        members, bots = {300: "someone", 30: "thirty", 40: "forty"}, {50: "a bot"}
        users = {
            str(user_id): {"id": str(user_id), "username": name, "bot": user_id in bots}
            for user_id, name in {**members, **bots}.items()
        }
        channels = {
            str(int(found.id)): {"id": str(int(found.id)), "name": "c", "type": found.type}
            for found in guild().channels
        }
        interaction = command(
            f"challenge {path}",
            options,
            clock=self.clock,
            permissions=int(permissions),
            resolved={"users": users, "channels": channels},
        )
        self.calls.said.clear()
        await self._send(interaction)
        assert not self.crashes, self.crashes
        return Answer.of(self.calls.said)

    async def suggestions(self, path: str, focused: str, typed: Any) -> list[Any]:
        self.calls.said.clear()
        await self._send(typing(f"challenge {path}", focused, typed, clock=self.clock))
        return list(self.calls.first.body["data"]["choices"])

    async def _send(self, interaction: Interaction) -> None:
        ended = trio.Event()
        await self.told()
        self.dispatcher.submit(interaction, trio.current_time(), ended.set)
        with trio.fail_after(30):
            await ended.wait()
