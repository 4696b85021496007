"""The world: everything the local Discord knows, put together.

All of it lives in one Trio run and changes only in synchronous calls, so that every call is atomic. What
happens is told through :attr:`World.feed`; nothing here waits for a listener.

If something fails: a refused action raises :class:`alphapy.sandbox.errors.Refused` and has changed nothing.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING

import trio

from alphapy.sandbox.errors import JSON
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.access import Access
from alphapy.sandbox.world.answers import Answers
from alphapy.sandbox.world.applications import Applications
from alphapy.sandbox.world.audit import AuditLog
from alphapy.sandbox.world.channels import Channels
from alphapy.sandbox.world.commands import Commands
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.files import Attachments
from alphapy.sandbox.world.guilds import Guilds
from alphapy.sandbox.world.ids import Snowflakes, utc_now
from alphapy.sandbox.world.interactions import Interactions
from alphapy.sandbox.world.invites import Invites
from alphapy.sandbox.world.members import Members
from alphapy.sandbox.world.messages import Messages
from alphapy.sandbox.world.reactions import Reactions
from alphapy.sandbox.world.roles import Roles
from alphapy.sandbox.world.thread_members import ThreadMembers
from alphapy.sandbox.world.threads import Threads
from alphapy.sandbox.world.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

WATCH_BUFFER = 500
"""View events kept for a watcher that is slow; one that falls further behind is ended."""


class World:
    """The state of the local Discord, by noun. ``now`` is calendar time, ``monotonic`` measures intervals."""

    def __init__(
        self,
        tuning: Tuning | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = trio.current_time,
    ) -> None:
        self.tuning = tuning or Tuning()
        self.monotonic = monotonic
        self.ids = Snowflakes(now)
        self.feed = Feed()
        self.users = Users(self.ids)
        self.guilds = Guilds(self.ids, self.users, self.feed)
        self.access = Access(self.ids, self.users, self.guilds)
        base = (self.ids, self.feed, self.users, self.guilds, self.access)
        self.audit = AuditLog(*base)
        self.roles = Roles(self.ids, self.feed, self.guilds, self.access, self.audit)
        self.channels = Channels(*base, self.audit)
        self.members = Members(*base, self.audit)
        self.invites = Invites(*base, self.audit, self.members)
        self.thread_members = ThreadMembers(*base)
        self.files = Attachments(self.ids)
        self.messages = Messages(
            *base, self.files, self.tuning, audit=self.audit, thread_members=self.thread_members
        )
        self.threads = Threads(self.ids, self.feed, self.guilds, self.access, self.audit, self.messages)
        self.reactions = Reactions(self.feed, self.users, self.guilds, self.access, self.messages)
        self.applications = Applications(self.users)
        self.commands = Commands(self.ids, self.feed, self.access)
        self.interactions = Interactions(
            self.ids, self.feed, self.users, self.guilds, self.access, self.tuning, monotonic
        )
        self.answers = Answers(self.users, self.messages, self.interactions)
        self._connected: Counter[int] = Counter()

    @property
    def connected_bots(self) -> frozenset[int]:
        """The applications that are connected to the gateway and ready."""
        return frozenset(application for application, sockets in self._connected.items() if sockets > 0)

    def note_connection(self, application_id: int, sockets: int) -> None:
        """Count the ready sockets of an application: +1 or -1; the people are told when it comes or goes."""
        before = self.connected_bots
        self._connected[application_id] += sockets
        if self.connected_bots != before:
            data: JSON = {"connected": [str(application) for application in sorted(self.connected_bots)]}
            self.feed.emit(Happening(name="BOTS_CHANGED", data=data, gateway=False))

    def watch(self, user_id: int) -> tuple[trio.MemoryReceiveChannel[JSON], Callable[[], None]]:
        """What this person sees happen from now on, and what ends the watch.

        Each item is ``{"type": name, "data": payload}``. The names are Discord's event names (messages,
        reactions, members, channels, roles, typing), and ``INTERACTION_STATE``, ``COMMANDS_CHANGED``,
        ``BOTS_CHANGED``. A watcher that falls :data:`WATCH_BUFFER` items behind finds the channel ended and
        should read anew.
        """
        send, receive = trio.open_memory_channel[JSON](WATCH_BUFFER)

        def end() -> None:
            if not ended:
                ended.append(True)
                unlisten()
                send.close()

        def on_happening(happening: Happening) -> None:
            if happening.application_id is not None or not self.access.may_learn(user_id, happening):
                return
            try:
                send.send_nowait({"type": happening.name, "data": copy.deepcopy(happening.data)})
            except (trio.WouldBlock, trio.BrokenResourceError):
                end()

        ended: list[bool] = []
        unlisten = self.feed.listen(on_happening)
        return receive, end
