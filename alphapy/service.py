"""The wings put together: who is built from whom. What runs when is the supervisor's business."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import attrs
import httpx

from alphapy.actors.aside import SetAside
from alphapy.actors.backfill.backfill import Backfill
from alphapy.actors.dead_letters.desk import DeadLetterDesk
from alphapy.actors.dead_letters.store import StoredDeadLetters
from alphapy.actors.drawing import Drawing
from alphapy.actors.effects.announcements import announcement_verbs
from alphapy.actors.effects.members import member_verbs
from alphapy.actors.effects.messages import Sweep
from alphapy.actors.effects.moderation import moderation_verbs
from alphapy.actors.effects.reactions import ReactionCounts, reaction_verbs
from alphapy.actors.effects.roles import role_verbs
from alphapy.actors.effects.sweeper import ADDRESS as SWEEPER
from alphapy.actors.effects.sweeper import Sweeper
from alphapy.actors.effects.verbs import verbs
from alphapy.actors.feature import ServiceInfo, Wiring
from alphapy.actors.interaction_log import InteractionLog
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Waypoints
from alphapy.actors.lifecycle import Lifecycle
from alphapy.actors.module_gate import SettingsGate
from alphapy.actors.operational_events.messages import EVENTS, actor_error, command_error
from alphapy.actors.owners import OwnerRegistry
from alphapy.actors.router import Router
from alphapy.actors.sessions import SessionKeeper, StoredProgress
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.ai.client import LanguageModel
from alphapy.environment import Secret
from alphapy.features import BuiltFeatures
from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.commands import manifest, paths
from alphapy.gateway.dispatcher import Dispatcher
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.opcodes import ALPHAPY_INTENTS
from alphapy.gateway.rest.calls import DiscordCalls
from alphapy.gateway.rest.client import RestClient
from alphapy.gateway.rest.invites import InviteCalls
from alphapy.gateway.rest.members import MemberCalls
from alphapy.gateway.rest.moderation import ModerationCalls
from alphapy.gateway.shards import ShardPlan, Shards
from alphapy.logging_setup import secrets_of
from alphapy.phases import Phase, phase
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.pure.masking import Mask
from alphapy.storage import migrate
from alphapy.storage import settings as settings_storage
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.pool import Pool
from alphapy.version import CODENAME, VERSION
from alphapy.web.app import build_app
from alphapy.web.auth.admins import GuildAdmins, Surroundings
from alphapy.web.auth.security import Security
from alphapy.web.messenger import Outbox
from alphapy.web.routes.dashboard import Dashboard
from alphapy.web.sources import ServiceFacts, Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.actors.effects.verbs import Verb
    from alphapy.config import Config
    from alphapy.gateway.invocation import Crash, Outcome

log = logging.getLogger("alphapy.service")

EVENT_BUDGET = 50_000
"""Gateway events that may be queued in all mailboxes together before the shards stop reading."""

GUILDS_WITHIN = 15.0
"""Seconds after READY in which the guilds are expected to arrive (spec/operations.md 5.1, phase 6)."""


@attrs.frozen(kw_only=True)
class Wings:
    """What is opened before the service is built."""

    clock: Clock
    pool: Pool
    rest: RestClient
    model: LanguageModel
    rng: random.Random
    waypoints: Waypoints
    dsn: Secret
    outside: httpx.AsyncClient
    """For asking services other than Discord."""


class Service:
    """Everything that runs, by name."""

    def __init__(self, config: Config, wings: Wings) -> None:
        self.config = config
        self.clock = wings.clock
        self.pool = wings.pool
        self.rest = wings.rest
        self._model = wings.model
        self.rng = wings.rng
        self.calls = DiscordCalls(wings.rest)
        self.members = MemberCalls(wings.rest)
        self.drawing = Drawing()
        self.reaction_counts = ReactionCounts()
        self.guilds = GuildCache()
        self.owners = OwnerRegistry(config.owner_ids, self.calls)
        self.outside = wings.outside
        self.dsn = wings.dsn
        self.admins = self._admins()
        self.budget = Budget(EVENT_BUDGET)
        self.progress = Progress(StoredProgress(wings.pool), wings.rng, wings.waypoints)
        letters = StoredDeadLetters(wings.pool, self.progress)
        self.registry = Registry(
            dead_letters=letters,
            budget=self.budget,
            rng=wings.rng,
            outages=(DatabaseUnavailable, DatabaseBusy),
            on_unhealthy=self._unhealthy,
        )
        self.lifecycle = Lifecycle(self.registry, self._guilds_of)
        self.dead_letters = DeadLetterDesk(wings.pool, self.registry, letters)
        self.aside = SetAside(self.progress, self.registry, room_below=self.budget.share // 2)
        self.journal = self._journal_kit(wings)
        self.interactions = InteractionLog(wings.pool)
        self.settings = SettingsBoard(
            setting_registry(llm_provider=config.llm_provider),
            self.registry,
            is_away=lambda: not wings.pool.is_available,
        )
        self.backfill = self._new_backfill(wings)
        self.sessions = SessionKeeper(wings.pool, self.guilds, self.progress, self.backfill, wings.waypoints)
        self.info = ServiceInfo(version=VERSION, codename=CODENAME, started_at=wings.clock.now())
        self.mask = Mask(secrets_of(config))
        self.port = 0
        self.stopping = False
        self.settings_loaded = False
        self._has_timers = False
        self._build()
        self.web = build_app(self._sources())

    def _new_backfill(self, wings: Wings) -> Backfill:
        """Who reads back what was missed."""
        return Backfill(
            history=self.calls,
            bus=self.registry,
            budget=self.budget,
            settings=self.settings,
            guilds=self.guilds,
            progress=self.progress,
            clock=wings.clock,
            rng=wings.rng,
            waypoints=wings.waypoints,
        )

    def _verbs(self, wings: Wings) -> Mapping[str, Verb]:
        """Everything that can be done at Discord as an effect."""
        return {
            **verbs(self.calls, lambda: self.guilds.me, self._can_read, wings.clock),
            **moderation_verbs(ModerationCalls(wings.rest), self.calls, lambda: self.guilds.me),
            **member_verbs(self.members),
            **reaction_verbs(self.members, self.reaction_counts),
            **announcement_verbs(
                self.calls, lambda: self.guilds.me, self._can_read, wings.clock, self.drawing
            ),
            **role_verbs(self.members, self.calls, ModerationCalls(wings.rest)),
        }

    def _build(self) -> None:
        catalogue = BuiltFeatures()
        features = catalogue.build(self._wiring(catalogue))
        self.backfill.serve(features, self.sessions)
        self._first_messages = [told for feature in features for told in feature.first_messages]
        for feature in features:
            for actor in feature.actors:
                self.registry.register(actor.pattern, actor.spec)
        self.registry.register(
            SWEEPER.pattern,
            ChildSpec(factory=lambda context: Sweeper(context, pool=self.pool, clock=self.clock)),
        )
        commands = [command for feature in features for command in feature.commands]
        self.manifest = manifest(commands)
        self.command_paths = paths(commands)
        self.dispatcher = Dispatcher(
            commands=commands,
            components=[route for feature in features for route in feature.components],
            modals=[route for feature in features for route in feature.modals],
            calls=self.calls,
            authority=RoleAuthority(
                is_owner=self.owners.is_owner,
                admin_role_ids=self.config.admin_role_ids,
                owner_of_guild=self._owner_of,
            ),
            clock=self.clock,
            on_outcome=self._track,
            on_crash=self._crashed,
            gate=SettingsGate(self.settings),
            beginnings=self.interactions,
            outages=(DatabaseUnavailable, DatabaseBusy, SettingsUnavailable),
        )
        self.router = Router(
            features,
            bus=self.registry,
            budget=self.budget,
            settings=self.settings,
            guilds=self.guilds,
            interactions=self.dispatcher,
            guild_events=self,
            progress=self.progress,
            sessions=self.sessions,
            aside=self.aside,
            backfill=self.backfill,
            witness=self.admins.see,
        )
        self.shards = Shards(
            ShardPlan(
                token=self.config.token,
                intents=ALPHAPY_INTENTS,
                url=self.config.discord_gateway_url,
                on_dispatch=self.router.route,
                on_state=self.lifecycle.state_changed,
            ),
            self.calls,
            self.rng,
        )

    def _journal_kit(self, wings: Wings) -> JournalKit:
        return JournalKit(
            pool=wings.pool,
            progress=self.progress,
            verbs=self._verbs(wings),
            clock=wings.clock,
            rng=wings.rng,
            waypoints=wings.waypoints,
        )

    def _wiring(self, catalogue: BuiltFeatures) -> Wiring:
        return Wiring(
            config=self.config,
            clock=self.clock,
            bus=self.registry,
            pool=self.pool,
            journal=self.journal,
            calls=self.calls,
            moderation=ModerationCalls(self.rest),
            invites=InviteCalls(self.rest),
            members=self.members,
            drawing=self.drawing,
            reaction_counts=self.reaction_counts,
            settings=self.settings,
            running=self.registry,
            guilds=self.guilds,
            caught_up=self._is_caught_up,
            owners=self.owners,
            catalogue=catalogue,
            info=self.info,
            restarts=self.registry,
            outside=self.outside,
            dsn=self.dsn,
            mask=self.mask,
            model=self._model,
        )

    async def load_settings(self) -> None:
        """Read every stored setting, before anything is dispatched."""
        rows = await self.pool.run("settings", settings_storage.load_all, idempotent=True)
        unknown = self.settings.load(rows)
        self.settings_loaded = True
        log.info(
            "the settings are loaded",
            extra={"event": "settings_loaded", "rows": len(rows), "unknown_rows": unknown},
        )

    def begin_timers(self) -> None:
        """Start the actors that work without being asked, once; the registry runs by now."""
        if self._has_timers:
            return
        self._has_timers = True
        with phase(Phase.TIMERS):
            for address, message in self._first_messages:
                self.registry.tell(address, message)

    def sweep_effects(self) -> None:
        """Have pending effects picked up, from now on, whether or not their guilds have anything to say."""
        self.registry.tell(SWEEPER, Sweep())

    @property
    def gateway_ready(self) -> bool:
        """Whether every shard is ready and the guilds have arrived, or have had their time."""
        shards = self.shards.statistics()
        return (
            self.shards.ready
            and all(shard.seq for shard in shards)  # READY has been handed on, and its guilds are expected
            and (not self.guilds.awaited or all(shard.in_state >= GUILDS_WITHIN for shard in shards))
        )

    @property
    def is_ready(self) -> bool:
        """Whether the gateway is ready and the settings are there."""
        return self.settings_loaded and self.gateway_ready and not self.stopping

    def session_began(self, shard_id: int, guild_ids: tuple[GuildId, ...]) -> None:
        """A shard has a new session, with these guilds."""
        self.lifecycle.began(shard_id, guild_ids)

    def session_resumed(self, shard_id: int) -> None:
        """A shard's session goes on."""
        self.lifecycle.resumed(shard_id)

    def joined(self, guild_id: GuildId) -> None:
        """See to a guild that the bot was added to."""
        self.settings.returned(guild_id)
        self.lifecycle.joined(guild_id)

    def removed(self, guild_id: GuildId) -> None:
        """Forget a guild that the bot has left; its rows stay for a return."""
        self.settings.forget(guild_id)

    def _sources(self) -> Sources:
        """What the web looks at."""
        return Sources(
            clock=self.clock,
            facts=ServiceFacts(
                name=self.config.service_name,
                version=self.info.version,
                codename=self.info.codename,
                started_at=self.info.started_at,
                revision=migrate.head(),
            ),
            api_key=self.config.api_key,
            trusted_proxies=self.config.trusted_proxy_count,
            allowed_origins=self.config.allowed_origins,
            pool=self.pool,
            bus=self.registry,
            actors=self.registry,
            letters=self.dead_letters,
            shards=self.shards,
            budget=self.budget.statistics,
            router=self.router.statistics,
            backfill=self.backfill.statistics,
            progress=self.progress.shards,
            rest=self.rest.statistics,
            dispatcher=self.dispatcher.statistics,
            guild_count=lambda: self.guilds.count,
            guild_name=self._name_of,
            gateway_ready=lambda: self.gateway_ready,
            unhealthy=self.registry.unhealthy,
            settings_loaded=lambda: self.settings_loaded,
            stopping=lambda: self.stopping,
            security=Security.of(self.config),
            outside=self.outside,
            admins=self.admins,
            outbox=self._outbox(),
            is_owner=self.owners.is_owner,
            dashboard=Dashboard(
                registry=self.settings.registry,
                guilds=self.guilds,
                commands=lambda: self.command_paths,
                main_guild_id=GuildId(self.config.main_guild_id) if self.config.main_guild_id else None,
                public_stats=self.config.public_stats,
            ),
        )

    def _admins(self) -> GuildAdmins:
        return GuildAdmins(
            Surroundings(
                guilds=self.guilds,
                members=self.calls,
                is_owner=self.owners.is_owner,
                admin_role_ids=self.config.admin_role_ids,
                guilds_arrived=lambda: self.gateway_ready,
            )
        )

    def _outbox(self) -> Outbox:
        """Where webhooks send to."""

        def log_channel(guild_id: GuildId) -> ChannelId | None:
            found = self.settings.snapshot(guild_id).snowflake("system", "log_channel_id")
            return None if found is None else ChannelId(found)

        return Outbox(
            discord=self.calls,
            me=lambda: self.guilds.me,
            guilds=self.guilds,
            main_guild_id=GuildId(self.config.main_guild_id) or None,
            legal_channel_id=ChannelId(self.config.legal_updates_channel_id) or None,
            log_channel=log_channel,
        )

    def _owner_of(self, guild_id: GuildId) -> int | None:
        guild = self.guilds.get(guild_id)
        return None if guild is None else guild.owner_id

    def _can_read(self, guild_id: GuildId, channel_id: ChannelId) -> bool | None:
        mine = self.guilds.my_permissions(guild_id, channel_id, now=self.clock.now())
        needed = Permissions.VIEW_CHANNEL | Permissions.READ_MESSAGE_HISTORY
        return None if mine is None else mine & needed == needed

    def _name_of(self, guild_id: int) -> str | None:
        guild = self.guilds.get(GuildId(guild_id))
        return None if guild is None else guild.name

    def _guilds_of(self, shard_id: int) -> list[GuildId]:
        return [guild_id for guild_id in self.guilds.known() if self._shard_of(guild_id) == shard_id]

    def _shard_of(self, guild_id: GuildId) -> int:
        return (guild_id >> 22) % max(1, len(self.shards.statistics()))

    def _is_caught_up(self, guild_id: GuildId, feature: str) -> bool:
        is_live = self.lifecycle.is_live(self._shard_of(guild_id))
        return is_live and not self.backfill.is_filling(guild_id, feature)

    def _crashed(self, crash: Crash) -> None:
        self.registry.tell(EVENTS, command_error(crash))

    def _unhealthy(self, address: Address, error: Exception) -> None:
        self.registry.tell(EVENTS, actor_error(address, error))

    def _track(self, outcome: Outcome) -> None:
        self.registry.tell(Address.process("command_tracker"), outcome)
