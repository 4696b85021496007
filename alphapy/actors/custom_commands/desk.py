"""What the commands and the buttons of ``/cc`` share: asking the guild's actor, and saying no."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from alphapy.actors.custom_commands.messages import ListCommands
from alphapy.actors.embeds import Colour, notice
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings.messages import ConfigAudit
from alphapy.gateway.refusals import Refused
from alphapy.pure.custom_commands import (
    MAX_RESPONSE,
    MAX_TRIGGER,
    Flaw,
    FlawKind,
    clean_name,
    flaw_of_texts,
    named,
)
from alphapy.pure.text import code

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Request
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.custom_commands import CustomCommand
    from alphapy.pure.ids import GuildId

FEATURE = "custom_commands"

ANSWER_WITHIN = 8.0
"""Seconds that the guild's actor may take; the member sees "thinking" after 1.5."""

FORM_WITHIN = 2.0
"""Seconds that it may take where a form must open within Discord's three."""

T = TypeVar("T")


@attrs.frozen
class Desk:
    """Where ``/cc`` takes its questions."""

    _bus: Bus
    _patient: PatientBus

    async def ask(self, guild_id: GuildId, request: Request[T], *, within: float = ANSWER_WITHIN) -> T:
        """The answer of the guild's actor; raises a Refusal when there is none in time."""
        reply = await self._patient.ask(Address.guild(guild_id, FEATURE), request, within=within)
        if isinstance(reply, Answered):
            return reply.value
        raise refused(
            "That did not work",
            "The storage of custom commands cannot be reached right now. Please try again in a moment.",
            reason=f"no answer: {reply.reason.value}",
        )

    async def find(self, invocation: Invocation) -> CustomCommand:
        """The command that the option ``name`` names; raises Refused."""
        name = clean_name(invocation.options.text("name"))
        command = named(await self.ask(invocation.guild_id, ListCommands(), within=FORM_WITHIN), name)
        if command is None:
            raise self.not_found(name)
        return command

    def audit(self, invocation: Invocation, what: str) -> None:
        """Record a change of configuration in the guild's log channel."""
        self._bus.tell(
            Address.guild(invocation.guild_id, "guild_log"), change_audit(invocation.user_id, what)
        )

    @staticmethod
    def not_found(name: str) -> Refused:
        """The refusal for a command that does not exist."""
        return refused(
            "No such command",
            f"There is no custom command named {code(name)}. `/cc list` shows them all.",
            reason="not found",
        )

    @staticmethod
    def checked_texts(trigger_type: str, trigger: str, response: str) -> tuple[str, str]:
        """Trigger and response, trimmed; raises Refused where they cannot be used."""
        trigger, response = trigger.strip(), response.strip()
        flaw = flaw_of_texts(trigger_type, trigger, response)
        if flaw is not None:
            raise _refusal(flaw, trigger)
        return trigger, response


def change_audit(actor_id: int, what: str) -> ConfigAudit:
    """What the guild's log channel is told of a change; ``what`` says what the actor did."""
    return ConfigAudit(title="⚙️ Custom commands changed", description=f"<@{actor_id}> {what}.")


def _refusal(flaw: Flaw, trigger: str) -> Refused:
    if flaw.regex is not None:
        return refused(
            "That regular expression cannot be used",
            f"{code(trigger)} is refused: {flaw.regex}.",
            reason=f"regex {flaw.regex.kind.name.lower()}",
        )
    if flaw.kind is FlawKind.TRIGGER:
        return refused(
            "That trigger cannot be used",
            f"A trigger has 1 to {MAX_TRIGGER} characters, not counting spaces at its ends.",
            reason="bad trigger",
        )
    return refused(
        "That response cannot be used",
        f"A response has 1 to {MAX_RESPONSE} characters, not counting spaces at its ends.",
        reason="bad response",
    )


def refused(title: str, text: str, *, reason: str, colour: Colour = Colour.ERROR) -> Refused:
    """A refusal as an embed; ``reason`` is for the audit row."""
    return Refused(notice(colour, title, text), reason)
