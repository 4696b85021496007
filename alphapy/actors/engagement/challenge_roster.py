"""The active challenges of one guild in memory, with absolute counts (spec/engagement.md 5.1).

It is the truth about counts while the guild's actor lives; what it says has changed is stored by and by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.actors.engagement.challenge_messages import Place, Standing
from alphapy.pure.engagement.challenges import HIGHEST_COUNT, Challenge, Mode, top
from alphapy.storage.engagement_rows import ParticipantRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alphapy.actors.engagement.part import Post
    from alphapy.pure.ids import ChannelId, UserId
    from alphapy.storage.engagement_challenges import Active

MOST_NAMES: Final = 5_000
"""Names of participants that are remembered for charts."""


class Roster:
    """See the module."""

    def __init__(self, active: Iterable[Active] = ()) -> None:
        self._active: dict[int, Active] = {}
        self._by_channel: dict[ChannelId, tuple[Active, ...]] = {}
        self._names: dict[UserId, str] = {}
        self.replace(active)

    def __iter__(self) -> Iterator[Active]:
        """All of them, by id."""
        return iter([self._active[challenge_id] for challenge_id in sorted(self._active)])

    def __bool__(self) -> bool:
        return bool(self._active)

    def get(self, challenge_id: int) -> Active | None:
        """The active challenge of this id."""
        return self._active.get(challenge_id)

    def newest(self) -> Active | None:
        """The active challenge of the highest id."""
        return self._active[max(self._active)] if self._active else None

    def replace(self, active: Iterable[Active]) -> None:
        """Let these be the active challenges."""
        self._active = {one.challenge.id: one for one in active}
        self._by_channel = {}
        for one in self._active.values():
            channel_id = one.challenge.channel_id
            if channel_id is not None:
                self._by_channel[channel_id] = (*self._by_channel.get(channel_id, ()), one)

    def put(self, one: Active) -> None:
        """Add a challenge, or put it in place of what it was."""
        self.replace({**self._active, one.challenge.id: one}.values())

    def drop(self, challenge_id: int) -> None:
        """This one is active no more."""
        self.replace([one for one in self._active.values() if one.challenge.id != challenge_id])

    def forget(self, user_id: UserId) -> None:
        """Nobody of this id takes part any more."""
        self._names.pop(user_id, None)
        for one in self._active.values():
            one.counts.pop(user_id, None)

    def count(self, posts: Sequence[Post]) -> list[ParticipantRow]:
        """Count these posts wherever they count; the rows that changed by that, each once."""
        if not self._by_channel:
            return []
        rows: dict[tuple[int, ...], ParticipantRow] = {}
        for post in posts:
            for one in self._by_channel.get(post.channel_id, ()):
                if one.challenge.counts(post.channel_id, post.at):
                    self._names_of(post)
                    before = one.counts.get(post.author_id)
                    after = after_message(one.challenge.mode, before)
                    if after != before:
                        one.counts[post.author_id] = after
                        row = ParticipantRow(one.challenge.id, post.author_id, after)
                        rows[row.key] = row
        return list(rows.values())

    def standings(self) -> tuple[Standing, ...]:
        """How all of them stand, by id."""
        return tuple(self._standing(one.challenge, one.counts) for one in self)

    def _standing(self, challenge: Challenge, counts: dict[UserId, int]) -> Standing:
        places = top(counts) if challenge.mode is Mode.LEADERBOARD else []
        return Standing(
            challenge=challenge,
            participants=len(counts),
            top=tuple(
                Place(place.user_id, place.messages, self._names.get(place.user_id, "")) for place in places
            ),
        )

    def _names_of(self, post: Post) -> None:
        if post.author_id not in self._names and len(self._names) >= MOST_NAMES:
            del self._names[next(iter(self._names))]
        self._names[post.author_id] = post.event.author_name


def after_message(mode: Mode, before: int | None) -> int:
    """A participant's count after one message more; None: they did not take part."""
    if mode is Mode.RANDOM:
        return before or 0
    return min((before or 0) + 1, HIGHEST_COUNT)
