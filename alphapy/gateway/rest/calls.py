"""The typed calls that the product uses, each a thin shape over :class:`RestClient`.

Every call raises :class:`DiscordError`; its kinds tell what a caller can do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import msgspec

from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.message import LOADING, Message
from alphapy.gateway.models.user import Member
from alphapy.gateway.rest import routes
from alphapy.gateway.rest.client import Call
from alphapy.gateway.rest.errors import ALREADY_ACKNOWLEDGED, DiscordError, DiscordErrorKind
from alphapy.gateway.rest.tickets import Priority
from alphapy.pure.ids import ApplicationId, ChannelId, GuildId, InteractionId, MessageId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.gateway.models.outgoing import File, OutgoingMessage
    from alphapy.gateway.rest.client import RestClient

T = TypeVar("T")
MessageT = TypeVar("MessageT", bound=Message)

HISTORY_PAGE = 100
"""Messages that Discord gives of a channel's history at once."""

RESPOND_WITHIN = 3.0
"""Seconds in which Discord waits for the first answer to an interaction.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

_TEAM_ACCEPTED = 2
"""``membership_state`` of somebody who has accepted the invitation to a team."""


@attrs.frozen(kw_only=True)
class GatewayInfo:
    """Where the gateway is, and how many sessions may still be started; ``reset_after`` in seconds."""

    url: str
    shards: int
    total: int
    remaining: int
    reset_after: float
    max_concurrency: int


@attrs.frozen(kw_only=True)
class Application:
    """The bot's application; owners are its owner or the accepted members of the owning team."""

    id: ApplicationId
    name: str
    owner_ids: frozenset[int]


@attrs.frozen(kw_only=True)
class HistoryPage:
    """A page of a channel's history, oldest first; ``last`` is the id behind which to go on.

    ``malformed`` messages are left out.
    """

    messages: tuple[MessageCreate, ...]
    last: int
    is_full: bool
    malformed: int = 0


class _Limit(msgspec.Struct):
    total: int
    remaining: int
    reset_after: int
    max_concurrency: int


class _Gateway(msgspec.Struct):
    url: str
    shards: int
    session_start_limit: _Limit


class _User(msgspec.Struct):
    id: str


class _TeamMember(msgspec.Struct):
    membership_state: int
    user: _User


class _Team(msgspec.Struct):
    members: list[_TeamMember]


class _Application(msgspec.Struct):
    id: str
    name: str = ""
    owner: _User | None = None
    team: _Team | None = None


class _Created(msgspec.Struct):
    id: str


def _decode(target: routes.Target, body: bytes, shape: type[T], *, strict: bool = True) -> T:
    """The answer in this shape; not ``strict``: with ids read out of text, as incoming models want it."""
    try:
        return msgspec.json.decode(body, type=shape, strict=strict)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(target, str(error)) from error


def _read_page(target: routes.Target, body: bytes, shape: type[MessageT]) -> tuple[list[int], list[MessageT]]:
    """The ids of a page of history, and those of its messages that make sense, oldest first."""
    raws = _decode(target, body, list[msgspec.Raw])
    ids = [_id(target, _decode(target, bytes(raw), _Created).id) for raw in raws]
    messages: list[MessageT] = []
    for raw in raws:
        try:
            messages.append(msgspec.json.decode(raw, type=shape, strict=False))
        except (msgspec.DecodeError, RecursionError):
            continue
    return ids, sorted(messages, key=lambda message: message.id)


def _malformed(target: routes.Target, message: str) -> DiscordError:
    return DiscordError(kind=DiscordErrorKind.MALFORMED, route=target.route.key, message=message, status=200)


