"""Cleaning: deleting the newest messages of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.clean.commands import Clean
from alphapy.actors.feature import Category, Feature

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    clean = Clean(wiring.calls, wiring.moderation, wiring.guilds, wiring.clock)
    return Feature(name="clean", category=Category("Clean", "🧹"), commands=(clean.command(),))
