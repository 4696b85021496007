"""Wheels carry migrations and changelog inside the package; an editable install finds them beside it."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Migrations(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``migrations/`` to wheels as ``alphapy/migrations/``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run by hatchling before it builds."""
        if version != "editable":
            build_data["force_include"]["migrations"] = "alphapy/migrations"
            build_data["force_include"]["CHANGELOG.md"] = "alphapy/CHANGELOG.md"
