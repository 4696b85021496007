"""The seam of engagement: one actor for each guild, composed of parts that know nothing of each other.

A part holds the state of one thing that is counted. The actor (:mod:`alphapy.actors.engagement.actor`) owns
the guild's journal, hands every part the guild's posts and events, and stores what they answer. A part that
fails is left out and shown; the others go on.

Two ways to the database, and no third:

* *rows* of the message path (:meth:`Part.count`), whole and absolute. They wait in memory, outside of the
  actor, until those of all guilds are written at once, together with the progress in the gateway's log.
* *transactions* (:class:`Work`, :meth:`Host.commit`), for all else. The actor has its rows written before it
  begins one, so that a transaction finds in the database what memory says.

What Discord shall do (posts, roles, nicknames) is an effect, recorded in a transaction. Its payload carries
``about: {"part": <name of the part>, ...}``, by which the part is told that it is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

import attrs

from alphapy.actors.engagement.messages import FEATURE
from alphapy.gateway.events import MessageCreate
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage.effects import Draft, Effect
from alphapy.storage.rows import StoredRow as Row
from alphapy.storage.transaction import Transaction

if TYPE_CHECKING:
    from alphapy.actors.feature import GatewayEvent
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.clock import Clock

__all__ = ["FEATURE", "NOT_MINE", "Due", "Host", "NotMine", "Part", "PartDef", "Post", "Row", "Work"]

T = TypeVar("T")
R = TypeVar("R", bound=Row)


class NotMine(Enum):
    """The answer of a part to a message that it does not know."""

    NOT_MINE = "not mine"


NOT_MINE: Final = NotMine.NOT_MINE


@attrs.frozen(kw_only=True)
class Post:
    """A qualifying message (spec/engagement.md, conventions), which a part is given once.

    ``at`` is the event's timestamp, else the instant in its id; ``parent_id`` the channel of a thread.
    """

    message_id: MessageId
    channel_id: ChannelId
    parent_id: ChannelId | None
    author_id: UserId
    at: datetime
    event: MessageCreate


def _nothing() -> None:
    pass


@attrs.frozen(kw_only=True)
class Work:
    """What an event leads to: effects, what is written in the same transaction, and then in memory.

    ``write`` may return further effects, for which it had to read something; it may run twice.
    ``done`` is called once all of it is committed, and waits for nothing.
    """

    drafts: Sequence[Draft] = ()
    write: Callable[[Transaction], Awaitable[Sequence[Draft] | None]] | None = None
    done: Callable[[], None] = _nothing


class Host(Protocol):
    """What a part may ask of its actor."""

    @property
    def guild_id(self) -> GuildId:
        """The guild."""
        ...

    @property
    def context(self) -> Context:
        """The actor's own: ``tell_self`` and ``tell_after`` bring a message back to :meth:`Part.handle`."""
        ...

    @property
    def clock(self) -> Clock:
        """Calendar time."""
        ...

    @property
    def guilds(self) -> GuildCache:
        """What is known of guilds, their channels and roles."""
        ...

    @property
    def settings(self) -> SettingsSnapshot:
        """The guild's settings as of the message that is being handled."""
        ...

    def is_on(self, part: str) -> bool:
        """Whether ``engagement.enabled`` and ``engagement.<part>_enabled`` are on, as of that message."""
        ...

    def is_caught_up(self) -> bool:
        """Whether everything posted until about now has been told, so that what is due may be decided.

        Not while Discord is not heard, or what was missed is read back; after ten minutes of that, yes.
        """
        ...

    async def flushed(self) -> None:
        """Wait until every row of this guild is in the database; raises Unavailable where that takes long."""
        ...

    async def commit(
        self,
        drafts: Sequence[Draft] = (),
        write: Callable[[Transaction], Awaitable[Sequence[Draft] | None]] | None = None,
    ) -> None:
        """Write the rows that wait, then commit and begin the effects; change memory after that.

        Raises what the pool raises, and Unavailable.
        """
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Read in a transaction of its own; rows that wait are not in the database yet (:meth:`flushed`)."""
        ...

    def waiting(self, kind: type[R], key: Hashable) -> R | None:
        """The row of this kind and key that is on its way to the database, if there is one."""
        ...


class Part(Protocol):
    """One thing that engagement counts or gives. All of its methods are called from the actor's task."""

    @property
    def name(self) -> str:
        """``challenges``, ``weekly``, ``badges``, ``streaks`` or ``og``: its flag is ``<name>_enabled``."""
        ...

    async def read(self, tx: Transaction) -> object:
        """At load: read what it has to know; no row is on its way to the database. Changes no memory."""
        ...

    def adopt(self, state: object) -> None:
        """Take what :meth:`read` found in place of whatever it knew."""
        ...

    async def prepare(self, posts: Sequence[Post]) -> None:
        """Learn what :meth:`count` needs for these posts and memory lacks; where nothing is lacking, at once.

        Called only while the part is on. What it changes must be right whether they are counted or not.
        """
        ...

    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        """Count these posts in memory, oldest first; returns the rows that have changed by that.

        Called only while the part is on. When it raises the whole state is read and adopted anew.
        """
        ...

    async def on_event(self, event: GatewayEvent) -> Work | None:
        """Any other event that engagement subscribes to, and what is to be done about it; None: nothing.

        Changes no memory but in :attr:`Work.done`. Called whether the part is on or not.
        """
        ...

    async def handle(self, message: object) -> object:
        """A message of its own (from a command, or from itself); NOT_MINE where it is not one."""
        ...

    async def wake(self) -> None:
        """Look for what is due, arm timers: after the load, after a change of settings, and by the clock."""
        ...

    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """An effect of this part is being closed as done; returns what follows. Changes no memory."""
        ...

    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        """An effect of this part is being closed as refused or expired; returns what follows."""
        ...

    def forget(self, user_id: UserId) -> None:
        """A person's rows were erased: forget the person. No row of the guild is on its way."""
        ...


Due: TypeAlias = Callable[[Transaction, datetime], Awaitable[tuple[Sequence[GuildId], datetime | None]]]
"""Guilds in which :meth:`Part.wake` has something to do now, and when that will next be so in any guild.

None: not known; it is asked at least once in 60 s anyway.
"""


@attrs.frozen(kw_only=True)
class PartDef:
    """How a part comes to be, and who has something due though nothing is said there."""

    build: Callable[[Host], Part]
    due: Due | None = None
