"""What owners and operators are told of auto-moderation: figures, notices, lists (spec/moderation.md 5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.acceptance.automod import add_rule, moderated
from tests.acceptance.test_api_routes import open_panel

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool
    from tests.support.bot import Stage


async def test_the_metrics_tell_how_rules_are_kept(offstage: Stage, pool: Pool) -> None:
    async with open_panel(offstage, pool) as panel:

        async def figures() -> list[Any]:
            caches = (await panel.get("/api/dashboard/metrics"))["cache_metrics"]
            names = ("cache_size", "list_cache_size", "cache_hits", "cache_misses")
            return [caches[f"automod_rules_{name}"] for name in names]

        assert await figures() == [0, 0, 0, 0]
        town = await moderated(offstage, pool)
        await add_rule(town, "add_badwords_rule", name="words", words="tea")
        size, lists, hits, misses = await figures()
        assert (size, lists) == (1, 1)
        assert misses >= 2  # when the actor began, and after the new rule
        assert await town.is_gone(town.member.say(town.general, "tea"))
        size, lists, more, same = await figures()
        assert (size, lists, same) == (1, 1, misses)
        assert more > hits
