"""``/challenge`` (spec/engagement.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.engagement import challenge_texts as texts
from alphapy.actors.engagement.challenge_messages import (
    CancelChallenge,
    EditChallenge,
    Edited,
    EndChallenge,
    NotActive,
    NotEdited,
    ReadChallenges,
    StartChallenge,
)
from alphapy.actors.engagement.challenge_options import (
    CHANNEL,
    EDIT_FIELD,
    MEMBER,
    MODE,
    SET_COUNT,
    TITLE,
    changes_text,
    duration_of,
    not_active,
    wanted_change,
)
from alphapy.actors.engagement.desk import Desk, refused, require_manage_server
from alphapy.actors.engagement.messages import FEATURE
from alphapy.gateway.commands import Choice, Command, Group, Option, OptionKind
from alphapy.gateway.models.guild import ChannelType, Permissions
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.engagement.challenges import LONGEST_TITLE, MOST_ACTIVE, Mode
from alphapy.pure.engagement.durations import DEFAULT, format_duration, suggested
from alphapy.pure.ids import ChannelId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.challenge_charts import Charts
    from alphapy.gateway.invocation import Invocation

FLAG: Final = "challenges"

_SUGGESTIONS: Final = 25
_POSTABLE: Final = (ChannelType.TEXT, ChannelType.ANNOUNCEMENT)
_NEEDED: Final = {Permissions.VIEW_CHANNEL: "View Channel", Permissions.SEND_MESSAGES: "Send Messages"}


class Commands:
    """The handlers of ``/challenge``."""

    def __init__(self, desk: Desk, charts: Charts) -> None:
        self._desk = desk
        self._charts = charts

    def group(self) -> Group:
        """The declaration."""
        which = Option(
            kind=OptionKind.INTEGER,
            name="challenge_id",
            description="Which challenge (default: the newest)",
            autocomplete=self._suggest_challenge,
        )
        duration = Option(
            kind=OptionKind.STRING,
            name="duration",
            description="How long, for example 3h30m (default: 1d)",
            autocomplete=self._suggest_duration,
        )
        return Group(
            name="challenge",
            description="Timed message contests",
            guild_only=True,
            gated_by=FEATURE,
            children=(
                Command(
                    name="start",
                    description="Start a challenge",
                    handler=self._start,
                    options=(duration, MODE, TITLE, CHANNEL),
                    ephemeral=False,
                ),
                Command(
                    name="end",
                    description="End a challenge now and announce its winner",
                    handler=self._end,
                    options=(which,),
                    ephemeral=False,
                ),
                Command(
                    name="cancel",
                    description="End a challenge without a winner",
                    handler=self._cancel,
                    options=(which,),
                    ephemeral=False,
                ),
                Command(
                    name="status",
                    description="Show the active challenges",
                    handler=self._status,
                    changes=False,
                ),
                Command(
                    name="edit",
                    description="Change a challenge",
                    handler=self._edit,
                    options=(EDIT_FIELD, MODE, duration, MEMBER, SET_COUNT, TITLE, which),
                ),
            ),
        )

    # -- suggestions

    async def _suggest_duration(self, _invocation: Invocation, typed: str) -> Sequence[Choice]:
        return [Choice(name=label, value=seconds) for label, seconds in suggested(typed)]

    async def _suggest_challenge(self, invocation: Invocation, typed: str) -> Sequence[Choice]:
        query = typed.strip().removeprefix("#")
        standings = await self._desk.ask(invocation.guild_id, ReadChallenges())
        ids = [standing.challenge.id for standing in standings if query in str(standing.challenge.id)]
        return [Choice(name=f"#{challenge_id}", value=challenge_id) for challenge_id in ids[:_SUGGESTIONS]]

    # -- handlers

    async def _start(self, invocation: Invocation) -> None:
        await self._allow(invocation)
        given = invocation.options
        seconds = duration_of(given.text("duration", None), default=DEFAULT)
        mode = Mode.read(given.text("mode", None))
        title = given.text("title", "").strip()[:LONGEST_TITLE] or None
        channel_id = self._target(invocation)
        challenge = await self._desk.ask(
            invocation.guild_id,
            StartChallenge(
                channel_id=channel_id, mode=mode, title=title, seconds=seconds, at=self._desk.clock.now()
            ),
        )
        if challenge is None:
            raise refused(
                "Too many challenges",
                f"{MOST_ACTIVE} challenges are running here already, which is the most. End one first with "
                "`/challenge end`.",
                reason=f"{MOST_ACTIVE} challenges are active",
                colour=Colour.WARNING,
            )
        how = (
            "Whoever has posted most by then wins."
            if mode is Mode.LEADERBOARD
            else "The winner is drawn from all who post."
        )
        embed = Embed(
            title="🏁 A challenge begins",
            description=(
                f"{texts.named(challenge)} runs in <#{channel_id}> for **{format_duration(seconds)}** "
                f"(mode: {texts.MODE_NAMES[mode]}). {how}"
            ),
            color=Colour.SUCCESS,
        )
        await invocation.reply(OutgoingMessage(embeds=(embed,)), ephemeral=False)

    async def _end(self, invocation: Invocation) -> None:
        await self._allow(invocation)
        wanted = invocation.options.integer("challenge_id", None)
        ended = await self._desk.ask(invocation.guild_id, EndChallenge(wanted))
        if isinstance(ended, NotActive):
            raise not_active(ended, wanted)
        await self._confirm(
            invocation, f"Challenge {texts.named(ended.challenge)} has ended. {texts.result_line(ended)}"
        )

    async def _cancel(self, invocation: Invocation) -> None:
        await self._allow(invocation)
        wanted = invocation.options.integer("challenge_id", None)
        cancelled = await self._desk.ask(invocation.guild_id, CancelChallenge(wanted))
        if isinstance(cancelled, NotActive):
            raise not_active(cancelled, wanted)
        await self._confirm(
            invocation, f"Challenge {texts.named(cancelled)} is cancelled. There is no winner."
        )

    async def _status(self, invocation: Invocation) -> None:
        await self._desk.require_feature(invocation, FLAG)
        standings = await self._desk.ask(invocation.guild_id, ReadChallenges())
        if not standings:
            await invocation.reply(
                notice(Colour.INFO, "No challenge is running", "Start one with `/challenge start`.")
            )
            return
        embeds = texts.status_embeds(standings, self._desk.clock.now())
        left_out = len(standings) - len(embeds)
        remark = f"{texts.counted(left_out, 'more challenge')} did not fit." if left_out else ""
        shown, files = await self._charts.illustrate(invocation.guild_id, standings, embeds)
        await invocation.reply(
            OutgoingMessage(content=remark, embeds=tuple(shown), files=tuple(files), ephemeral=True)
        )

    async def _edit(self, invocation: Invocation) -> None:
        await self._allow(invocation)
        change = wanted_change(invocation)
        wanted = invocation.options.integer("challenge_id", None)
        edited = await self._desk.ask(invocation.guild_id, EditChallenge(wanted, change))
        match edited:
            case NotActive():
                raise not_active(edited, wanted)
            case NotEdited.DRAWN:
                raise refused(
                    "Nothing is counted here",
                    "The winner of this challenge is drawn by lot, so nobody has a count. "
                    "Switch it to the leaderboard first.",
                    reason="random mode",
                )
            case NotEdited.ABSENT:
                raise refused(
                    "They do not take part", "This member does not take part in it.", reason="no participant"
                )
            case Edited():
                text = f"{texts.named(edited.challenge)}: {changes_text(change, edited)}"
                await invocation.reply(notice(Colour.SUCCESS, "Challenge changed", text))

    # -- what they have in common

    async def _allow(self, invocation: Invocation) -> None:
        await self._desk.require_feature(invocation, FLAG)
        require_manage_server(invocation)

    @staticmethod
    async def _confirm(invocation: Invocation, text: str) -> None:
        embed = Embed(title="🏁 Challenge", description=text, color=Colour.SUCCESS)
        await invocation.reply(OutgoingMessage(embeds=(embed,)), ephemeral=False)

    def _target(self, invocation: Invocation) -> ChannelId:
        """The channel to count in: the given one, else the present one; raises Refused."""
        given = invocation.options.channel("channel", None)
        if given is not None:
            channel_id = ChannelId(given.id)
        else:
            channel_id = invocation.channel_id
            guild = self._desk.guilds.get(invocation.guild_id)
            present = None if guild is None else guild.channel(channel_id)
            if present is None or present.type not in _POSTABLE:
                raise refused(
                    "Not in this channel",
                    "A challenge runs in a text or announcement channel. Name one with the option `channel`.",
                    reason="not a text channel",
                )
        mine = self._desk.guilds.my_permissions(invocation.guild_id, channel_id, now=self._desk.clock.now())
        lacking = [] if mine is None else [name for bit, name in _NEEDED.items() if bit not in mine]
        if lacking:
            raise refused(
                "I cannot post there",
                f"I need these permissions in <#{channel_id}>: {', '.join(f'*{name}*' for name in lacking)}.",
                reason="bot permissions",
            )
        return channel_id
