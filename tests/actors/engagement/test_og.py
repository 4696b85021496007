"""OG claims: one for each member, no more than the cap, and none missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.engagement.clock import where_known
from alphapy.actors.engagement.og import Directory, Og, OgDiscord, Reactions, claims
from alphapy.actors.engagement.og_book import OgBook, SessionWatch
from alphapy.actors.engagement.og_messages import EMOJI, SELECTOR, OgStatus, ReadOg, SetUpOg
from alphapy.actors.engagement.part import NOT_MINE
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import UnexpectedMessage
from alphapy.gateway.events import (
    ChannelCreate,
    ChannelDelete,
    Emoji,
    GuildDelete,
    MessageDelete,
    MessageDeleteBulk,
    MessageReactionAdd,
    Ready,
)
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage import engagement_badges as badges
from alphapy.storage import engagement_og as storage
from alphapy.storage.engagement_og import OgSetup
from alphapy.storage.errors import DatabaseUnavailable
from tests.actors.engagement.members_host import GUILD, HIGH, LOW, ME, FakeHost, FakeSettings, effect_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.pool import Pool

CHANNEL, MESSAGE = ChannelId(20), MessageId(30)
ON: dict[str, Any] = {"og_enabled": True}
ANYBODY = Member(user=User(id=UserId(5)))


def error(kind: DiscordErrorKind) -> DiscordError:
    return DiscordError(kind=kind, route="x", message="no")


@attrs.define
class FakeDiscord(Reactions, Directory):
    """Who reacted, by spelling, and who is a member."""

    reacted: dict[str, list[int]] = attrs.field(factory=dict)
    bots: set[int] = attrs.field(factory=set)
    gone: set[int] = attrs.field(factory=set)
    failures: list[Exception] = attrs.field(factory=list)
    pages: int = 0

    @override
    async def reactors(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, *, after: int
    ) -> Sequence[User]:
        self.pages += 1
        if self.failures:
            raise self.failures.pop(0)
        people = sorted(user for user in self.reacted.get(emoji, []) if user > after)[:100]
        return [User(id=UserId(user), username=f"u{user}", bot=user in self.bots) for user in people]

    @override
    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        if user_id in self.gone:
            raise error(DiscordErrorKind.NOT_FOUND)
        return Member(user=User(id=user_id), roles=())


class Scene:
    """The claims of one guild, driven by hand."""

    def __init__(self, pool: Pool, **values: Any) -> None:
        self.host = FakeHost(pool, **values)
        self.host.guilds.apply(ChannelCreate(id=CHANNEL, guild_id=GUILD, name="og"))
        self.discord = FakeDiscord()
        self.book = OgBook(FakeSettings(self.host.values))
        self.og = Og(self.host, OgDiscord(reactions=self.discord, directory=self.discord, book=self.book))
        self.seq = 0

    async def load(self) -> None:
        self.og.adopt(await self.host.read(self.og.read))

    async def set_up(self, message_id: MessageId = MESSAGE) -> None:
        await self.og.handle(SetUpOg(CHANNEL, message_id))
        await self.settle()

    async def settle(self) -> None:
        """Run what was begun, and handle what was told, until that is nothing."""
        while self.host.context.tasks or self.host.context.queue:
            await self.host.run_tasks()
            await self.host.drain(self.og)

    async def event(self, event: Any) -> bool:
        """An event; whether it led to anything."""
        self.seq += 1
        work = await self.og.on_event(GatewayEvent(type(event).__name__, event, 0, "session", self.seq))
        if work is None:
            return False
        await self.host.commit(work.drafts, work.write)
        work.done()
        return True

    async def react(
        self,
        user_id: int,
        emoji: str = EMOJI,
        *,
        message_id: MessageId = MESSAGE,
        member: Member | None = ANYBODY,
    ) -> bool:
        return await self.event(
            MessageReactionAdd(
                user_id=UserId(user_id),
                channel_id=CHANNEL,
                message_id=message_id,
                emoji=Emoji(name=emoji),
                guild_id=GUILD,
                member=member,
            )
        )

    @property
    def did(self) -> list[tuple[str, int]]:
        """What is to be done to whom, as recorded."""
        return [(draft.kind, draft.payload["user_id"]) for draft in self.host.drafts]

    async def status(self) -> OgStatus:
        found = await self.og.handle(ReadOg())
        assert isinstance(found, OgStatus)
        return found


@pytest.fixture
async def scene(pool: Pool) -> Scene:
    made = Scene(pool, **ON)
    await made.set_up()
    return made


async def test_scenario_26_the_cap_holds_and_who_comes_too_late_is_told(scene: Scene) -> None:
    scene.host.values["og_cap"] = 1
    assert await scene.react(5)
    assert await scene.react(6, EMOJI + SELECTOR)
    assert scene.did == [("remove_reaction", 6), ("send_direct", 6)]
    removal, note = scene.host.drafts
    assert removal.payload["emoji"] == EMOJI + SELECTOR  # exactly as received
    assert removal.payload["about"] == {"part": "og"}
    assert note.payload["message"]["allowed_mentions"]["parse"] == []
    assert "**Guild**" in note.payload["message"]["content"]
    assert await scene.status() == OgStatus(claimed=1, setup=OgSetup(CHANNEL, MESSAGE))
    # Once more: the reaction goes again, and the note, which has the same key, is not sent again.
    await scene.react(6)
    keys = [draft.event_key for draft in scene.host.drafts]
    assert keys[1] == keys[3]
    assert keys[0] != keys[2]


async def test_scenario_27_who_claims_again_keeps_one_claim_and_the_role_is_repaired(scene: Scene) -> None:
    await scene.react(5)
    scene.host.values["badge_role_og"] = int(LOW)
    await scene.react(5)
    await scene.react(5, member=Member(user=User(id=UserId(5)), roles=(LOW,)))
    assert scene.did == [("give_role", 5)]
    (draft,) = scene.host.drafts
    assert draft.payload["role_id"] == LOW
    async with scene.host.pool.transaction("test") as tx:  # type: ignore[union-attr]
        (grant,) = await badges.grants(tx, GUILD, UserId(5))
    assert (grant.key, grant.count) == ("og", 1)


async def test_what_does_not_claim(scene: Scene) -> None:
    bot = Member(user=User(id=UserId(8), bot=True))
    assert not await scene.react(int(ME))
    assert not await scene.react(8, member=bot)
    assert not await scene.react(9, member=None)
    assert not await scene.react(5, "👍")
    assert not await scene.react(5, message_id=MessageId(31))
    scene.host.values["og_enabled"] = False
    assert not await scene.react(5)
    assert (await scene.status()).claimed == 0


def test_the_emoji_of_a_guild_does_not_claim() -> None:
    assert not claims(Emoji(id=1, name=EMOJI))
    assert not claims(Emoji(name=None))
    assert claims(Emoji(name=EMOJI + SELECTOR))


@pytest.mark.parametrize(
    "event",
    [
        MessageDelete(id=MESSAGE, channel_id=CHANNEL, guild_id=GUILD),
        MessageDeleteBulk(ids=(MessageId(1), MESSAGE), channel_id=CHANNEL, guild_id=GUILD),
        ChannelDelete(id=CHANNEL, guild_id=GUILD),
    ],
)
async def test_a_message_that_is_gone_claims_nothing_and_the_log_says_so(scene: Scene, event: Any) -> None:
    await scene.react(5)
    assert not await scene.event(MessageDelete(id=MessageId(1), channel_id=CHANNEL, guild_id=GUILD))
    scene.host.values["og_enabled"] = False  # noticed while it is off, too
    assert await scene.event(event)
    assert scene.host.logged == ["🎉 OG claim message deleted"]
    assert await scene.status() == OgStatus(claimed=1, setup=None)
    await scene.load()
    assert not await scene.react(6)


async def test_a_setup_in_a_channel_that_is_gone_is_shown_as_none(scene: Scene) -> None:
    scene.host.guilds.apply(ChannelDelete(id=CHANNEL, guild_id=GUILD))
    assert (await scene.status()).setup is None


async def test_a_new_message_claims_and_the_old_one_does_not(scene: Scene) -> None:
    await scene.react(5)
    await scene.set_up(MessageId(31))
    assert not await scene.react(6)
    assert await scene.react(6, message_id=MessageId(31))
    assert (await scene.status()).claimed == 2


@pytest.mark.parametrize(
    ("role", "permissions", "said"),
    [
        (99, Permissions.MANAGE_ROLES, "does not exist"),
        (int(HIGH), Permissions.MANAGE_ROLES, "above my own"),
        (int(LOW), Permissions.VIEW_CHANNEL, "*Manage Roles*"),
        (int(GUILD), Permissions.MANAGE_ROLES, "@everyone"),
    ],
)
async def test_a_role_that_cannot_be_given_is_told_and_the_claim_counts(
    scene: Scene, role: int, permissions: Permissions, said: str
) -> None:
    scene.host.appear(permissions)
    scene.host.values["badge_role_og"] = role
    await scene.react(5)
    assert scene.did == []
    ((_, entry),) = scene.host.context.the_bus.told
    assert said in entry.description  # type: ignore[attr-defined]
    assert (await scene.status()).claimed == 1


async def test_a_role_that_discord_refuses_is_told(scene: Scene) -> None:
    scene.host.values |= {"badge_role_og": int(LOW), "og_cap": 1}
    await scene.react(5)
    await scene.react(6)
    (role, removal, note) = (effect_of(draft) for draft in scene.host.drafts)
    tx: Any = None
    for effect in (removal, note):
        assert await scene.og.on_undone(tx, effect, "refused") == ()
    assert await scene.og.on_undone(tx, role, "404 not_found, code 10007: Unknown Member") == ()
    assert scene.host.logged == []
    await scene.og.on_undone(tx, role, "403 forbidden")
    assert scene.host.logged == ["⚠️ OG"]
    assert await scene.og.on_done(tx, role) == ()


async def test_missed_reactions_are_looked_for_at_the_start_and_after_a_lost_session(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await storage.set_up(tx, GUILD, OgSetup(CHANNEL, MESSAGE), now=FakeHost().clock.now())
    scene = Scene(pool, **ON, og_cap=150)
    scene.discord.reacted = {EMOJI: list(range(100, 230)), EMOJI + SELECTOR: [300, 301, 302]}
    scene.discord.bots, scene.discord.gone = {100, 101}, {102}
    await scene.load()
    await scene.og.wake()
    await scene.settle()
    assert scene.discord.pages == 3
    assert (await scene.status()).claimed == 130
    await scene.og.wake()
    await scene.settle()
    assert scene.discord.pages == 3

    watch = SessionWatch(scene.host.context, scene.book)
    ready = Ready(user=User(id=ME), session_id="s", resume_gateway_url="u")
    await watch.handle(GatewayEvent("READY", ready, 0, "s", 1))
    with pytest.raises(UnexpectedMessage):
        await watch.handle("something else")
    scene.discord.reacted[EMOJI].append(230)
    scene.host.values["og_cap"] = 130
    await scene.og.wake()
    await scene.og.wake()  # one look at a time
    await scene.settle()
    assert scene.discord.pages == 6
    assert scene.did == [("remove_reaction", 230), ("send_direct", 230)]


@pytest.mark.parametrize(
    ("failure", "sure"),
    [
        (error(DiscordErrorKind.SERVER), False),
        (DatabaseUnavailable("db", "away"), False),
        (error(DiscordErrorKind.FORBIDDEN), True),
        (error(DiscordErrorKind.NOT_FOUND), True),
    ],
)
async def test_reactions_that_cannot_be_read_are_asked_for_again_where_that_makes_sense(
    scene: Scene, failure: Exception, sure: bool
) -> None:
    scene.book.session_began()
    scene.discord.failures = [failure]
    await scene.og.wake()
    await scene.settle()
    assert scene.book.is_to_look(GUILD, OgSetup(CHANNEL, MESSAGE)) is not sure


async def test_a_member_who_cannot_be_asked_about_is_asked_about_again(scene: Scene) -> None:
    scene.book.session_began()
    scene.discord.reacted = {EMOJI: [500]}

    async def away(guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        raise error(DiscordErrorKind.SERVER)

    scene.og._discord.directory.member = away  # type: ignore[method-assign]
    await scene.og.wake()
    await scene.settle()
    assert scene.book.is_to_look(GUILD, OgSetup(CHANNEL, MESSAGE))


async def test_nobody_looks_while_it_is_off_or_the_guild_is_away(scene: Scene) -> None:
    scene.book.session_began()
    scene.host.values["og_enabled"] = False
    await scene.og.wake()
    scene.host.values["og_enabled"] = True
    scene.host.guilds.apply(GuildDelete(id=GUILD, unavailable=True))
    await scene.og.wake()
    assert scene.host.context.tasks == []


async def test_a_look_at_a_message_that_was_replaced_claims_nothing(scene: Scene) -> None:
    scene.book.session_began()
    scene.discord.reacted = {EMOJI: [500]}
    await scene.og.wake()
    await scene.host.run_tasks()
    scene.og.adopt(OgSetup(CHANNEL, MessageId(31)))
    scene.discord.reacted = {}
    await scene.settle()
    assert (await scene.status()).claimed == 0
    assert not scene.book.is_to_look(GUILD, OgSetup(CHANNEL, MessageId(31)))


async def test_guilds_are_named_until_they_were_looked_through(scene: Scene) -> None:
    now = scene.host.clock.now()
    async with scene.host.pool.transaction("test") as tx:  # type: ignore[union-attr]
        assert await scene.book.due(tx, now) == ([], None)
        assert await scene.book.due(tx, now) == ((), None)
        scene.book.session_began()
        assert await scene.book.due(tx, now) == ([GUILD], None)
        assert await where_known(scene.host.guilds, scene.book.due)(tx, now) == ([GUILD], None)
        assert await where_known(GuildCache(), scene.book.due)(tx, now) == ([], None)
        scene.host.values["og_enabled"] = False
        assert await scene.book.due(tx, now) == ([], None)


async def test_what_is_not_its_own(scene: Scene) -> None:
    assert await scene.og.handle("something else") is NOT_MINE
    assert scene.og.name == "og"
    assert list(scene.og.count(())) == []
    await scene.og.prepare(())
    scene.og.forget(UserId(5))
    assert not await scene.event(ChannelCreate(id=ChannelId(77), guild_id=GUILD))
