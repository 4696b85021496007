"""The features of this service, in start order: the explicit list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.automod import manifest as automod
from alphapy.actors.clean import manifest as clean
from alphapy.actors.command_sync import manifest as command_sync
from alphapy.actors.custom_commands import manifest as custom_commands
from alphapy.actors.engagement import manifest as engagement
from alphapy.actors.feature import Catalogue
from alphapy.actors.invites import manifest as invites
from alphapy.actors.lot_quiz import manifest as lot_quiz
from alphapy.actors.maintenance import manifest as maintenance
from alphapy.actors.onboarding_records import manifest as onboarding_records
from alphapy.actors.operational_events import manifest as operational_events
from alphapy.actors.posting import manifest as posting
from alphapy.actors.retention import manifest as retention
from alphapy.actors.settings import manifest as settings
from alphapy.actors.status import manifest as status
from alphapy.actors.webhooks import manifest as webhooks

if TYPE_CHECKING:
    from alphapy.actors.feature import Feature, Wiring

BUILDERS = (
    operational_events.build,
    settings.build,
    status.build,
    command_sync.build,
    maintenance.build_migrations,
    maintenance.build_reload,
    webhooks.build,
    automod.build,
    retention.build,
    custom_commands.build,
    invites.build,
    clean.build,
    posting.build,
    lot_quiz.build,
    onboarding_records.build,
    engagement.build,
)
"""One for each feature. An actor may tell, to its very end, those of the features before its own."""


class BuiltFeatures(Catalogue):
    """The catalogue that features see; complete once all of them are built."""

    def __init__(self) -> None:
        self._features: tuple[Feature, ...] = ()

    def build(self, wiring: Wiring) -> tuple[Feature, ...]:
        """Build every feature."""
        self._features = tuple(build(wiring) for build in BUILDERS)
        return self._features

    @override
    def features(self) -> tuple[Feature, ...]:
        return self._features
