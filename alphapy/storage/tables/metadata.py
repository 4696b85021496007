"""The whole schema as one MetaData: what the newest revision must build.

A new area is one module of tables and one entry here.
"""

from __future__ import annotations

from alphapy.storage.tables import (
    consent,
    engagement,
    identity,
    moderation,
    onboarding,
    premium,
    progress,
    reminders,
    service,
    settings,
    tickets,
)
from alphapy.storage.tables.base import METADATA

AREAS = (
    settings,
    reminders,
    premium,
    consent,
    onboarding,
    tickets,
    moderation,
    engagement,
    identity,
    service,
    progress,
)

__all__ = ["AREAS", "METADATA"]
