"""The part ``og``: the first members who react to a message claim a badge, and a role.

A claim is one transaction under the lock of the setup's row, together with what follows from it: of two who
want the last place, one gets it, whatever the process dies of. What a reaction leads to beyond that (the
role, or the reaction's removal and a note to the member) is an effect. Rules: spec/engagement.md 5.3.

Reactions that came while nobody listened are looked for when a gateway session begins, and when a message is
set up: page by page, in a child task. When it fails: Discord cannot tell at the moment: it is asked again by
the clock. The message is gone: the setup stays, and nothing claims.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from typing_extensions import override

from alphapy.actors.engagement.og_book import OgBook
from alphapy.actors.engagement.og_effects import PART, OgEffects
from alphapy.actors.engagement.og_messages import (
    EMOJI,
    SELECTOR,
    SPELLINGS,
    Claimant,
    LookedAt,
    OgStatus,
    Place,
    ReadOg,
    SetUpOg,
)
from alphapy.actors.engagement.part import FEATURE, NOT_MINE, Host, Part, Work
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import ConfigAudit
from alphapy.gateway.events import (
    ChannelDelete,
    MessageDelete,
    MessageDeleteBulk,
    MessageReactionAdd,
)
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.members import REACTORS_PAGE
from alphapy.storage import engagement_og as storage
from alphapy.storage.engagement_og import Claim, OgSetup
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from alphapy.actors.engagement.part import Post, Row
    from alphapy.actors.feature import GatewayEvent
    from alphapy.gateway.events import Emoji
    from alphapy.gateway.models.user import Member, User
    from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.engagement")

ASK_WITHIN: Final = 30.0
"""Seconds that Discord may take to tell a member."""


class Reactions(Protocol):
    """Who reacted to a message."""

    async def reactors(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, *, after: int
    ) -> Sequence[User]:
        """The at most 100 users next after this id who reacted; raises DiscordError."""
        ...


class Directory(Protocol):
    """Who is a member."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One of them; raises DiscordError."""
        ...


@attrs.frozen(kw_only=True)
class OgDiscord:
    """What claims need of Discord, and what they have in common in all guilds."""

    reactions: Reactions
    directory: Directory
    book: OgBook


