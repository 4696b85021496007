"""What a feature is made of: one value that reads like a table of contents.

A feature's ``manifest.py`` holds ``def build(wiring: Wiring) -> Feature``. Collaborators come in through
the wiring; the supervisor builds every feature of :mod:`alphapy.features` once, registers its actors,
commands and components, and routes the events it subscribes to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import attrs
import httpx

from alphapy.actors.drawing import Drawing
from alphapy.actors.effects.reactions import ReactionCounts
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Bus
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.listeners import Running
from alphapy.ai.client import LanguageModel
from alphapy.config import Config
from alphapy.environment import Secret
from alphapy.gateway.commands import Command, Group
from alphapy.gateway.components import ComponentRoute, ModalRoute
from alphapy.gateway.events import Event, MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.rest.calls import DiscordCalls
from alphapy.gateway.rest.invites import InviteCalls
from alphapy.gateway.rest.members import MemberCalls
from alphapy.gateway.rest.moderation import ModerationCalls
from alphapy.pure.clock import Clock
from alphapy.pure.ids import GuildId
from alphapy.pure.masking import Mask
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.kernel.registry import RestartReport
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.pure.ids import ApplicationId


@attrs.frozen
class GatewayEvent:
    """A gateway event as a feature's actor receives it, on its normal lane.

    ``session_id`` and ``seq`` are its place in the gateway's log: a durable feature stores them in the same
    transaction as its effects and skips what it has already done (design.md, section 4, "Progress"). ``seq``
    is 0 for a message that was read back, and for a dead letter that is told again.
    """

    name: str
    event: Event
    shard_id: int
    session_id: str
    seq: int
    letter: int = 0
    """The number of the dead letter that it is told from, which goes with what is done because of it."""
    closes: str = ""
    """The back-fill of which this is the last message."""

    key: int = attrs.field(init=False)
    """The id of a message that is told once, however it comes; 0 for any other event."""

    @key.default
    def _message_id(self) -> int:
        return self.event.id if isinstance(self.event, MessageCreate) and not self.letter else 0


def guild_actor(guild_id: GuildId, feature: str) -> Address:
    """Where a guild's own actor of a feature is found: ``guild/<id>/<feature>``."""
    return Address.guild(guild_id, feature)


@attrs.frozen
class Subscription:
    """An event type that a feature wants, and a cheap pure test that spares its actor the rest.

    Of a ``durable`` one the guild's actor acknowledges every event once what it did is stored
    (:mod:`alphapy.actors.journal`); until then it counts as not done, and comes again after a crash.

    ``process``: told to this actor of the whole process instead of the guild's, events outside guilds too.
    """

    event: str
    wants: Callable[[Event], bool] = attrs.field(default=lambda _event: True)
    durable: bool = False
    process: Address | None = None
    backfill: timedelta | None = attrs.field(default=None)
    """How old a message may be that was missed between two sessions and is read back for the feature.

    None: what was missed is of no use to it. Only a durable subscription to messages can say so.
    """

    @backfill.validator
    def _check_backfill(
        self, _attribute: attrs.Attribute[timedelta | None], oldest: timedelta | None
    ) -> None:
        if oldest is not None and not (self.durable and self.event == "MESSAGE_CREATE"):
            raise ValueError("only a durable subscription to MESSAGE_CREATE can be read back")


@attrs.frozen
class ActorDef:
    """Actors of one kind: an address pattern such as ``guild/*/custom_commands`` and how they are run."""

    pattern: str
    spec: ChildSpec


@attrs.frozen
class Category:
    """The heading under which ``/commands`` lists a feature (spec/operations.md 4.1)."""

    label: str
    emoji: str


@attrs.frozen(kw_only=True)
class Feature:
    """A feature's table of contents.

    ``scope`` is the settings scope whose ``enabled`` key switches the feature's events off for a guild;
    None for a feature that cannot be switched off.
    """

    name: str
    category: Category
    scope: str | None = None
    flags: tuple[str, ...] = ()
    """Keys of the scope of which one must be on, too; none: ``enabled`` alone switches the events."""
    commands: tuple[Command | Group, ...] = ()
    components: tuple[ComponentRoute, ...] = ()
    modals: tuple[ModalRoute, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    actors: tuple[ActorDef, ...] = ()
    listens_to: frozenset[str] = frozenset()
    """Settings scopes whose changes are told to the guild's running actor of this feature."""
    first_messages: tuple[tuple[Address, object], ...] = ()
    """What is told, and to whom, once when the service starts: an actor begins with its first message."""

    def listens_in(self, settings: SettingsSnapshot) -> bool:
        """Whether the feature is told of a guild's events."""
        scope = self.scope
        if scope is None:
            return True
        return settings.enabled(scope) and (
            not self.flags or any(settings.value(scope, flag) for flag in self.flags)
        )


@attrs.frozen(kw_only=True)
class ServiceInfo:
    """What the service knows about itself."""

    version: str
    codename: str
    started_at: datetime


class Catalogue(Protocol):
    """Every feature that is running, for what speaks about all of them (``/commands``, ``/help``)."""

    def features(self) -> tuple[Feature, ...]:
        """The features in start order."""
        ...


class Restarts(Protocol):
    """Who begins actors anew."""

    def running(self, pattern: str) -> tuple[Address, ...]:
        """The addresses of this pattern that have an actor now."""
        ...

    async def restart(self, patterns: Iterable[str], *, deadline: float) -> RestartReport:
        """Begin new lives of all actors of these patterns by this time, with nothing lost."""
        ...


class Owners(Protocol):
    """Who may do what the whole service depends on (spec/operations.md, "Who is who")."""

    @property
    def application_id(self) -> ApplicationId | None:
        """The bot's application; None until Discord has said which it is."""
        ...

    def is_owner(self, user_id: int) -> bool:
        """Whether this user is a bot owner."""
        ...


@attrs.frozen(kw_only=True)
class Wiring:
    """The collaborators that features are built with."""

    config: Config
    clock: Clock
    bus: Bus
    pool: Pool
    journal: JournalKit
    calls: DiscordCalls
    moderation: ModerationCalls
    invites: InviteCalls
    members: MemberCalls
    drawing: Drawing
    reaction_counts: ReactionCounts
    settings: SettingsBoard
    running: Running
    guilds: GuildCache
    caught_up: Callable[[GuildId, str], bool]
    """Whether a feature has been told everything that happened in a guild until about now."""
    owners: Owners
    catalogue: Catalogue
    info: ServiceInfo
    model: LanguageModel
    restarts: Restarts
    outside: httpx.AsyncClient
    """For asking services other than Discord."""
    dsn: Secret
    """The database's address, for what works on its schema."""
    mask: Mask
    """Takes known secrets, and what looks like one, out of text that is recorded or shown."""
