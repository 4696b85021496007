"""Invite tracking: who invited whom, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.invites.actor import GuildInvites, Parts
from alphapy.actors.invites.commands import Commands
from alphapy.actors.invites.importing import ImportInvites, may_be_import
from alphapy.actors.invites.listing import Lister
from alphapy.actors.invites.messages import FEATURE, IMPORT
from alphapy.actors.invites.setting_commands import SettingCommands
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import PatientBus
from alphapy.gateway.events import GuildCreate, GuildMemberAdd

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context
    from alphapy.gateway.events import Event


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    lister = Lister(invites=wiring.invites, guilds=wiring.guilds, clock=wiring.clock)
    parts = Parts(
        pool=wiring.pool,
        kit=wiring.journal,
        settings=wiring.settings,
        guilds=wiring.guilds,
        lister=lister,
    )
    patient = PatientBus(wiring.bus, lambda: not wiring.pool.is_available)
    commands = Commands(wiring.pool, patient, wiring.calls)
    setting_commands = SettingCommands(
        bus=wiring.bus,
        patient=patient,
        settings=wiring.settings,
        guilds=wiring.guilds,
        clock=wiring.clock,
    )

    def tracker(context: Context) -> GuildInvites:
        return GuildInvites(context, parts)

    def importer(context: Context) -> ImportInvites:
        return ImportInvites(
            context,
            discord=wiring.calls,
            history=wiring.calls,
            owners=wiring.owners,
            clock=wiring.clock,
            settings=wiring.settings,
            guilds=wiring.guilds,
        )

    def may_be_listed(event: Event) -> bool:
        """A guild has appeared whose invites the bot may read; for others no actor is begun."""
        return isinstance(event, GuildCreate) and not event.unavailable and lister.may_ask(event.id)

    return Feature(
        name=FEATURE,
        category=Category("Invites", "📥"),
        scope=FEATURE,
        commands=(setting_commands.group(), *commands.commands()),
        subscriptions=(
            Subscription("GUILD_CREATE", may_be_listed),
            Subscription("INVITE_CREATE", durable=True),
            Subscription("INVITE_DELETE", durable=True),
            Subscription("GUILD_MEMBER_ADD", _is_person, durable=True),
            Subscription("MESSAGE_CREATE", may_be_import, process=IMPORT),
        ),
        actors=(
            ActorDef(f"guild/*/{FEATURE}", ChildSpec(factory=tracker)),
            ActorDef(IMPORT.pattern, ChildSpec(factory=importer, mailbox=100, children=4)),
        ),
        listens_to=frozenset({FEATURE}),
    )


def _is_person(event: Event) -> bool:
    return isinstance(event, GuildMemberAdd) and not event.user.bot
