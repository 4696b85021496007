"""``/reload``: begin a feature's actors anew, with nothing lost (spec/operations.md 4)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.gateway.commands import Access, Choice, Command, Option, OptionKind
from alphapy.gateway.refusals import Refused
from alphapy.pure.text import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.actors.feature import Feature, Wiring
    from alphapy.actors.kernel.address import Address
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.maintenance")

WITHIN: Final = 10.0
"""Seconds that the actors have to finish what is under way."""

FRESH_WITHIN: Final = 5.0
"""Seconds for reading the guilds' settings again."""

AT_ONCE: Final = 5
"""Guilds whose settings are read at the same time."""

NAMED: Final = 8
"""Features that are named to somebody who asked for one that there is not."""

_SUGGESTIONS: Final = 25
_PREFIX: Final = "cogs."


def feature_name(text: str) -> str:
    """What is meant by what was typed: without blanks and ``cogs.``, in lower case."""
    return text.strip().casefold().removeprefix(_PREFIX)


def known_names(names: Iterable[str]) -> str:
    """The first names in alphabetical order, and whether there are more."""
    ordered = sorted(names)
    shown = ", ".join(code(name) for name in ordered[:NAMED])
    return f"{shown} …" if len(ordered) > NAMED else shown


class Reload:
    """The handler."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._is_busy = False

    def command(self) -> Command:
        """The declaration."""
        return Command(
            name="reload",
            description="Restart a feature without losing anything",
            handler=self._reload,
            options=(
                Option(
                    kind=OptionKind.STRING,
                    name="extension",
                    description="The feature's name",
                    required=True,
                    max_length=100,
                    autocomplete=self._suggest,
                ),
            ),
            access=Access.OWNER,
        )

    async def _suggest(self, _invocation: Invocation, typed: str) -> Sequence[Choice]:
        wanted = feature_name(typed)
        names = sorted(feature.name for feature in self._wiring.catalogue.features())
        found = [name for name in names if wanted in name]
        return [Choice(name=name, value=name) for name in found[:_SUGGESTIONS]]

    async def _reload(self, invocation: Invocation) -> None:
        name = feature_name(invocation.options.text("extension"))
        features = {feature.name: feature for feature in self._wiring.catalogue.features()}
        feature = features.get(name)
        if feature is None:
            raise Refused(
                f"There is no feature {code(name or '?', 60)}. There are: {known_names(features)}",
                "unknown feature",
            )
        if self._is_busy:
            raise Refused(
                "A feature is being restarted at this moment. Please try again in a moment.", "busy"
            )
        self._is_busy = True
        try:
            await invocation.defer()
            failed = await self.restart((feature,))
        finally:
            self._is_busy = False
        if failed:
            log.error(
                "a feature could not be restarted in order",
                extra={
                    "event": "reload_failed",
                    "feature": name,
                    "actors": [str(address) for address in failed[:20]],
                    "failed": len(failed),
                    "trace_id": invocation.trace_id,
                },
            )
            await invocation.reply(
                notice(
                    Colour.ERROR,
                    f"{name} could not be restarted in order",
                    "It goes on as it was where it could not write down what it had in memory. "
                    f"The log says more under this code: `{invocation.trace_id}`",
                )
            )
            return
        log.info("a feature was restarted", extra={"event": "reloaded", "feature": name})
        await invocation.reply(notice(Colour.SUCCESS, f"{name} is restarted"))

    async def restart(self, features: Iterable[Feature]) -> tuple[Address, ...]:
        """Begin the actors of these features anew, with fresh settings; which of them did not, in order."""
        patterns = [actor.pattern for feature in features for actor in feature.actors]
        await self._read_settings(patterns)
        deadline = trio.current_time() + WITHIN
        report = await self._wiring.restarts.restart(patterns, deadline=deadline)
        return report.failed

    async def _read_settings(self, patterns: Iterable[str]) -> None:
        """Read the settings of the guilds again; where they cannot be had, the known ones hold."""
        guild_ids = {
            address.guild_id
            for pattern in patterns
            for address in self._wiring.restarts.running(pattern)
            if address.guild_id is not None
        }
        limit = trio.CapacityLimiter(AT_ONCE)
        with trio.move_on_after(FRESH_WITHIN):
            async with trio.open_nursery() as nursery:
                for guild_id in guild_ids:
                    nursery.start_soon(self._read_one, limit, guild_id)

    async def _read_one(self, limit: trio.CapacityLimiter, guild_id: GuildId) -> None:
        async with limit:
            try:
                await self._wiring.settings.fresh(guild_id, max_age=0.0)
            except SettingsUnavailable as error:
                log.warning(
                    "a restart goes on with the known settings",
                    extra={"event": "reload_stale_settings", "guild_id": guild_id, "error": str(error)},
                )
