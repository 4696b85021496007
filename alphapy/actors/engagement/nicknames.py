"""The nicknames that show streaks: what a member shall be called, said to Discord at a pace it takes.

The part ``streaks`` passes on what it is told. What is wished lies in memory, one wish for each member, of
which a newer one replaces an older one; at most five are under way, one of a member, each as an effect. So
the last wanted state wins, and no member costs a call for every message. A wish is made again by the member's
next message; nothing is lost with it.

When it is switched off, whoever still shows a streak gets the name under it back, one in a second.

When it fails. The bot lacks the permission: nothing is tried, and the guild's log says so once a day. Discord
refuses a member: no further attempt before the next UTC day. Discord is away: the effect is repeated for ten
minutes, then the next message wishes anew. The actor is restarted: effects under way are found in the
database; whom it was giving names back is looked for again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.actors.effects.members import SET_NICKNAME, set_nickname
from alphapy.actors.engagement.nickname_rights import NicknameRights
from alphapy.actors.engagement.part import FEATURE, NOT_MINE
from alphapy.gateway.models.user import Member
from alphapy.gateway.rest.errors import DiscordError
from alphapy.gateway.rest.members import MEMBERS_PAGE
from alphapy.pure.engagement.nicknames import Names, Streak, base_name, has_suffix, render, restored
from alphapy.pure.ids import GuildId, UserId
from alphapy.storage import engagement_nicknames as storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.nickname_book import NicknameBook
    from alphapy.actors.engagement.part import Host, Post
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.engagement")

PART = "streaks"
SETTING = "streaks_nicknames"

AT_A_TIME = 5
"""Changes of nicknames under way in one guild."""

RESTORE_EVERY = 1.0
"""Seconds between two members who get their names back (spec/engagement.md 5.5)."""

TRY_FOR = timedelta(minutes=10)
"""How long a change of a nickname is tried."""

MOST_WISHES = 5_000
"""Wishes that wait in one guild; the oldest gives way, and is made again by the member's next message."""

FEW = 100
"""Members who wait for their names, below which further ones are looked for."""

LOOK_AGAIN_AFTER = 30.0
"""Seconds until Discord is asked again for members that it could not tell."""

FIND_WITHIN = 30.0
"""Seconds that Discord may take to tell one member."""

_REASON_SHOW, _REASON_RESTORE = "Activity streak", "Activity streaks are not shown any more"


