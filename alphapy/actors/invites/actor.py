"""A guild's invite tracker: who came by whose invite (spec/engagement.md 5.6).

A join is dealt with a second after it arrived, together with those that came meanwhile: Discord is asked how
often each invite was used, and what has grown is credited. Credits, what is known of the codes, announcements
and the progress in the gateway's log are one transaction, so that whatever the process dies of, a join counts
once. Joins that Discord tells late, and uses that it lists early, wait ten seconds for each other.

When it fails. The bot does not manage the guild: nothing is asked, and joins are announced without inviter.
Discord does not answer: the joins wait a minute, then they are announced without inviter; whose invites they
were is found by the next list. The database is gone: the joins wait, with the list that was read for them.
The process was away so long that its session is over: what was used meanwhile counts, and nobody is told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import trio
from typing_extensions import override

from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.invites.announcing import Announcer, unusable
from alphapy.actors.invites.book import KEPT_FOR, Book
from alphapy.actors.invites.ledger import Entry, Join, Ledger, Written
from alphapy.actors.invites.listing import Lister, Listing
from alphapy.actors.invites.messages import FEATURE, Look, Looked, RaiseCounts, SetCount, Settle
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import SettingsChanged
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.events import GuildCreate, GuildMemberAdd, InviteCreate, InviteDelete
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.rest.errors import DiscordError
from alphapy.gateway.rest.tickets import Priority
from alphapy.pure.invites import Code, Person
from alphapy.storage import invites as storage
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.pure.ids import GuildId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.invites")

ASK_WITHIN = 5.0
"""Seconds that Discord may take to list the invites for a join ..."""

LOOK_WITHIN = 120.0
"""... and for a look that nobody waits for, which lets everything else go first."""

REST = 300.0
"""Seconds for which Discord is not asked again after it has refused, or has not answered for long."""

LOOKS = 5
"""Tries of one look."""

TELL_AGAIN = 3600.0
"""Seconds between two warnings about the channel (spec/engagement.md 5.6)."""


@attrs.frozen(kw_only=True)
class Times:
    """How long things take, in seconds."""

    wait: float = 1.0
    """From a join, or from the guild's arrival, to the look at the invites: the shortest time between two."""
    patience: float = 60.0
    """For so long joins wait while Discord does not answer."""
    look_again: float = 60.0
    """Between two tries of one look."""
    kept_for: float = KEPT_FOR
    """For so long uses wait for joins, and codes that are gone are remembered."""


@attrs.frozen(kw_only=True)
class Parts:
    """The collaborators of the actor."""

    pool: Pool
    kit: JournalKit
    settings: SettingsReader
    guilds: GuildCache
    lister: Lister
    times: Times = Times()