def _id(target: routes.Target, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise _malformed(target, "an id is not a number")
    return int(text)


class DiscordCalls:
    """What the product asks of Discord."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def gateway(self) -> GatewayInfo:
        """Where to connect, with how many shards, and the session start limit."""
        target = routes.GATEWAY.to()
        found = _decode(target, await self._client.request(Call(target)), _Gateway)
        limit = found.session_start_limit
        return GatewayInfo(
            url=found.url,
            shards=found.shards,
            total=limit.total,
            remaining=limit.remaining,
            reset_after=limit.reset_after / 1000,
            max_concurrency=limit.max_concurrency,
        )

    async def application(self) -> Application:
        """The application that the token belongs to, with who owns it."""
        target = routes.APPLICATION.to()
        found = _decode(target, await self._client.request(Call(target)), _Application)
        owners = {_id(target, found.owner.id)} if found.owner is not None else set()
        if found.team is not None:
            owners |= {
                _id(target, member.user.id)
                for member in found.team.members
                if member.membership_state == _TEAM_ACCEPTED
            }
        return Application(
            id=ApplicationId(_id(target, found.id)), name=found.name, owner_ids=frozenset(owners)
        )

    async def respond(
        self,
        interaction_id: InteractionId,
        token: str,
        response: Mapping[str, Any],
        *,
        files: Sequence[File] = (),
        within: float = RESPOND_WITHIN,
    ) -> None:
        """Give an interaction its first answer; no attempt begins later than ``within`` seconds from now.

        When a repeated attempt finds the interaction answered, the first attempt had arrived: success.
        """
        target = routes.RESPOND.to(interaction_id=interaction_id, interaction_token=token)
        call = Call(
            target,
            json=response,
            files=tuple(files),
            priority=Priority.INTERACTION,
            repeatable=True,
            start_within=within,
        )
        try:
            await self._client.request(call)
        except DiscordError as error:
            if not (error.code == ALREADY_ACKNOWLEDGED and error.attempts > 1):
                raise

    async def edit_original(
        self, application_id: ApplicationId, token: str, message: OutgoingMessage
    ) -> None:
        """Turn the first answer to an interaction, also a deferred one, into this message."""
        target = routes.EDIT_ORIGINAL.to(webhook_id=application_id, webhook_token=token)
        await self._client.request(
            Call(target, json=message.to_edit_json(), files=message.files, priority=Priority.INTERACTION)
        )

    async def promise(self, application_id: ApplicationId, token: str) -> int | None:
        """The flags of the first answer to an interaction where it is a promise not kept yet; else None."""
        target = routes.GET_ORIGINAL.to(webhook_id=application_id, webhook_token=token)
        body = await self._client.request(Call(target, priority=Priority.INTERACTION))
        flags = _decode(target, body, Message, strict=False).flags
        return flags if flags & LOADING else None

    async def follow_up(
        self, application_id: ApplicationId, token: str, message: OutgoingMessage
    ) -> MessageId:
        """Send another answer to an interaction, within 15 minutes of it. Never repeated when in doubt."""
        target = routes.FOLLOW_UP.to(webhook_id=application_id, webhook_token=token)
        return await self._create(target, message, Priority.INTERACTION, repeatable=False)

    async def delete_original(self, application_id: ApplicationId, token: str) -> None:
        """Delete the first answer to an interaction; success too when it is already gone."""
        target = routes.DELETE_ORIGINAL.to(webhook_id=application_id, webhook_token=token)
        await self._delete(Call(target, priority=Priority.INTERACTION))

    async def create_message(
        self, channel_id: ChannelId, message: OutgoingMessage, *, priority: Priority = Priority.OTHER
    ) -> MessageId:
        """Send a message. Repeated when in doubt only if it has a nonce, which Discord then enforces."""
        target = routes.CREATE_MESSAGE.to(channel_id=channel_id)
        return await self._create(target, message, priority, repeatable=message.nonce is not None)

    async def create_recorded(
        self,
        channel_id: ChannelId,
        body: Mapping[str, Any],
        *,
        nonce: str,
        within: float,
        files: Sequence[File] = (),
    ) -> MessageId:
        """Send a message out of the body that was recorded of it; its nonce is enforced.

        No attempt begins later than ``within`` seconds from now. The body names the ``files``.
        """
        target = routes.CREATE_MESSAGE.to(channel_id=channel_id)
        json = {**body, "nonce": nonce, "enforce_nonce": True}
        call = Call(target, json=json, files=tuple(files), repeatable=True, start_within=within)
        created = _decode(target, await self._client.request(call), _Created)
        return MessageId(_id(target, created.id))

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> tuple[Message, ...]:
        """The at most ``limit`` (100) messages of a channel that come next after this id, oldest first.

        None at all where the bot may not read the channel's history.
        """
        target = routes.CHANNEL_MESSAGES.to(channel_id=channel_id)
        query = {"after": str(message_id), "limit": str(limit)}
        body = await self._client.request(Call(target, query=query))
        found = _decode(target, body, list[Message], strict=False)
        return tuple(sorted(found, key=lambda message: message.id))

    async def missed_messages(
        self, guild_id: GuildId, channel_id: ChannelId, after: int, *, limit: int, within: float
    ) -> HistoryPage:
        """The at most ``limit`` (100) messages of a guild's channel that come next after this id.

        As events, to whom Discord's answer lacks the author's membership. In the lowest lane, and within so
        many seconds. Empty where the bot may not read the channel's history.
        """
        target = routes.CHANNEL_MESSAGES.to(channel_id=channel_id)
        call = Call(
            target,
            query={"after": str(after), "limit": str(limit)},
            priority=Priority.BACKFILL,
            deadline=within,
        )
        ids, found = _read_page(target, await self._client.request(call), MessageCreate)
        messages = [msgspec.structs.replace(message, guild_id=guild_id) for message in found]
        return HistoryPage(
            messages=tuple(messages),
            last=max((after, *ids)),
            is_full=len(ids) >= limit,
            malformed=len(ids) - len(messages),
        )

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> tuple[Message, ...]:
        """The newest ``count`` messages of a channel, newest first, a hundred with each request.

        Malformed ones are left out. None at all where the bot may not read the channel's history.
        """
        target = routes.CHANNEL_MESSAGES.to(channel_id=channel_id)
        newest: list[Message] = []
        query: dict[str, str] = {}
        for asked in range(0, count, HISTORY_PAGE):
            limit = min(count - asked, HISTORY_PAGE)
            call = Call(target, query={**query, "limit": str(limit)})
            ids, found = _read_page(target, await self._client.request(call), Message)
            newest.extend(reversed(found))
            if len(ids) < limit:
                break
            query = {"before": str(min(ids))}
        return tuple(newest)

    async def edit_message(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        message: OutgoingMessage,
        *,
        priority: Priority = Priority.OTHER,
    ) -> None:
        """Turn one of the bot's own messages into this one."""
        target = routes.EDIT_MESSAGE.to(channel_id=channel_id, message_id=message_id)
        await self._client.request(
            Call(target, json=message.to_edit_json(), files=message.files, priority=priority)
        )

    async def edit_recorded(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        body: Mapping[str, Any],
        *,
        within: float,
        files: Sequence[File] = (),
    ) -> None:
        """Turn one of the bot's own messages into the one that was recorded; the body names the ``files``.

        No attempt begins later than ``within`` seconds from now.
        """
        target = routes.EDIT_MESSAGE.to(channel_id=channel_id, message_id=message_id)
        await self._client.request(
            Call(target, json=body, files=tuple(files), repeatable=True, start_within=within)
        )

    async def delete_message(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        *,
        reason: str | None = None,
        priority: Priority = Priority.OTHER,
    ) -> None:
        """Delete a message; success too when it, or its channel, is already gone."""
        target = routes.DELETE_MESSAGE.to(channel_id=channel_id, message_id=message_id)
        await self._delete(Call(target, reason=reason, priority=priority))

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """A member of a guild; no attempt begins later than ``within`` seconds from now."""
        target = routes.GET_MEMBER.to(guild_id=guild_id, user_id=user_id)
        body = await self._client.request(Call(target, start_within=within))
        return _decode(target, body, Member, strict=False)

    async def open_direct(self, user_id: UserId) -> ChannelId:
        """The direct message channel with a user; the same one however often it is opened."""
        target = routes.OPEN_DIRECT.to()
        call = Call(target, json={"recipient_id": str(user_id)}, repeatable=True)
        opened = _decode(target, await self._client.request(call), _Created)
        return ChannelId(_id(target, opened.id))

    async def put_global_commands(
        self, application_id: ApplicationId, manifest: Sequence[Mapping[str, Any]]
    ) -> int:
        """Replace every global command by these; returns how many there are now."""
        return await self._put_commands(
            routes.PUT_GLOBAL_COMMANDS.to(application_id=application_id), manifest
        )

    async def put_guild_commands(
        self, application_id: ApplicationId, guild_id: GuildId, manifest: Sequence[Mapping[str, Any]]
    ) -> int:
        """Replace every command of one guild by these; returns how many there are now."""
        target = routes.PUT_GUILD_COMMANDS.to(application_id=application_id, guild_id=guild_id)
        return await self._put_commands(target, manifest)

    async def _create(
        self, target: routes.Target, message: OutgoingMessage, priority: Priority, *, repeatable: bool
    ) -> MessageId:
        call = Call(
            target, json=message.to_json(), files=message.files, priority=priority, repeatable=repeatable
        )
        created = _decode(target, await self._client.request(call), _Created)
        return MessageId(_id(target, created.id))

    async def _delete(self, call: Call) -> None:
        try:
            await self._client.request(call)
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise

    async def _put_commands(self, target: routes.Target, manifest: Sequence[Mapping[str, Any]]) -> int:
        body = await self._client.request(Call(target, json=list(manifest)))
        return len(_decode(target, body, list[_Created]))
