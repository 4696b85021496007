"""A command's module is asked for in its guild, freshly, and never in a DM."""

from __future__ import annotations

from typing import Any

from alphapy.actors.module_gate import SettingsGate
from alphapy.gateway.refusals import ModuleDisabled
from tests.support.interactions import command


class Switches:
    """Settings in which one module is on."""

    async def enabled(self, guild_id: int, scope: str) -> bool:
        assert guild_id
        return scope == "faq"


async def test_a_module_that_is_off_refuses_and_names_itself() -> None:
    settings: Any = Switches()
    gate = SettingsGate(settings)
    assert await gate(command("faq"), "faq") is None
    refusal = await gate(command("growthcheckin"), "growth")
    assert isinstance(refusal, ModuleDisabled)
    assert "growth" in refusal.audit
    assert await gate(command("growthcheckin", guild_id=None), "growth") is None
