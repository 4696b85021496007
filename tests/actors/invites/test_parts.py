"""The parts of invite tracking one by one: what is remembered, listed, imported and refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.invites.announcing import Announcer
from alphapy.actors.invites.book import KEPT_FOR, MOST_NAMES, Book
from alphapy.actors.invites.commands import Commands
from alphapy.actors.invites.importing import SCANNED, ImportInvites, may_be_import
from alphapy.actors.invites.listing import Lister, Listing
from alphapy.actors.invites.messages import IMPORT, RaiseCounts
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import PatientBus
from alphapy.gateway.commands import Access
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.invocation import Invocation
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.interaction import Resolved
from alphapy.gateway.models.invite import VanityInvite
from alphapy.gateway.models.message import Message
from alphapy.gateway.options import read_partial
from alphapy.gateway.refusals import DatabaseAway, Refused
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId, snowflake_at
from alphapy.pure.invites import Code
from tests.actors.invites.house import (
    ADA,
    CHANNEL,
    GRACE,
    GUILD,
    HIDDEN,
    Discord,
    House,
    Wishes,
    guild_cache,
    refusal,
    user,
)
from tests.support.actors import running
from tests.support.clock import START, FakeClock
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.interactions import command as used
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.actors.kernel.actor import Context
    from alphapy.gateway.commands import Command
    from alphapy.storage.pool import Pool


def listing(asked_at: float, codes: Iterable[Code] = (), **more: Any) -> Listing:
    found: dict[str, Any] = {"codes": {code.code: code for code in codes}, "ends": {}, "names": {}}
    return Listing(asked_at=asked_at, **found | more)


def once(name: str) -> Code:
    return Code(code=name, inviter_id=ADA, max_uses=1)


# -- the book


def test_codes_that_are_gone_are_likeliest_where_discord_told_of_it_and_not_where_they_expired() -> None:
    book, known = Book(), {name: once(name) for name in ("told", "listed", "stored", "expired", "endless")}
    known["endless"] = Code(code="endless", inviter_id=ADA)
    ends = {"listed": None, "expired": START - timedelta(seconds=1), "told": START + timedelta(days=1)}
    book.take(known, {}, listing(0.0, known.values(), ends=ends), 0.0)
    book.delete(House.deleted("told"), 5.0)
    assert book.candidates(known, listing(6.0), START) == ("told", "listed", "stored")


async def test_an_invite_that_is_younger_than_the_list_is_not_missed(pool: Pool) -> None:
    book, known = Book(), {"new": once("new")}
    book.create(House(pool).created("new", ADA, max_uses=1, max_age=60), 5.0)
    assert book.candidates(known, listing(4.0), START) == ()
    assert book.candidates(known, listing(6.0), START) == ("new",)
    assert book.candidates(known, listing(6.0), START + timedelta(seconds=60)) == ()
    book.take(known, {}, listing(4.0), 7.0)
    assert not book.is_open


def test_what_waits_is_overdue_after_ten_seconds_from_when_it_was_first_seen() -> None:
    book, known = Book(), {"abc": Code(code="abc", inviter_id=ADA), "gone": once("gone")}
    book.take(known, {"abc": 3}, listing(0.0, [known["abc"]]), 1.0)
    assert book.is_open
    book.take(known, {"abc": 3}, listing(2.0, [known["abc"]]), 5.0)
    assert not book.overdue(1.0 + KEPT_FOR - 0.1)
    overdue = book.overdue(1.0 + KEPT_FOR)
    assert (overdue.uses, overdue.gone) == ({"abc": 3}, frozenset({"gone"}))
    book.take({"abc": known["abc"]}, {}, None, 12.0)
    assert not book.is_open


def test_a_code_that_is_listed_again_is_not_gone() -> None:
    book, known = Book(), {"abc": once("abc")}
    book.delete(House.deleted("abc"), 5.0)
    book.take(known, {}, listing(4.0, known.values()), 6.0)
    assert book.is_open, "the list is older than the news"
    book.take(known, {}, listing(7.0, known.values()), 8.0)
    assert not book.is_open


def test_names_are_remembered_up_to_a_bound() -> None:
    book = Book()
    book.take({}, {}, listing(0.0, names={number: f"n{number}" for number in range(MOST_NAMES + 1)}), 0.0)
    assert (book.name(0), book.name(1)) == ("User 0", "n1")


# -- the list


def lister(discord: Discord, cache: GuildCache) -> Lister:
    return Lister(invites=discord, guilds=cache, clock=FakeClock())


async def test_the_guilds_own_address_is_listed_where_there_is_one() -> None:
    discord = Discord()
    discord.set("abc", ADA, 3, max_uses=5, expires_at=START)
    with_address = lister(discord, guild_cache(vanity=True))
    assert set((await with_address.read(GUILD, within=5.0)).codes) == {"abc"}
    discord.own = VanityInvite(code="town", uses=7)
    found = await with_address.read(GUILD, within=5.0)
    assert found.codes["town"] == Code(code="town", uses=7)
    assert found.codes["abc"] == Code(code="abc", inviter_id=ADA, uses=3, max_uses=5)
    assert (found.ends, found.names) == ({"abc": START}, {ADA: "Ada"})
    discord.own = VanityInvite()
    assert set((await with_address.read(GUILD, within=5.0)).codes) == {"abc"}
    discord.own_failure = refusal(DiscordErrorKind.SERVER)
    with pytest.raises(DiscordError):
        await with_address.read(GUILD, within=5.0)


async def test_a_list_without_uses_is_none() -> None:
    discord = Discord()
    discord.set("abc", ADA, None)
    with pytest.raises(DiscordError) as caught:
        await lister(discord, guild_cache()).read(GUILD, within=5.0)
    assert caught.value.kind is DiscordErrorKind.FORBIDDEN


def test_who_may_ask_and_post() -> None:
    clock = FakeClock()
    assert lister(Discord(), GuildCache()).may_ask(GUILD), "that is not known"
    assert not lister(Discord(), guild_cache(Permissions.VIEW_CHANNEL)).may_ask(GUILD)
    assert Announcer(GUILD, GuildCache(), clock).can_post(ChannelId(CHANNEL))
    assert not Announcer(GUILD, guild_cache(), clock).can_post(ChannelId(HIDDEN))
    assert not Announcer(GUILD, guild_cache(Permissions.VIEW_CHANNEL), clock).can_post(ChannelId(CHANNEL))


# -- commands


@attrs.define
class Nobody:
    """Nobody is a member any more."""

    async def member(self, *_arguments: Any, **_options: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise refusal(DiscordErrorKind.NOT_FOUND)


def invocation(declared: Command) -> Invocation:
    answer: Any = None
    return Invocation(
        interaction=used(declared.name, guild_id=int(GUILD)),
        answer=answer,
        access=Access.EVERYONE,
        path=declared.name,
        trace_id="t",
        options=read_partial(declared.options, (), Resolved()),
    )


async def test_counts_are_for_those_who_manage_the_server(pool: Pool) -> None:
    async with running() as registry:
        _, set_, reset = Commands(pool, PatientBus(registry, lambda: False), Nobody()).commands()
        for declared in (set_, reset):
            with pytest.raises(Refused, match="needs Manage Server"):
                await declared.handler(invocation(declared))


async def test_the_leaderboard_says_that_the_database_is_away(pool: Pool) -> None:
    away: Any = FaultyPool(pool, [gone()])
    async with running() as registry:
        board, *_ = Commands(away, PatientBus(registry, lambda: True), Nobody()).commands()
        with pytest.raises(DatabaseAway):
            await board.handler(invocation(board))


# -- the import


@attrs.define
class Channel:
    """A channel that an owner writes in, with its history."""

    texts: list[str] = attrs.field(factory=list)
    failure: DiscordError | None = None
    posted: list[str] = attrs.field(factory=list)

    async def create_message(self, _channel_id: Any, message: Any) -> MessageId:
        await trio.lowlevel.checkpoint()
        self.posted.append(message.content)
        return MessageId(1)

    async def edit_message(self, _channel_id: Any, _message_id: Any, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.posted.append(message.content)

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        assert (channel_id, count) == (CHANNEL, SCANNED)
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return [
            Message(id=MessageId(number), channel_id=channel_id, author=user(9), content=text)
            for number, text in enumerate(self.texts, 1)
        ]


@attrs.define
class Owners:
    application_id: None = None

    def is_owner(self, _user_id: int) -> bool:
        return True


async def obeyed(
    channel: Channel, wishes: Wishes, *, guild_id: Any = GUILD, tracks: bool = True
) -> tuple[str, list[dict[int, int]]]:
    """What the owner reads in the end, and which counts the guild's actor was given."""
    given: list[dict[int, int]] = []

    class Tracker(Actor):
        @override
        async def handle(self, message: object) -> object:
            assert isinstance(message, RaiseCounts)
            given.append(dict(message.counts))
            return len(message.counts)

    def importer(context: Context) -> ImportInvites:
        return ImportInvites(
            context,
            discord=channel,
            history=channel,
            owners=Owners(),
            clock=FakeClock(),
            settings=wishes,
            guilds=guild_cache(),
        )

    kinds = {"invites": ChildSpec(factory=Tracker)} if tracks else {}
    async with running(process_invite_import=ChildSpec(factory=importer), **kinds) as registry:
        said = MessageCreate(
            id=MessageId(snowflake_at(START)),
            channel_id=ChannelId(7),
            author=user(3),
            content="!import_invites",
            guild_id=guild_id,
        )
        assert may_be_import(said)
        registry.tell_event(IMPORT, GatewayEvent("MESSAGE_CREATE", said, 0, "session", 1))
        await wait_until(lambda: len(channel.posted) == 2, what="the verdict")
    return channel.posted[1], given


