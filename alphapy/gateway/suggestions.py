"""Suggestions while a member types: always an answer in time, an empty one where there is nothing to say.

A handler that fails or takes too long costs the member the suggestions, and nothing else.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import trio

from alphapy.gateway.answer import Answer, InteractionLost
from alphapy.gateway.containment import Failed, contained
from alphapy.gateway.invocation import Invocation
from alphapy.gateway.models.command import MAX_CHOICE_NAME, MAX_CHOICES, fits_kind
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.text import cut, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.gateway.commands import Choice, OptionKind
    from alphapy.gateway.execution import Services
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.gateway.plan import Suggestion

log = logging.getLogger("alphapy.gateway.interactions")

SUGGEST_WITHIN: Final = 2.5
"""Seconds for a handler; what is left of Discord's three is for sending."""


async def suggest(services: Services, interaction: Interaction, received_at: float) -> None:
    """Answer one request for suggestions."""
    answer = Answer(interaction, services.calls, received_at)
    wanted = services.planner.suggestion(interaction)
    choices: list[dict[str, Any]] = []
    if wanted is not None:
        with trio.move_on_at(received_at + SUGGEST_WITHIN) as scope:
            choices = await _ask(services, wanted, interaction, answer)
        if scope.cancelled_caught:
            _log(logging.WARNING, "suggestions took too long", "suggestions_late", interaction, wanted)
    try:
        await answer.suggest(choices)
    except (DiscordError, InteractionLost) as error:
        log.info(
            "suggestions could not be sent",
            extra={"event": "suggestions_lost", "guild_id": interaction.guild_id, "error": str(error)},
        )


async def _ask(
    services: Services, wanted: Suggestion, interaction: Interaction, answer: Answer
) -> list[dict[str, Any]]:
    invocation = Invocation(
        interaction=interaction,
        answer=answer,
        access=wanted.access,
        path=wanted.entry.path,
        trace_id=services.new_trace(),
        options=wanted.options,
    )
    found = await contained(_find, services, wanted, invocation)
    if isinstance(found, Failed):
        _log(logging.ERROR, "suggestions failed", "suggestions_failed", interaction, wanted, found.error)
        return []
    return choices_json(found, wanted.option.kind)


async def _find(services: Services, wanted: Suggestion, invocation: Invocation) -> Sequence[Choice]:
    if await services.ask_gate(invocation.interaction, wanted.entry.gated_by) is not None:
        return ()
    return await wanted.autocomplete(invocation, wanted.typed)


def choices_json(choices: Iterable[Choice], kind: OptionKind) -> list[dict[str, Any]]:
    """At most 25 choices as Discord takes them; names are cut, values of another type are left out."""
    fitting = [choice for choice in choices if choice.name.strip() and fits_kind(kind, choice.value)]
    return [
        {"name": cut(well_formed(choice.name), MAX_CHOICE_NAME), "value": choice.value}
        for choice in fitting[:MAX_CHOICES]
    ]


def _log(
    level: int,
    text: str,
    event: str,
    interaction: Interaction,
    wanted: Suggestion,
    error: Exception | None = None,
) -> None:
    fields = {
        "event": event,
        "guild_id": interaction.guild_id,
        "path": wanted.entry.path,
        "option": wanted.option.name,
    }
    log.log(level, text, exc_info=error, extra=fields)
