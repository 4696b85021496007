"""What actors with effects are told."""

from __future__ import annotations

import attrs

from alphapy.storage.effects import Effect, Outcome


@attrs.frozen
class EffectClosed:
    """To itself: an effect is closed, and led to others."""

    effect: Effect
    outcome: Outcome
    follow_ups: tuple[Effect, ...] = ()


@attrs.frozen
class EffectLeft:
    """To itself: an effect is left pending, because somebody else closed it or it cannot be closed."""

    effect: Effect


@attrs.frozen
class PickUp:
    """Look for pending effects that nobody is working on."""


@attrs.frozen
class Sweep:
    """To ``process/effects``: have every pending effect picked up, and delete old ones."""
