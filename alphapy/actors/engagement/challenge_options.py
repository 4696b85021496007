"""The options of ``/challenge``, and what they mean together (spec/engagement.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.actors.engagement import challenge_texts as texts
from alphapy.actors.engagement.challenge_messages import (
    AddParticipant,
    NotActive,
    RemoveParticipant,
    SetCount,
    SetMode,
    SetRemaining,
    SetTitle,
)
from alphapy.actors.engagement.desk import refused
from alphapy.gateway.commands import Choice, Option, OptionKind
from alphapy.gateway.models.guild import ChannelType
from alphapy.pure.engagement.challenges import LONGEST_TITLE, MOST_MESSAGES, Mode
from alphapy.pure.engagement.durations import EXAMPLES, format_duration, parse_duration
from alphapy.pure.text import code, safe_text

if TYPE_CHECKING:
    from alphapy.actors.engagement.challenge_messages import Change, Edited
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.refusals import Refused
    from alphapy.pure.ids import UserId

MODE: Final = Option(
    kind=OptionKind.STRING,
    name="mode",
    description="How the winner is found (default: leaderboard)",
    choices=(
        Choice(name="Leaderboard: who posts most", value=Mode.LEADERBOARD.value),
        Choice(name="Random: drawn from all who post", value=Mode.RANDOM.value),
    ),
)
TITLE: Final = Option(kind=OptionKind.STRING, name="title", description="Its title", max_length=LONGEST_TITLE)
CHANNEL: Final = Option(
    kind=OptionKind.CHANNEL,
    name="channel",
    description="Where messages count (default: here)",
    channel_types=(ChannelType.TEXT, ChannelType.ANNOUNCEMENT),
)
EDIT_FIELD: Final = Option(
    kind=OptionKind.STRING,
    name="field",
    description="What to change",
    required=True,
    choices=(
        Choice(name="Mode", value="mode"),
        Choice(name="Duration: how long from now", value="duration"),
        Choice(name="Title", value="title"),
        Choice(name="Add a participant, or a message of one", value="add_participant"),
        Choice(name="Remove a participant", value="remove_participant"),
        Choice(name="Set a participant's count", value="set_count"),
    ),
)
MEMBER: Final = Option(kind=OptionKind.USER, name="member", description="Which member")
SET_COUNT: Final = Option(
    kind=OptionKind.INTEGER,
    name="set_count",
    description="How many messages",
    minimum=0,
    maximum=MOST_MESSAGES,
)


def duration_of(text: str | None, *, default: int) -> int:
    """Seconds; raises Refused for what is no duration."""
    if text is None:
        return default
    seconds = parse_duration(text)
    if seconds is None:
        raise refused(
            "That is no duration",
            f"{code(text, 100)} cannot be used. A duration looks like {EXAMPLES}.",
            reason="bad duration",
        )
    return seconds


def wanted_change(invocation: Invocation) -> Change:
    """What the member wants changed; raises Refused that names what is missing."""
    given = invocation.options
    match given.text("field"):
        case "mode":
            mode = given.text("mode", None)
            return SetMode(Mode.read(_needed("mode", mode)))
        case "duration":
            return SetRemaining(duration_of(_needed("duration", given.text("duration", None)), default=0))
        case "title":
            title = given.text("title", "").strip()
            return SetTitle(_needed("title", title or None))
        case "add_participant":
            return AddParticipant(_member(invocation))
        case "remove_participant":
            return RemoveParticipant(_member(invocation))
        case _:
            user_id = _member(invocation)
            count = given.integer("set_count", None)
            if count is None:
                raise _missing("set_count")
            return SetCount(user_id, count)


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise _missing(name)
    return value


def _missing(name: str) -> Refused:
    return refused(
        "Something is missing", f"This change needs the option {code(name)}.", reason=f"missing: {name}"
    )


def _member(invocation: Invocation) -> UserId:
    user = invocation.options.user("member", None)
    if user is None:
        raise _missing("member")
    if user.bot:
        raise refused("Bots do not take part", "Choose a member who is a person.", reason="a bot")
    return user.id


def changes_text(change: Change, edited: Edited) -> str:
    """What a change has done, in a sentence."""
    match change:
        case SetMode(mode):
            return f"the mode is now {texts.MODE_NAMES[mode]}."
        case SetRemaining(seconds):
            return f"it ends in {format_duration(seconds)}."
        case SetTitle(title):
            return f"the title is now “{safe_text(title, 1000)}”."
        case RemoveParticipant(user_id):
            return f"<@{user_id}> does not take part any more, until they post again."
        case AddParticipant(user_id) if edited.challenge.mode is Mode.RANDOM:
            return f"<@{user_id}> takes part."
        case AddParticipant(user_id) | SetCount(user_id, _):
            return f"<@{user_id}> has {texts.counted(edited.count or 0, 'message')} now."


def not_active(why: NotActive, challenge_id: int | None) -> Refused:
    """There is no active challenge to do something about."""
    if why is NotActive.OVER:
        which = "It" if challenge_id is None else f"Challenge `#{challenge_id}`"
        return refused("Already over", f"{which} has already ended.", reason="already ended")
    if why is NotActive.UNKNOWN:
        return refused(
            "No such challenge",
            f"There is no active challenge `#{challenge_id}` here. `/challenge status` shows them all.",
            reason="not found",
        )
    return refused("No challenge is running", "Start one with `/challenge start`.", reason="none active")