class GuildInvites(Actor):
    """The actor ``guild/<id>/invites``."""

    def __init__(self, context: Context, parts: Parts) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._parts = parts
        self._journal = Journal(context, parts.kit, on_done=_nothing_follows)
        self._book = Book(parts.times.kept_for)
        self._ledger = Ledger(guild_id, self._book, parts.kit.clock)
        self._announcer = Announcer(guild_id, parts.guilds, parts.kit.clock)
        self._listing: Listing | None = None
        self._covers = ("", 0)
        """Up to which event of the log the listing was read for; it is read once for each."""
        self._taken_at = float("-inf")
        self._rests_until = float("-inf")
        self._failing_since: float | None = None
        self._told_at = float("-inf")
        self._looks = 0
        self._is_looking = False
        self._is_settling = False

    @override
    async def load(self) -> None:
        await self._journal.load(_nothing)

    @override
    async def handle(self, message: object) -> object:
        match message:
            case SetCount(user_id, count):
                await self._parts.pool.run(
                    FEATURE,
                    lambda tx: storage.set_count(tx, self._guild_id, user_id, count),
                    idempotent=True,
                )
            case RaiseCounts(raised):
                return await self._parts.pool.run(
                    FEATURE, lambda tx: storage.raise_counts(tx, self._guild_id, raised), idempotent=True
                )
            case Look():
                self._look(counts=message.credits)
            case Looked():
                await self._on_looked(message)
            case SettingsChanged():
                if message.key == "enabled" and message.new:
                    self._look(counts=False)
            case Settle():
                await self._settle()
            case EffectClosed() | EffectLeft():
                self._journal.closed(message)
            case PickUp():
                await self._journal.pick_up()
            case _:
                return await super().handle(message)
        return None

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        events = [message for message in messages if isinstance(message, GatewayEvent)]
        for message in messages:
            if not isinstance(message, GatewayEvent):
                await self.handle(message)
        if any(isinstance(event.event, GuildCreate) for event in events):
            self._look(counts=True)
        await self._on_events([event for event in events if not isinstance(event.event, GuildCreate)])

    # -- joins

    async def _on_events(self, events: Sequence[GatewayEvent]) -> None:
        fresh = self._journal.fresh(events)
        if not fresh:
            return
        settings = await self._settings()
        if not settings.enabled(FEATURE):
            self._journal.passed(fresh)
            return
        self._note(fresh)
        joins = tuple(join for event in fresh if (join := _join(event)) is not None)
        created = [(event.letter, event.event) for event in fresh if isinstance(event.event, InviteCreate)]
        if joins or created:
            entry = Entry(
                overdue=self._book.overdue(trio.current_time()),
                created=tuple(_code(event) for letter, event in created if not letter),
                created_perhaps=tuple(_code(event) for letter, event in created if letter),
                joins=joins,
                listing=await self._listing_for(fresh) if joins else None,
            )
            await self._write(fresh, entry, settings)
        else:
            self._journal.passed(fresh)
        self._arm()

    def _note(self, events: Sequence[GatewayEvent]) -> None:
        """Remember what these say of the codes; to be told of it twice changes nothing."""
        for event in events:
            if isinstance(event.event, InviteCreate):
                self._book.create(event.event, trio.current_time())
            elif isinstance(event.event, InviteDelete):
                self._book.delete(event.event, trio.current_time())

    async def _settings(self) -> SettingsSnapshot:
        """The guild's settings; raises Unavailable while nobody knows them, since no join may be lost."""
        try:
            return await self._parts.settings.fresh(self._guild_id)
        except SettingsUnavailable as error:
            raise Unavailable(str(error)) from error

    async def _write(
        self, events: Sequence[GatewayEvent], entry: Entry, settings: SettingsSnapshot | None
    ) -> None:
        found: list[Written] = []
        names = {} if entry.listing is None else entry.listing.names

        async def also(tx: Transaction) -> Sequence[Draft]:
            found[:] = [await self._ledger.write(tx, entry)]
            if settings is None:
                return ()
            return self._announcer.drafts(
                found[0].joins, settings, lambda user_id: names.get(user_id) or self._book.name(user_id)
            )

        await self._journal.commit(events, also=also)
        for written in found:
            self._book.take(written.codes, written.waiting, entry.listing, trio.current_time())
        if entry.listing is not None:
            self._taken_at = entry.listing.asked_at
        if settings is not None and entry.joins:
            self._warn(settings)

    def _warn(self, settings: SettingsSnapshot) -> None:
        """Tell the admins, once an hour, that joins cannot be announced where they want it."""
        channel_id = self._announcer.channel(settings)
        now = trio.current_time()
        if channel_id is None or self._announcer.can_post(channel_id) or now - self._told_at < TELL_AGAIN:
            return
        self._told_at = now
        self.context.bus.tell(Address.guild(self._guild_id, "guild_log"), unusable(channel_id))

    # -- asking Discord

    async def _listing_for(self, events: Sequence[GatewayEvent]) -> Listing | None:
        """The invites as they are a second after these joins; None where Discord will not say.

        Raises Unavailable while Discord may still answer.
        """
        last = next((event for event in reversed(events) if event.seq), None)
        session_id, seq = self._covers
        if last is not None and last.session_id == session_id and last.seq <= seq:
            return self._listing
        if trio.current_time() < self._rests_until or not self._parts.lister.may_ask(self._guild_id):
            return None
        await trio.sleep(self._parts.times.wait)
        try:
            listing = await self._parts.lister.read(self._guild_id, within=ASK_WITHIN)
        except DiscordError as error:
            self._failed(error)
            return None
        self._failing_since = None
        if last is not None:
            self._listing, self._covers = listing, (last.session_id, last.seq)
        return listing

    def _failed(self, error: DiscordError) -> None:
        """Discord did not list the invites; raises Unavailable where it is to be asked again for this."""
        now = trio.current_time()
        if self._failing_since is None:
            self._failing_since = now
        if error.transient and now - self._failing_since < self._parts.times.patience:
            raise Unavailable(f"the invites cannot be read: {error}") from error
        self._failing_since = None
        self._rests_until = now + REST
        log.warning(
            "the invites cannot be read; joins are announced without inviter",
            extra={"event": "invites_unread", "guild_id": self._guild_id, "error": str(error)},
        )

    def _look(self, *, counts: bool) -> None:
        """Read the invites in a child task, which tells what it found; one at a time."""
        if self._is_looking:
            return
        self._is_looking = self._parts.lister.may_ask(self._guild_id) and self.context.start(
            self._look_now, counts
        )

    async def _look_now(self, counts: bool) -> None:
        await trio.sleep(self._parts.times.wait)  # where many guilds appear, there is enough to do
        try:
            listing = await self._parts.lister.read(
                self._guild_id, within=LOOK_WITHIN, priority=Priority.BACKFILL
            )
        except DiscordError as error:
            self.context.tell_self(Looked(None, counts, is_worth_repeating=error.transient))
        else:
            self.context.tell_self(Looked(listing, counts))

    async def _on_looked(self, message: Looked) -> None:
        listing = message.listing
        if listing is not None and listing.asked_at > self._taken_at:
            entry = Entry(
                overdue=self._book.overdue(trio.current_time()),
                listing=listing,
                is_late=True,
                counts=message.credits,
            )
            await self._write((), entry, None)
        self._is_looking = False
        self._looks = self._looks + 1 if message.is_worth_repeating else 0
        if 0 < self._looks < LOOKS:
            self.context.tell_after(self._parts.times.look_again, Look(message.credits))
        self._arm()

    # -- what waits

    def _arm(self) -> None:
        if self._book.is_open and not self._is_settling:
            self._is_settling = True
            self.context.tell_after(self._parts.times.kept_for / 4, Settle())

    async def _settle(self) -> None:
        overdue = self._book.overdue(trio.current_time())
        if overdue:
            await self._write((), Entry(overdue=overdue), None)
        self._is_settling = False
        self._arm()


def _join(event: GatewayEvent) -> Join | None:
    """The join that an event tells of; None for anything else, and for bots, which nobody invites so."""
    joined = event.event
    if not isinstance(joined, GuildMemberAdd) or joined.user.bot:
        return None
    at = f"{event.session_id}:{event.seq}"
    if joined.joined_at is not None:
        at = str(int(joined.joined_at.timestamp() * 1000))
    return Join(person=Person(id=joined.user.id, name=joined.display_name), key=f"{joined.user.id}:{at}")


def _code(event: InviteCreate) -> Code:
    return Code(
        code=event.code,
        inviter_id=event.inviter.id if event.inviter is not None else None,
        uses=max(0, event.uses),
        max_uses=max(0, event.max_uses),
    )


async def _nothing(_tx: Transaction) -> None:
    """The rows are read where they are written."""


async def _nothing_follows(_tx: Transaction, _effect: Effect) -> Sequence[Draft]:
    return ()
