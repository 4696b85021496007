"""``!sync``: registering commands by hand, for the bot's owners (spec/operations.md 4 and 5.3).

It works where slash commands do not appear yet. In a guild it registers the guild's commands, in a direct
message the global ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from alphapy.actors.command_sync.messages import COMMAND_SYNC, SyncByHand, SyncOutcome, SyncResult
from alphapy.actors.command_sync.rules import duration
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.text_commands import TextCommand, Verdict, is_command

if TYPE_CHECKING:
    from alphapy.gateway.events import Event, MessageCreate

COMMAND: Final = "!sync"
FORCE: Final = frozenset({"--force", "-f"})

ANSWER_WITHIN: Final = 120.0
"""Seconds that the registration may take, what is before it included."""


def may_be_command(event: Event) -> bool:
    """Whether a message is this command, whoever wrote it."""
    return is_command(event, COMMAND)


class TextCommands(TextCommand):
    """The actor ``process/text_commands``."""

    name = "sync"

    @override
    def announcement(self, said: MessageCreate) -> str:
        return f"Registering the commands for {_where(said)} …"

    @override
    async def obey(self, said: MessageCreate) -> Verdict:
        force = not FORCE.isdisjoint(said.content.split()[1:])
        answer = await self.context.bus.ask(
            COMMAND_SYNC, SyncByHand(guild_id=said.guild_id, force=force), timeout=ANSWER_WITHIN
        )
        result = (
            answer.value
            if isinstance(answer, Answered)
            else SyncResult(outcome=SyncOutcome.FAILED, error=str(answer))
        )
        error = None if result.outcome is SyncOutcome.SYNCED else _error(result)
        return Verdict(_words(result, _where(said)), error)


def _where(said: MessageCreate) -> str:
    return "this server" if said.guild_id is not None else "all servers"


def _error(result: SyncResult) -> str:
    return "cooldown" if result.outcome is SyncOutcome.SKIPPED else result.error


def _words(result: SyncResult, where: str) -> str:
    """What the owner reads; nothing of our insides."""
    if result.outcome is SyncOutcome.SYNCED:
        count = result.command_count
        own = " of its own; the others are global" if where == "this server" else ""
        return f"Done: {count} command{'' if count == 1 else 's'}{own}, for {where}."
    if result.outcome is SyncOutcome.SKIPPED:
        left = duration(result.remaining)
        if result.limited_by_discord:
            return f"Discord asks for patience: please try again in {left}."
        return f"That was done a short while ago. Try again in {left}, or use `{COMMAND} --force`."
    return "That did not work; the log says why. The commands stay as they were."