class MemberList(Protocol):
    """Who knows a guild's members."""

    async def members(self, guild_id: GuildId, *, after: int) -> Sequence[Member]:
        """The at most 1000 members next after this id; raises DiscordError."""
        ...

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One of them; raises DiscordError."""
        ...


@attrs.frozen
class Rename:
    """To itself: begin with what is wished."""


@attrs.frozen
class Renamed:
    """To itself: a change to ``nick`` is over; ``refused`` where Discord will not have it today.

    ``back`` is the nickname that the member has without a streak.
    """

    user_id: UserId
    nick: str | None
    back: str | None
    refused: bool = False


@attrs.frozen
class GiveBack:
    """To itself: a member whose rows were erased still shows a streak."""

    member: Member


@attrs.frozen
class Looked:
    """To itself: a page of members was looked at; ``showing`` are those who show a streak.

    ``after`` is where the next page begins, None behind the last one that there is, or that can be read.
    """

    showing: tuple[Member, ...]
    after: int | None


@attrs.frozen
class _Wish:
    """``back`` is the nickname that the member has without a streak."""

    nick: str | None
    back: str | None
    restores: bool = False


@attrs.frozen
class _State:
    """What :meth:`Nicknames.read` finds."""

    pending: dict[UserId, tuple[str | None, datetime]]
    may_show: bool


class Nicknames:
    """The nicknames of one guild; see the module."""

    def __init__(self, host: Host, members: MemberList, book: NicknameBook) -> None:
        self._host = host
        self._guild_id = host.guild_id
        self._members = members
        self._book = book
        self._wishes: OrderedDict[UserId, _Wish] = OrderedDict()
        self._under_way: dict[UserId, tuple[str | None, datetime]] = {}
        self._may_show = False
        self._rights = NicknameRights(host, book)
        self._told_itself = False
        self._looking = False
        self._look_after: int | None = None
        self._shows = False
        self._next_restore = -RESTORE_EVERY

    @property
    def is_on(self) -> bool:
        """Whether nicknames show streaks, as of the message that is being handled."""
        return self._host.is_on(PART) and bool(self._host.settings.value(FEATURE, SETTING))

    # -- the state

    async def read(self, tx: Transaction) -> object:
        """What :meth:`adopt` takes."""
        pending = await storage.pending(tx, self._guild_id, FEATURE, SET_NICKNAME)
        return _State(pending, await storage.may_show(tx, self._guild_id))

    def adopt(self, state: object) -> None:
        """Take what :meth:`read` found."""
        assert isinstance(state, _State)  # noqa: S101 - what read() returns
        self._under_way = dict(state.pending)
        self._may_show = state.may_show
        self._wishes.clear()

    def forget(self, user_id: UserId) -> None:
        """A person's rows were erased: a streak that is still shown goes, if Discord lets it."""
        self._wishes.pop(user_id, None)
        if self._may_show:
            self._host.context.start(self._find, user_id)

    # -- the message path

    def base(self, post: Post, stored: Streak | None) -> str:
        """The name to store of a member whose streak was ``stored`` until now."""
        author = post.event.author
        if not self.is_on:
            return stored.base if stored is not None and stored.base else author.username
        member = post.event.member
        if member is None and stored is not None and stored.base:
            return stored.base  # a message that was read back does not tell the nickname
        nick = member.nick if member is not None else None
        return base_name(_names(nick, author.global_name, author.username), stored)

    def see(self, post: Post, days: int, base: str) -> None:
        """A member has a streak of so many days now: wish that the nickname says so, where it does not."""
        member, author = post.event.member, post.event.author
        if member is None or not self.is_on:
            return
        nick = render(base, days, author.username)
        under_way = self._under_way.get(author.id)
        is_so = member.nick == nick if under_way is None else under_way[0] == nick
        if is_so:
            self._wishes.pop(author.id, None)
        elif self._rights.may_rename(author.id, member.roles):
            back = None if base in (author.global_name, author.username) else base
            self._wish(author.id, _Wish(nick, back))

    # -- messages

    async def handle(self, message: object) -> object:
        """A message of its own; NOT_MINE where it is not one."""
        match message:
            case Rename():
                await self._send()
            case Renamed():
                self._renamed(message)
            case Looked():
                await self._looked(message)
            case GiveBack(member):
                self._give_back(_id(member), member, None)
            case _:
                return NOT_MINE
        return None

    async def wake(self) -> None:
        """After the load, a change of settings, and by the clock: see whether names are to be given back."""
        self._shows = self.is_on
        for user_id in [user_id for user_id, wish in self._wishes.items() if wish.restores is self._shows]:
            del self._wishes[user_id]
        if self._shows:
            self._may_show = True
            self._look_after = None
            self._book.shows(self._guild_id)
        elif self._look_after is None and self._book.is_to_look(self._guild_id) and self._rights.is_known:
            if not self._may_show:
                self._may_show = await self._host.read(lambda tx: storage.may_show(tx, self._guild_id))
            self._look_after = 0 if self._may_show and self._rights.has_permission() else None
            self._look_on()

    async def on_done(self, _tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """A nickname is changed."""
        self._host.context.tell_self(_closed(effect, refused=False))
        return ()

    async def on_undone(self, _tx: Transaction, effect: Effect, _why: str) -> Sequence[Draft]:
        """A nickname is not changed: refused, where there was still time."""
        refused = self._host.clock.now() < effect.deadline_at
        self._host.context.tell_self(_closed(effect, refused=refused))
        return ()

    # -- wishes

    def _wish(self, user_id: UserId, wish: _Wish) -> None:
        self._wishes[user_id] = wish
        if len(self._wishes) > MOST_WISHES:
            self._wishes.popitem(last=False)
        self._begin()

    def _begin(self, after: float = 0.0) -> None:
        if self._told_itself or not self._wishes:
            return
        self._told_itself = True
        if after > 0:
            self._host.context.tell_after(after, Rename())
        else:
            self._host.context.tell_self(Rename())

    async def _send(self) -> None:
        """Begin with the oldest wishes, unless some are under way."""
        self._drop_overdue()
        wait = 0.0 if self._shows else self._next_restore - trio.current_time()
        if self._under_way or wait > 0:
            self._told_itself = False
            if not self._under_way:
                self._begin(wait)
            return
        chosen = [(user_id, self._wishes[user_id]) for user_id in self._wishes][: self._at_a_time]
        now = self._host.clock.now()
        deadline = now + TRY_FOR
        await self._host.commit([self._draft(user_id, wish, now, deadline) for user_id, wish in chosen])
        self._told_itself = False
        self._next_restore = trio.current_time() + RESTORE_EVERY
        for user_id, wish in chosen:
            self._wishes.pop(user_id, None)
            self._under_way[user_id] = (wish.nick, deadline)

    @property
    def _at_a_time(self) -> int:
        return AT_A_TIME if self._shows else 1

    def _draft(self, user_id: UserId, wish: _Wish, now: datetime, deadline: datetime) -> Draft:
        return set_nickname(
            f"nick:{user_id}:{now.isoformat()}",
            user_id,
            wish.nick,
            reason=_REASON_RESTORE if wish.restores else _REASON_SHOW,
            deadline_at=deadline,
            about={"part": PART, "back": wish.back},
        )

    def _renamed(self, message: Renamed) -> None:
        self._under_way.pop(message.user_id, None)
        if message.refused:
            self._book.give_up(self._guild_id, message.user_id, self._host.clock.now().date())
            self._wishes.pop(message.user_id, None)
        elif not self._shows and has_suffix(message.nick) and message.user_id not in self._wishes:
            # Switched off while it was under way.
            self._wish(message.user_id, _Wish(message.back, message.back, restores=True))
        self._begin()
        if self._look_after is not None:
            self._look_on()

    def _drop_overdue(self) -> None:
        """Forget changes of which nothing was heard; their effects are closed by now."""
        now = self._host.clock.now()
        for user_id, (_, deadline) in list(self._under_way.items()):
            if now > deadline + TRY_FOR:
                del self._under_way[user_id]

    # -- giving names back

    def _look_on(self) -> None:
        """Look at the next page of members once few wait for their names; at the end, note that."""
        if self._shows or self._looking:
            return
        if self._look_after is None:
            self._book.looked(self._guild_id)
        elif len(self._wishes) < FEW:
            self._looking = self._host.context.start(self._look, self._look_after)

    async def _look(self, after: int) -> None:
        """In a child task: find who shows a streak, among the members of one page."""
        page: Sequence[Member] = ()
        while not self._shows:
            try:
                page = await self._members.members(self._guild_id, after=after)
                break
            except DiscordError as error:
                log.warning(
                    "a guild's members cannot be listed, so that nicknames stay as they are",
                    extra={"event": "nicknames_not_listed", "guild_id": self._guild_id, "error": str(error)},
                )
                if not error.transient:
                    break
            await trio.sleep(LOOK_AGAIN_AFTER)
        showing = tuple(member for member in page if has_suffix(member.nick))
        following = _id(page[-1]) if len(page) >= MEMBERS_PAGE else None
        self._host.context.tell_self(Looked(showing, following))

    async def _looked(self, message: Looked) -> None:
        wanted = {_id(member): member for member in message.showing}
        bases = await self._host.read(lambda tx: storage.bases(tx, self._guild_id, list(wanted)))
        self._looking = False
        if self._shows:
            return
        for user_id, base in bases.items():
            self._give_back(user_id, wanted[user_id], base)
        self._look_after = message.after
        self._look_on()

    def _give_back(self, user_id: UserId, member: Member, base: str | None) -> None:
        user = member.user
        if user is not None and self._rights.may_rename(user_id, member.roles):
            nick = restored(_names(member.nick, user.global_name, user.username), base)
            self._wish(user_id, _Wish(nick, nick, restores=True))

    async def _find(self, user_id: UserId) -> None:
        """In a child task: see whether one member shows a streak."""
        try:
            member = await self._members.member(self._guild_id, user_id, within=FIND_WITHIN)
        except DiscordError as error:
            log.info(
                "the nickname of a person who is forgotten stays as it is",
                extra={"event": "nickname_kept", "guild_id": self._guild_id, "error": str(error)},
            )
            return
        if has_suffix(member.nick):
            self._host.context.tell_self(GiveBack(member))


def _names(nick: str | None, global_name: str | None, username: str) -> Names:
    return Names(nick=nick, global_name=global_name, username=username)


def _id(member: Member) -> UserId:
    return member.user.id if member.user is not None else UserId(0)


def _closed(effect: Effect, *, refused: bool) -> Renamed:
    payload = effect.payload
    return Renamed(UserId(payload["user_id"]), payload["nick"], payload["about"].get("back"), refused)