async def test_counts_of_an_earlier_bot_are_taken_over() -> None:
    channel = Channel([f"<@1> joined! <@{GRACE}> now has {count} invites." for count in (3, 5, 4)])
    text, given = await obeyed(channel, Wishes({"announcement_channel_id": CHANNEL}))
    assert "1 inviter updated, out of 3 announcements in the newest 3 messages" in text
    assert given == [{GRACE: 5}]


@pytest.mark.parametrize(
    ("channel", "wishes", "more", "words"),
    [
        (Channel(), Wishes(), {"guild_id": None}, "server only"),
        (Channel(), Wishes(), {}, "/invites set_channel"),
        (Channel(), Wishes({"announcement_channel_id": HIDDEN}), {}, "/invites set_channel"),
        (Channel(), Wishes(away=True), {}, "try again later"),
        (Channel(failure=refusal()), Wishes({"announcement_channel_id": CHANNEL}), {}, "could not be read"),
        (Channel(), Wishes({"announcement_channel_id": CHANNEL}), {"tracks": False}, "try again later"),
    ],
)
async def test_why_nothing_is_taken_over(
    channel: Channel, wishes: Wishes, more: dict[str, Any], words: str
) -> None:
    text, given = await obeyed(channel, wishes, **more)
    assert words in text
    assert not given
