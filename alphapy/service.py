"""The wings put together: who is built from whom. What runs when is the supervisor's business."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.aside import SetAside
from alphapy.actors.dead_letters.desk import DeadLetterDesk
from alphapy.actors.dead_letters.store import StoredDeadLetters
from alphapy.actors.effects.messages import Sweep
from alphapy.actors.effects.moderation import moderation_verbs
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
from alphapy.actors.module_gate import SettingsGate
from alphapy.actors.owners import OwnerRegistry
from alphapy.actors.router import Router
from alphapy.actors.sessions import SessionKeeper, StoredProgress
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.ai.client import LanguageModel
from alphapy.features import BuiltFeatures
from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.commands import manifest
from alphapy.gateway.dispatcher import Dispatcher
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.opcodes import ALPHAPY_INTENTS
from alphapy.gateway.rest.calls import DiscordCalls
from alphapy.gateway.rest.client import RestClient
from alphapy.gateway.rest.moderation import ModerationCalls
from alphapy.gateway.shards import ShardPlan, Shards
from alphapy.logging_setup import secrets_of
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.pure.masking import Mask
from alphapy.storage import migrate
from alphapy.storage import settings as settings_storage
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.pool import Pool
from alphapy.version import CODENAME, VERSION
from alphapy.web.app import build_app
from alphapy.web.sources import ServiceFacts, Sources

if TYPE_CHECKING:
    from alphapy.config import Config
    from alphapy.gateway.invocation import Outcome
    from alphapy.gateway.shard import ShardState

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
        self.guilds = GuildCache()
        self.owners = OwnerRegistry(config.owner_ids, self.calls)
        self.budget = Budget(EVENT_BUDGET)
        self.progress = Progress(StoredProgress(wings.pool), wings.rng, wings.waypoints)
        letters = StoredDeadLetters(wings.pool, self.progress)
        self.registry = Registry(
            dead_letters=letters,
            budget=self.budget,
            rng=wings.rng,
            outages=(DatabaseUnavailable, DatabaseBusy),
        )
        self.sessions = SessionKeeper(wings.pool, self.guilds, self.progress, wings.waypoints)
        self.dead_letters = DeadLetterDesk(wings.pool, self.registry, letters)
        self.aside = SetAside(self.progress, self.registry, room_below=self.budget.share // 2)
        self.journal = JournalKit(
            pool=wings.pool,
            progress=self.progress,
            verbs={
                **verbs(self.calls, lambda: self.guilds.me, self._can_read, wings.clock),
                **moderation_verbs(ModerationCalls(wings.rest), self.calls, lambda: self.guilds.me),
            },
            clock=wings.clock,
            rng=wings.rng,
            waypoints=wings.waypoints,
        )
        self.interactions = InteractionLog(wings.pool)
        self.settings = SettingsBoard(setting_registry(llm_provider=config.llm_provider), self.registry)
        self.info = ServiceInfo(version=VERSION, codename=CODENAME, started_at=wings.clock.now())
        self.mask = Mask(secrets_of(config))
        self.port = 0
        self.stopping = False
        self.settings_loaded = False
        self._build()
        self.web = build_app(self._sources())

    def _build(self) -> None:
        catalogue = BuiltFeatures()
        features = catalogue.build(self._wiring(catalogue))
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
            gate=SettingsGate(self.settings),
            beginnings=self.interactions,
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
        )
        self.shards = Shards(
            ShardPlan(
                token=self.config.token,
                intents=ALPHAPY_INTENTS,
                url=self.config.discord_gateway_url,
                on_dispatch=self.router.route,
                on_state=_log_state,
            ),
            self.calls,
            self.rng,
        )

    def _wiring(self, catalogue: BuiltFeatures) -> Wiring:
        return Wiring(
            config=self.config,
            clock=self.clock,
            bus=self.registry,
            pool=self.pool,
            journal=self.journal,
            calls=self.calls,
            settings=self.settings,
            running=self.registry,
            guilds=self.guilds,
            owners=self.owners,
            catalogue=catalogue,
            info=self.info,
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

    def tell_first(self) -> None:
        """Start the actors that work without being asked; the registry runs by now."""
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
            pool=self.pool,
            bus=self.registry,
            actors=self.registry,
            shards=self.shards,
            budget=self.budget.statistics,
            router=self.router.statistics,
            rest=self.rest.statistics,
            dispatcher=self.dispatcher.statistics,
            guild_count=lambda: self.guilds.count,
            guild_name=self._name_of,
            gateway_ready=lambda: self.gateway_ready,
            settings_loaded=lambda: self.settings_loaded,
            stopping=lambda: self.stopping,
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

    def _track(self, outcome: Outcome) -> None:
        self.registry.tell(Address.process("command_tracker"), outcome)


def _log_state(shard_id: int, state: ShardState) -> None:
    log.info(
        "a shard changed its state",
        extra={"event": "shard_state", "shard": shard_id, "state": state.value},
    )
