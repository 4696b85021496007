"""What people read of challenges: announcements and ``/challenge status`` (spec/engagement.md 4.1, 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.actors.embeds import Colour
from alphapy.gateway.models.outgoing import EMBED_TOTAL, EMBEDS, Embed, EmbedField, OutgoingMessage
from alphapy.pure.engagement.challenges import Mode, Outcome, progress_bar
from alphapy.pure.text import safe_text, single_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.actors.engagement.challenge_messages import Place, Standing
    from alphapy.pure.engagement.challenges import Challenge, Ended

TITLE_ANNOUNCED: Final = 250
TITLE_SHOWN: Final = 1024
"""Characters of a title, in an announcement and elsewhere."""

MODE_NAMES: Final = {Mode.LEADERBOARD: "leaderboard", Mode.RANDOM: "random draw"}


def counted(number: int, noun: str) -> str:
    """``1 message``, ``2 messages``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def announcement(ended: Ended) -> OutgoingMessage:
    """What is posted when a challenge has ended; nobody is pinged."""
    title = safe_text(ended.challenge.title, TITLE_ANNOUNCED)
    if ended.outcome is not Outcome.WINNER:
        named = f"The challenge **{title}**" if title else "The challenge"
        return OutgoingMessage(content=f"🏁 {named} has ended. Nobody took part, so there is no winner.")
    winner = f"<@{ended.winner_id}>"
    if ended.challenge.mode is Mode.RANDOM:
        text = f"🎉 {winner} wins, drawn from {counted(ended.participants, 'participant')}. Congratulations!"
    else:
        text = f"🎉 {winner} wins with {counted(ended.messages or 0, 'message')}. Congratulations!"
    embed = Embed(title=f"🏆 {title or 'Challenge'}", description=text, color=Colour.SUCCESS)
    return OutgoingMessage(embeds=(embed,))


def result_line(ended: Ended) -> str:
    """How a challenge ended, in one sentence."""
    if ended.outcome is not Outcome.WINNER:
        return "Nobody took part, so there is no winner."
    if ended.challenge.mode is Mode.RANDOM:
        return f"<@{ended.winner_id}> was drawn from {counted(ended.participants, 'participant')}."
    return f"<@{ended.winner_id}> wins with {counted(ended.messages or 0, 'message')}."


def named(challenge: Challenge) -> str:
    """The number of a challenge, and its title where it has one."""
    title = safe_text(challenge.title, 200)
    return f"`#{challenge.id}`" + (f" **{title}**" if title else "")


def status_embeds(standings: Sequence[Standing], now: datetime) -> list[Embed]:
    """An embed for each challenge, as many as fit into one message."""
    embeds: list[Embed] = []
    for standing in standings[:EMBEDS]:
        embed = _status_embed(standing, now)
        if sum(shown.size for shown in embeds) + embed.size > EMBED_TOTAL:
            break
        embeds.append(embed)
    return embeds


def _status_embed(standing: Standing, now: datetime) -> Embed:
    challenge = standing.challenge
    fields = []
    if challenge.title and (title := safe_text(challenge.title, TITLE_SHOWN)):
        fields.append(EmbedField("Title", title))
    channel = "not known" if challenge.channel_id is None else f"<#{challenge.channel_id}>"
    fields += [
        EmbedField("Channel", channel),
        EmbedField("End time", _end(challenge)),
        EmbedField("Progress", f"`{progress_bar(challenge.started_at, challenge.ends_at, now)}`"),
    ]
    if challenge.mode is Mode.LEADERBOARD:
        fields.append(EmbedField("Top 5", _top_lines(standing.top)))
    return Embed(
        title=f"📊 Challenge #{challenge.id}",
        description=(
            f"Active · mode: {MODE_NAMES[challenge.mode]} · {counted(standing.participants, 'participant')}"
        ),
        color=Colour.INFO,
        fields=tuple(fields),
    )


def _end(challenge: Challenge) -> str:
    if challenge.ends_at is None:
        return "now"
    epoch = int(challenge.ends_at.timestamp())
    return f"<t:{epoch}:F> (<t:{epoch}:R>)"


def _top_lines(places: Sequence[Place]) -> str:
    if not places:
        return "Nobody has posted yet."
    return "\n".join(
        f"{rank}. <@{place.user_id}>: {counted(place.messages, 'message')}"
        for rank, place in enumerate(places, start=1)
    )


def chart_description(challenge: Challenge, places: Sequence[Place]) -> str:
    """The chart of a challenge in words, for those who do not see it."""
    figures = "; ".join(
        f"{rank}. {label(place)}: {counted(place.messages, 'message')}"
        for rank, place in enumerate(places, start=1)
    )
    return f"Bar chart, the top {len(places)} of challenge #{challenge.id}: {figures}."


def label(place: Place) -> str:
    """A participant's name, where it is known, on one line."""
    return single_line(place.name)[:60] or f"User {place.user_id}"
