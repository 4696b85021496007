"""Telling features that a setting changed: in the order of the commits, never dropped (spec/settings.md 5.4).

Only actors that are running are told: one that starts later reads the snapshot. An actor whose mailbox has no
room is told later; until then only the newest change of each key is kept for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.feature import Catalogue
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.settings.messages import SettingsChanged


class Running(Protocol):
    """Who knows which actors run."""

    def find(self, address: Address) -> object | None:
        """Something where an actor runs at this address, else None."""
        ...


class Listeners:
    """Who is told of one guild's changes."""

    def __init__(self, bus: Bus, running: Running, catalogue: Catalogue) -> None:
        self._bus = bus
        self._running = running
        self._catalogue = catalogue
        self._late: dict[Address, dict[tuple[str, str], SettingsChanged]] = {}

    def tell(self, changes: Iterable[SettingsChanged]) -> bool:
        """Tell everybody; True when somebody had no room, so that :meth:`retry` is needed."""
        for change in changes:
            for feature in self._catalogue.features():
                if change.scope not in feature.listens_to:
                    continue
                address = Address.guild(change.guild_id, feature.name)
                if address in self._late or (
                    self._running.find(address) is not None and not self._told(address, change)
                ):
                    self._keep(address, change)
        return bool(self._late)

    def retry(self) -> bool:
        """Tell those who had no room; True while somebody still has none."""
        waiting, self._late = self._late, {}
        for address, changes in waiting.items():
            if self._running.find(address) is None:
                continue
            for change in changes.values():
                if address in self._late or not self._told(address, change):
                    self._keep(address, change)
        return bool(self._late)

    def _told(self, address: Address, change: SettingsChanged) -> bool:
        return self._bus.tell(address, change) is not Delivery.FULL

    def _keep(self, address: Address, change: SettingsChanged) -> None:
        kept = self._late.setdefault(address, {})
        earlier = kept.pop((change.scope, change.key), None)
        kept[change.scope, change.key] = change if earlier is None else attrs.evolve(change, old=earlier.old)
