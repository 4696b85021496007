"""The Discord that a test's web asks: guilds with roles and members, people who get messages, troubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from alphapy.gateway.guilds import CachedGuild
from alphapy.gateway.models.guild import Permissions, Role
from alphapy.gateway.models.message import Message, ReceivedEmbed
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from alphapy.web.messenger import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

HOME = GuildId(100)
"""A guild of the bot's."""
ELSEWHERE = GuildId(200)
"""Another one."""
FOREIGN = GuildId(300)
"""A guild that the bot is not in."""

OWNER = UserId(11)
"""Owns HOME."""
ADMIN = UserId(12)
"""Has a role with ADMINISTRATOR there."""
STAFF = UserId(13)
"""Has a role there that the operator counts as admin."""
MEMBER = UserId(14)
"""A member of HOME and nothing more."""
ADMIN_ELSEWHERE = UserId(15)
"""A member of HOME, and an admin of ELSEWHERE."""
BOT_OWNER = UserId(16)
"""Owns the bot, and is a member of HOME."""
BOT_OWNER_ABROAD = UserId(17)
"""Owns the bot, and is in no guild."""
ME = UserId(10)
"""The bot."""

STRANGER = UserId(18)
"""A member of ELSEWHERE only."""

ADMIN_ROLE = RoleId(101)
STAFF_ROLE = RoleId(102)
ADMIN_ROLE_ELSEWHERE = RoleId(201)

ME = UserId(99)
"""The bot."""

OWNERS = frozenset({BOT_OWNER, BOT_OWNER_ABROAD})


def refusal(kind: DiscordErrorKind, *, sent: bool = True) -> DiscordError:
    return DiscordError(kind=kind, route="A test", message="no", sent=sent)


def guild(guild_id: GuildId, owner_id: UserId, admin_role: RoleId, *others: RoleId) -> CachedGuild:
    roles = {
        RoleId(guild_id): Role(id=RoleId(guild_id), name="@everyone", permission_bits=0),
        admin_role: Role(id=admin_role, name="Admins", permission_bits=Permissions.ADMINISTRATOR),
        **{other: Role(id=other, name="Others", permission_bits=0) for other in others},
    }
    return CachedGuild(id=guild_id, name=f"Guild {guild_id}", owner_id=owner_id, roles=dict(roles))


@attrs.define
class Neighbours:
    """Everybody, as the test wants them."""

    guilds: dict[GuildId, CachedGuild] = attrs.field(
        factory=lambda: {
            HOME: guild(HOME, OWNER, ADMIN_ROLE, STAFF_ROLE),
            ELSEWHERE: guild(ELSEWHERE, STRANGER, ADMIN_ROLE_ELSEWHERE),
        }
    )
    roles: dict[tuple[GuildId, UserId], tuple[RoleId, ...]] = attrs.field(
        factory=lambda: {
            (HOME, OWNER): (),
            (HOME, ADMIN): (ADMIN_ROLE,),
            (HOME, STAFF): (STAFF_ROLE,),
            (HOME, MEMBER): (),
            (HOME, ADMIN_ELSEWHERE): (),
            (HOME, BOT_OWNER): (),
            (ELSEWHERE, ADMIN_ELSEWHERE): (ADMIN_ROLE_ELSEWHERE,),
            (ELSEWHERE, STRANGER): (),
        }
    )
    trouble: DiscordErrorKind | None = None
    hangs: bool = False
    asked: list[tuple[GuildId, UserId]] = attrs.field(factory=list)
    sent: list[tuple[ChannelId, OutgoingMessage]] = attrs.field(factory=list)
    """Every message that was asked for and is there; a repeated nonce adds none."""
    deaf: set[int] = attrs.field(factory=set)
    """Users who take no direct messages."""
    loses_answers: bool = False
    """Messages arrive, and their answers do not."""
    main_guild_id: GuildId | None = None
    legal_channel_id: ChannelId | None = None
    log_channels: dict[GuildId, ChannelId] = attrs.field(factory=dict)
    owners: set[int] = attrs.field(factory=lambda: set(OWNERS))

    def get(self, guild_id: GuildId) -> CachedGuild | None:
        return self.guilds.get(guild_id)

    def __iter__(self) -> Iterator[CachedGuild]:
        return iter(list(self.guilds.values()))

    def my_permissions(
        self, guild_id: GuildId, channel_id: ChannelId | None = None, *, now: datetime
    ) -> Permissions | None:
        guild = self.guilds.get(guild_id)
        return None if guild is None else guild.permissions(ME, guild.my_roles, channel_id)

    def is_owner(self, user_id: int) -> bool:
        return user_id in self.owners

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        assert within > 0
        self.asked.append((guild_id, user_id))
        await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.trouble is not None:
            raise refusal(self.trouble)
        held = self.roles.get((guild_id, user_id))
        if held is None:
            raise refusal(DiscordErrorKind.NOT_FOUND)
        return Member(user=person(user_id), roles=held)

    async def open_direct(self, user_id: UserId) -> ChannelId:
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise refusal(self.trouble)
        if user_id in self.deaf:
            raise refusal(DiscordErrorKind.FORBIDDEN)
        return direct(user_id)

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.trouble is not None:
            raise refusal(self.trouble)
        if message.nonce is None or message.nonce not in {sent.nonce for _, sent in self.sent}:
            self.sent.append((channel_id, message))
        if self.loses_answers:
            raise refusal(DiscordErrorKind.TRANSPORT)
        return MessageId(len(self.sent))

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> tuple[Message, ...]:
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise refusal(self.trouble)
        found = [sent for where, sent in self.sent if where == channel_id]
        return tuple(
            Message(
                id=MessageId(message_id + number),
                channel_id=channel_id,
                author=person(ME),
                content=sent.content,
                embeds=tuple(ReceivedEmbed(title=embed.title) for embed in sent.embeds),
            )
            for number, sent in enumerate(found[:limit], 1)
        )

    def outbox(self) -> Outbox:
        return Outbox(
            discord=self,
            me=lambda: ME,
            guilds=self,
            main_guild_id=self.main_guild_id,
            legal_channel_id=self.legal_channel_id,
            log_channel=self.log_channels.get,
        )


def direct(user_id: UserId) -> ChannelId:
    """The direct message channel with somebody."""
    return ChannelId(user_id + 10_000)


def person(user_id: UserId) -> User:
    return User(id=user_id, username=f"user{user_id}")


def ids(found: Iterable[Any]) -> list[int]:
    return [int(one.id) for one in found]
