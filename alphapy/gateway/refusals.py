"""The expected ways of saying no: shown to the member alone, audited as unsuccessful, never a crash.

A handler raises one of these; whatever else it raises is a crash (spec/operations.md 4.2). ``reply`` is what
the member reads, ``audit`` what the audit row says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
from typing_extensions import override

from alphapy.gateway.commands import Access
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.pure.text import code

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED: Mapping[Access, str] = {
    Access.EVERYONE: "You are not allowed to use this.",
    Access.ADMIN: "Only administrators of this server can use this.",
    Access.OWNER: "Only the owners of this bot can use this.",
}


class Refusal(Exception):
    """The root of this module: what a handler raises to decline."""

    @property
    def reply(self) -> str | OutgoingMessage:
        """What the member reads."""
        raise NotImplementedError

    @property
    def audit(self) -> str:
        """What the audit row says, in a few words."""
        raise NotImplementedError

    @override
    def __str__(self) -> str:
        return self.audit


@attrs.frozen(str=False)
class Refused(Refusal):
    """A refusal in the feature's own words; ``reason`` is for the audit row."""

    message: str | OutgoingMessage
    reason: str = "refused"

    @property
    @override
    def reply(self) -> str | OutgoingMessage:
        return self.message

    @property
    @override
    def audit(self) -> str:
        return self.reason


@attrs.frozen(str=False)
class BadOption(Refusal):
    """An option or a field that makes no sense; ``expected`` completes the sentence "it must be …"."""

    option: str
    expected: str

    @property
    @override
    def reply(self) -> str:
        return f"The option {code(self.option, 40)} must be {self.expected}."

    @property
    @override
    def audit(self) -> str:
        return f"bad option: {self.option}"


@attrs.frozen(str=False)
class AccessDenied(Refusal):
    """Somebody below the required level."""

    needed: Access

    @property
    @override
    def reply(self) -> str:
        return _NEEDED[self.needed]

    @property
    @override
    def audit(self) -> str:
        return f"needs {self.needed.name.lower()}"


@attrs.frozen(str=False)
class AlreadyBegun(Refusal):
    """Begun by the process before this one, which did not come to answer it."""

    @property
    @override
    def reply(self) -> str:
        return (
            "I was restarted while I worked on this, so I cannot say whether it took effect. "
            "Please have a look, and use it again if it did not."
        )

    @property
    @override
    def audit(self) -> str:
        return "begun before a restart"


@attrs.frozen(str=False)
class DatabaseAway(Refusal):
    """What this needs cannot be read or written at the moment."""

    @property
    @override
    def reply(self) -> str:
        return (
            "My database does not answer at the moment, so nothing was done and nothing has changed. "
            "Messages that are written meanwhile are kept and dealt with as soon as it is back. "
            "Please try this again in a minute."
        )

    @property
    @override
    def audit(self) -> str:
        return "database away"


@attrs.frozen(str=False)
class GuildOnly(Refusal):
    """Used outside a guild."""

    @property
    @override
    def reply(self) -> str:
        return "This works in a server only."

    @property
    @override
    def audit(self) -> str:
        return "guild only"


@attrs.frozen(str=False)
class ModuleDisabled(Refusal):
    """The feature is switched off in this guild (spec/settings.md 3.1)."""

    module: str

    @property
    @override
    def reply(self) -> str:
        return f"The module `{self.module}` is off in this server. An admin can enable it in the dashboard."

    @property
    @override
    def audit(self) -> str:
        return f"module disabled: {self.module}"


@attrs.frozen(str=False)
class CoolingDown(Refusal):
    """Too soon after the last time; ``remaining`` is in seconds."""

    remaining: float

    @property
    @override
    def reply(self) -> str:
        return f"You can use this again in {spoken_duration(self.remaining)}."

    @property
    @override
    def audit(self) -> str:
        return "cooldown"


@attrs.frozen(str=False)
class Busy(Refusal):
    """More is running than may run at once, in this guild or in the whole service."""

    @property
    @override
    def reply(self) -> str:
        return "Too much is going on at the moment. Nothing was done; please try again in a few seconds."

    @property
    @override
    def audit(self) -> str:
        return "busy"


@attrs.frozen(str=False)
class TooLate(Refusal):
    """A form could not be opened in time, because what comes before it took too long."""

    @property
    @override
    def reply(self) -> str:
        return "That took too long, so the form could not be opened. Please try again."

    @property
    @override
    def audit(self) -> str:
        return "too late to open a form"


@attrs.frozen(str=False)
class UnknownCommand(Refusal):
    """A command that this deployment does not have: Discord, or the member's client, shows an old list."""

    @property
    @override
    def reply(self) -> str:
        return (
            "This command does not exist any more; Discord still shows an old list. "
            "Reload Discord, or try again in a few minutes."
        )

    @property
    @override
    def audit(self) -> str:
        return "unknown command"


@attrs.frozen(str=False)
class UnknownComponent(Refusal):
    """A button, select or form of an earlier release, or one whose state cannot be read."""

    @property
    @override
    def reply(self) -> str:
        return "This has expired. Please run the command again."

    @property
    @override
    def audit(self) -> str:
        return "unknown component"


@attrs.frozen(str=False)
class Expired(UnknownComponent):
    """A button or form whose time is over; where it can be, its message is changed to say so."""

    @property
    @override
    def audit(self) -> str:
        return "expired"


@attrs.frozen(str=False)
class NotYours(Refusal):
    """A button that is for somebody else."""

    @property
    @override
    def reply(self) -> str:
        return "Only the member who ran the command can use this."

    @property
    @override
    def audit(self) -> str:
        return "not the invoker"


def spoken_duration(seconds: float) -> str:
    """Minutes and seconds, rounded up: ``1 minute and 5 seconds``; a unit that is 0 is left out."""
    minutes, rest = divmod(max(math.ceil(seconds), 1), 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((minutes, "minute"), (rest, "second"))
        if count
    ]
    return " and ".join(parts)