class Og(Part):
    """The claims of one guild; see the module."""

    def __init__(self, host: Host, discord: OgDiscord) -> None:
        self._host = host
        self._guild_id = host.guild_id
        self._discord = discord
        self._effects = OgEffects(host)
        self._setup: OgSetup | None = None
        self._looking = False

    @property
    @override
    def name(self) -> str:
        return PART

    @override
    async def read(self, tx: Transaction) -> object:
        return await storage.setup(tx, self._guild_id)

    @override
    def adopt(self, state: object) -> None:
        assert state is None or isinstance(state, OgSetup)  # noqa: S101 - what read() returns
        self._setup = state

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        pass

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        return ()

    @override
    def forget(self, user_id: UserId) -> None:
        pass

    # -- events

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        setup = self._setup
        if setup is None:
            return None
        match event.event:
            case MessageReactionAdd() as reaction:
                return self._on_reaction(reaction, setup, f"{event.session_id}:{event.seq}:{event.letter}")
            case MessageDelete(id=message_id) if message_id == setup.message_id:
                return self._take_down(setup)
            case MessageDeleteBulk(ids=message_ids) if setup.message_id in message_ids:
                return self._take_down(setup)
            case ChannelDelete(id=channel_id) if channel_id == setup.channel_id:
                return self._take_down(setup)
            case _:
                return None

    def _on_reaction(self, reaction: MessageReactionAdd, setup: OgSetup, place: str) -> Work | None:
        member = reaction.member
        if (
            reaction.message_id != setup.message_id
            or not claims(reaction.emoji)
            or reaction.user_id == self._host.guilds.me
            or member is None
            or (member.user is not None and member.user.bot)
            or not self._host.is_on(PART)
        ):
            return None
        claimant = Claimant(
            user_id=reaction.user_id,
            message_id=reaction.message_id,
            emoji=reaction.emoji.name or EMOJI,
            roles=member.roles,
        )
        write, done = self._claim(claimant, setup, place)
        return Work(write=write, done=done)

    def _claim(
        self, claimant: Claimant, setup: OgSetup, place: str
    ) -> tuple[Callable[[Transaction], Awaitable[Sequence[Draft]]], Callable[[], None]]:
        """What is written for a claimant, and done once that is committed."""
        outcome = Claim.CLOSED
        cap = self._host.settings.number(FEATURE, "og_cap")

        async def write(tx: Transaction) -> Sequence[Draft]:
            nonlocal outcome
            now = self._host.clock.now()
            outcome = await storage.claim(
                tx, self._guild_id, claimant.user_id, claimant.message_id, cap=cap, at=now
            )
            match outcome:
                case Claim.NEW | Claim.HELD:
                    return self._effects.role(claimant, place)
                case Claim.FULL:
                    return self._effects.full(claimant, setup, place)
                case Claim.CLOSED:
                    return ()

        def done() -> None:
            if outcome is Claim.NEW:
                log.info(
                    "a member has claimed OG",
                    extra={
                        "event": "og_claimed",
                        "guild_id": self._guild_id,
                        "user_id": claimant.user_id,
                    },
                )

        return write, done

    def _take_down(self, setup: OgSetup) -> Work:
        """The message is gone: nothing claims any more, and the guild's log says so."""

        async def write(tx: Transaction) -> None:
            await storage.take_down(tx, self._guild_id, [setup.message_id])

        def done() -> None:
            self._setup = None
            audit = ConfigAudit(
                title="🎉 OG claim message deleted",
                description=(
                    f"The message for OG claims in <#{setup.channel_id}> was deleted, so nobody can claim "
                    "any more. Claims that were made stay. `/og setup` posts a new one."
                ),
            )
            self._host.context.bus.tell(Address.guild(self._guild_id, "guild_log"), audit)

        return Work(write=write, done=done)

    # -- messages

    @override
    async def handle(self, message: object) -> object:
        match message:
            case SetUpOg(channel_id, message_id):
                await self._set_up(OgSetup(channel_id, message_id))
            case ReadOg():
                claimed = await self._host.read(lambda tx: storage.count(tx, self._guild_id))
                return OgStatus(claimed=claimed, setup=self._visible_setup())
            case LookedAt():
                await self._looked_at(message)
            case _:
                return NOT_MINE
        return None

    async def _set_up(self, wanted: OgSetup) -> None:
        now = self._host.clock.now()
        await self._host.commit(write=lambda tx: storage.set_up(tx, self._guild_id, wanted, now=now))
        self._setup = wanted
        await self.wake()  # somebody may have reacted already

    def _visible_setup(self) -> OgSetup | None:
        """The setup, unless its channel is known not to exist any more."""
        guild = self._host.guilds.get(self._guild_id)
        if self._setup is None or guild is None or guild.channel(self._setup.channel_id) is not None:
            return self._setup
        return None

    async def _looked_at(self, page: LookedAt) -> None:
        if page.setup == self._setup and self._host.is_on(PART):
            for claimant in page.claimants:
                write, done = self._claim(claimant, page.setup, f"look:{self._host.clock.now().isoformat()}")
                await self._host.commit(write=write)
                done()
            if page.following is not None:
                self._looking = self._host.context.start(self._look, page.setup, page.following)
                return
            if page.is_sure:
                self._discord.book.looked(self._guild_id, page.setup)
            self._looking = False
            return
        self._looking = False
        await self.wake()  # another message may have been set up meanwhile

    @override
    async def wake(self) -> None:
        setup = self._setup
        if setup is None or self._looking or not self._host.is_on(PART):
            return
        guild = self._host.guilds.get(self._guild_id)
        if guild is not None and guild.available and self._discord.book.is_to_look(self._guild_id, setup):
            self._looking = self._host.context.start(self._look, setup, Place())

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return ()

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        self._effects.undone(effect, why)
        return ()

    # -- looking through the reactions, a page at a time, in a child task

    async def _look(self, setup: OgSetup, place: Place) -> None:
        claimants: tuple[Claimant, ...] = ()
        following: Place | None = None
        is_sure = True
        try:
            page = await self._reactors(setup, place)
            claimants = tuple(await self._claimants(setup, place, page))
            following = _following(place, page)
        except DiscordError as error:
            is_sure = not error.transient
            log.warning(
                "the reactions to the OG message cannot be read",
                extra={"event": "og_not_read", "guild_id": self._guild_id, "error": str(error)},
            )
        except (DatabaseUnavailable, DatabaseBusy):
            is_sure = False
        self._host.context.tell_self(
            LookedAt(setup=setup, claimants=claimants, following=following, is_sure=is_sure)
        )

    async def _reactors(self, setup: OgSetup, place: Place) -> Sequence[User]:
        """A page of those who reacted; empty where Discord knows no such reaction."""
        emoji = SPELLINGS[place.spelling]
        try:
            return await self._discord.reactions.reactors(
                setup.channel_id, setup.message_id, emoji, after=place.after
            )
        except DiscordError as error:
            if error.kind in (DiscordErrorKind.NOT_FOUND, DiscordErrorKind.INVALID):
                return ()
            raise

    async def _claimants(self, setup: OgSetup, place: Place, page: Sequence[User]) -> list[Claimant]:
        """Those who have not claimed, and are members."""
        people = [user.id for user in page if not user.bot]
        held = await self._host.read(lambda tx: storage.claimants(tx, self._guild_id, people))
        found = []
        for user_id in people:
            member = None if user_id in held else await self._member(user_id)
            if member is not None:
                found.append(
                    Claimant(
                        user_id=user_id,
                        message_id=setup.message_id,
                        emoji=SPELLINGS[place.spelling],
                        roles=member.roles,
                    )
                )
        return found

    async def _member(self, user_id: UserId) -> Member | None:
        try:
            return await self._discord.directory.member(self._guild_id, user_id, within=ASK_WITHIN)
        except DiscordError as error:
            if error.kind is DiscordErrorKind.NOT_FOUND:
                return None
            raise


def _following(place: Place, page: Sequence[User]) -> Place | None:
    if len(page) >= REACTORS_PAGE:
        return Place(place.spelling, page[-1].id)
    return Place(place.spelling + 1) if place.spelling + 1 < len(SPELLINGS) else None


def claims(emoji: Emoji) -> bool:
    """Whether this reaction is the one that claims."""
    return emoji.id is None and (emoji.name or "").rstrip(SELECTOR) == EMOJI
