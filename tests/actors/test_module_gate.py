"""A command's module is asked for in its guild, freshly, and never in a DM."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from alphapy.actors.module_gate import SettingsGate
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.gateway.refusals import DatabaseAway, ModuleDisabled
from tests.support.interactions import command


class Switches:
    """Settings in which one module is on."""

    away = False

    async def fresh(self, guild_id: int) -> Any:
        assert guild_id
        if self.away:
            raise SettingsUnavailable("gone")
        return SimpleNamespace(enabled=lambda scope: scope == "faq")


async def test_a_module_that_is_off_refuses_and_names_itself() -> None:
    settings: Any = Switches()
    gate = SettingsGate(settings)
    assert await gate(command("faq"), "faq") is None
    refusal = await gate(command("growthcheckin"), "growth")
    assert isinstance(refusal, ModuleDisabled)
    assert "growth" in refusal.audit
    assert await gate(command("growthcheckin", guild_id=None), "growth") is None


async def test_settings_that_cannot_be_read_are_not_called_a_module_that_is_off() -> None:
    settings: Any = Switches()
    settings.away = True
    assert isinstance(await SettingsGate(settings)(command("faq"), "faq"), DatabaseAway)
