"""A guild with weekly awards: its real actor, a real database, and a Discord that notes what it is asked."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from typing_extensions import override

from alphapy.actors.effects.announcements import announcement_verbs
from alphapy.actors.effects.reactions import ReactionCounts, Reactions, reaction_verbs
from alphapy.actors.effects.roles import Hands, Members, Roster, role_verbs
from alphapy.actors.engagement.messages import Wake
from alphapy.actors.engagement.weekly import Weekly
from alphapy.actors.engagement.weekly_messages import ComputeWeek, WeekReport
from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.registry import Registry
from alphapy.gateway.events import GuildCreate, decode
from alphapy.gateway.models.guild import Channel, ChannelType
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import UNKNOWN_MESSAGE, DiscordError, DiscordErrorKind
from alphapy.pure.engagement.periods import completed
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from tests.support.actors import ask
from tests.support.engagement import ADDRESS, CHANNEL, GUILD, ME, EngagementHouse, message
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.gateway.events import MessageCreate
    from alphapy.gateway.models.outgoing import File
    from alphapy.rendering.charts import Bar
    from alphapy.storage.pool import Pool

JSON = Mapping[str, Any]

AWARDS, SYSTEM, FOOD = 40, 41, 42
"""Channels: of the awards, of the system, of food."""

END = datetime(2026, 7, 20, 14, tzinfo=UTC)
PERIOD = completed(END)
IMAGE: dict[str, Any] = {"attachments": [{"id": "1", "filename": "a.png", "content_type": "image/png"}]}

PENDING = "SELECT count(*) FROM effects WHERE state = 'pending'"
ALL = (
    "SELECT message_id, user_id, has_image, is_food, reactions_count "
    "FROM engagement_weekly_messages ORDER BY message_id"
)
RESULTS = "SELECT award_key, user_id, metric, message_id FROM engagement_weekly_results ORDER BY award_key"
BADGES = "SELECT badge_key, user_id FROM engagement_badges ORDER BY badge_key, user_id"


def refusal(kind: DiscordErrorKind, code: int = 50013) -> DiscordError:
    return DiscordError(kind=kind, route="x", message="no", status=403, code=code)


@attrs.define
class FakeDiscord(Roster, Members, Hands, Reactions):
    """Messages of the bot by id, members with their roles, and what was done."""

    messages: dict[int, tuple[int, JSON]] = attrs.field(factory=dict)
    nonces: dict[str, MessageId] = attrs.field(factory=dict)
    posts: list[tuple[int, JSON]] = attrs.field(factory=list)
    edits: list[JSON] = attrs.field(factory=list)
    refuses: dict[int, DiscordError] = attrs.field(factory=dict)
    """By channel, message or role."""
    roles: dict[int, set[int]] = attrs.field(factory=dict)
    role_calls: list[tuple[str, int, int]] = attrs.field(factory=list)
    reactions: int = 0
    reaction_errors: list[DiscordError] = attrs.field(factory=list)
    held: list[str] = attrs.field(factory=list)
    """What is not answered until it is taken out: ``post``, ``edit``, ``roles``, ``reactions``."""
    on_reactions: Callable[[], Awaitable[None]] | None = None
    """What happens while reactions are counted."""

    async def _turn(self, what: str) -> None:
        await wait_until(lambda: what not in self.held)

    async def create_recorded(
        self, channel_id: ChannelId, body: JSON, *, nonce: str, within: float, files: Sequence[File] = ()
    ) -> MessageId:
        await self._turn("post")
        if channel_id in self.refuses:
            raise self.refuses[channel_id]
        if nonce not in self.nonces:
            self.nonces[nonce] = MessageId(9_000 + len(self.posts))
            self.posts.append((channel_id, body))
            self.messages[self.nonces[nonce]] = (channel_id, body)
        return self.nonces[nonce]

    async def edit_recorded(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        body: JSON,
        *,
        within: float,
        files: Sequence[File] = (),
    ) -> None:
        await self._turn("edit")
        if message_id in self.refuses:
            raise self.refuses[message_id]
        if message_id not in self.messages:
            raise refusal(DiscordErrorKind.NOT_FOUND, UNKNOWN_MESSAGE)
        self.messages[message_id] = (channel_id, body)
        self.edits.append(body)

    async def delete_message(self, *_: object, **__: object) -> None:
        raise AssertionError("nothing is deleted")

    async def messages_after(self, *_: object, **__: object) -> tuple[()]:
        return ()

    async def bar_chart(self, title: str, bars: Sequence[Bar]) -> bytes | None:
        return f"{title}: {len(bars)}".encode()

    @override
    async def members(self, guild_id: GuildId, *, after: int) -> Sequence[Member]:
        await self._turn("roles")
        return [self._member(user_id) for user_id in sorted(self.roles) if user_id > after]

    @override
    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        return self._member(user_id)

    def _member(self, user_id: int) -> Member:
        return Member(
            user=User(id=UserId(user_id)), roles=tuple(RoleId(role) for role in sorted(self.roles[user_id]))
        )

    @override
    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        self.role_calls.append(("PUT", user_id, role_id))
        if role_id in self.refuses:
            raise self.refuses[role_id]
        self.roles[user_id].add(role_id)

    @override
    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        self.role_calls.append(("DELETE", user_id, role_id))
        self.roles[user_id].discard(role_id)

    @override
    async def reaction_count(self, channel_id: ChannelId, message_id: MessageId) -> int:
        await self._turn("reactions")
        if self.reaction_errors:
            raise self.reaction_errors.pop(0)
        if self.on_reactions is not None:
            await self.on_reactions()
        return self.reactions


class WeeklyHouse(EngagementHouse):
    """See the module. Weeks are computed by themselves only where it ``is_caught_up``."""

    def __init__(self, pool: Pool, *, is_caught_up: bool = False, **settings: Any) -> None:
        self.discord = FakeDiscord()
        self.seq = 0
        discord = self.discord
        settings = {"weekly_award_channel_id": AWARDS, **settings}
        counts = ReactionCounts()
        super().__init__(pool, [partial(Weekly, counts=counts)], **settings)
        self.is_caught_up = is_caught_up
        self.kit = attrs.evolve(
            self.kit,
            verbs={
                **announcement_verbs(discord, lambda: ME, lambda _g, _c: True, self.clock, discord),
                **role_verbs(discord, discord, discord),
                **reaction_verbs(discord, counts),
            },
        )
        self.settings.values |= {f"{part}_enabled": False for part in ("challenges", "streaks", "og")}
        self.clock.jump_to(PERIOD.end + timedelta(minutes=5))
        self.appear()

    def appear(self) -> None:
        """Discord names the guild."""
        channels = [
            Channel(id=ChannelId(CHANNEL), type=ChannelType.TEXT, name="general"),
            Channel(id=ChannelId(AWARDS), type=ChannelType.TEXT, name="awards"),
            Channel(id=ChannelId(SYSTEM), type=ChannelType.TEXT, name="system"),
            Channel(id=ChannelId(FOOD), type=ChannelType.TEXT, name="Good-Food"),
        ]
        thread = Channel(
            id=ChannelId(FOOD + 100), type=ChannelType.PUBLIC_THREAD, name="soups", parent_id=ChannelId(FOOD)
        )
        self.guilds.apply(
            GuildCreate(
                id=GUILD,
                name="The *Guild*",
                channels=tuple(channels),
                threads=(thread,),
                system_channel_id=ChannelId(SYSTEM),
            )
        )

    @asynccontextmanager
    async def open(self, session: str = "session") -> AsyncIterator[Door]:
        """The actor, to speak with."""
        async with self.running(session) as registry:
            yield Door(self, registry)


@attrs.frozen
class Door:
    """How a test speaks with the running actor."""

    house: WeeklyHouse
    registry: Registry

    def post(self, number: int, author: int, at: datetime = PERIOD.start, **more: Any) -> MessageCreate:
        """Somebody posts."""
        event = message(number, author, at=at, **more)
        self.house.seq += 1
        self.house.tell(self.registry, event, self.house.seq)
        return event

    def event(self, name: str, **payload: Any) -> None:
        """Something else happens in the guild."""
        body = {"guild_id": str(GUILD), "channel_id": str(CHANNEL)} | payload
        self.house.seq += 1
        event = decode(name, json.dumps(body).encode())
        self.house.tell(self.registry, event, self.house.seq, name=name)

    def react(
        self, message_id: int, user_id: int, *, name: str = "ADD", emoji: str = "🔥", **more: Any
    ) -> None:
        """Somebody reacts, or takes it back (``REMOVE``)."""
        self.event(
            f"MESSAGE_REACTION_{name}",
            message_id=str(message_id),
            user_id=str(user_id),
            emoji={"name": emoji},
            **more,
        )

    async def settled(self) -> None:
        """Return once everything told is durable, and no effect is pending."""
        house = self.house
        await wait_until(lambda: house.mark >= house.seq, what="that everything is durable")

        async def is_calm() -> bool:
            return await house.rows(PENDING) == [(0,)]

        await wait_until(is_calm, what="that no effect is pending")

    async def compute(self) -> WeekReport:
        """``/weekly compute``, after what was told; what follows at Discord may still be under way."""
        return await ask(self.registry, ADDRESS, ComputeWeek(), lane=Lane.NORMAL)

    def wake(self) -> None:
        """The clock wakes the guild."""
        self.registry.tell(ADDRESS, Wake())


def has(house: WeeklyHouse, rows: list[tuple[Any, ...]], query: str = ALL) -> Any:
    """A condition: the rows of a query are these."""

    async def condition() -> bool:
        return await house.rows(query) == rows

    return condition
