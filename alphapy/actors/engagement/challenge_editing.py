"""Changes of an active challenge: stored first, then in memory (spec/engagement.md 4.1, "edit")."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.engagement.challenge_messages import (
    AddParticipant,
    Change,
    Edited,
    NotActive,
    NotEdited,
    RemoveParticipant,
    SetCount,
    SetMode,
    SetRemaining,
    SetTitle,
)
from alphapy.actors.engagement.challenge_roster import after_message
from alphapy.pure.engagement.challenges import Challenge, Mode
from alphapy.storage import engagement_challenges as storage

if TYPE_CHECKING:
    from alphapy.actors.engagement.challenge_roster import Roster
    from alphapy.actors.engagement.part import Host
    from alphapy.pure.ids import UserId
    from alphapy.storage.engagement_challenges import Active
    from alphapy.storage.transaction import Transaction


class Editing:
    """Changes the challenges of one guild."""

    def __init__(self, host: Host, roster: Roster) -> None:
        self._host = host
        self._roster = roster

    async def edit(self, active: Active, change: Change) -> Edited | NotActive | NotEdited:
        """Make a change, in the database and then in memory."""
        challenge = active.challenge
        match change:
            case SetMode(mode):
                return await self._change(active, attrs.evolve(challenge, mode=mode))
            case SetTitle(title):
                return await self._change(active, attrs.evolve(challenge, title=title))
            case SetRemaining(seconds):
                ends_at = self._host.clock.now() + timedelta(seconds=seconds)
                return await self._change(active, attrs.evolve(challenge, ends_at=ends_at))
            case AddParticipant(user_id):
                return await self._set(
                    active, user_id, after_message(challenge.mode, active.counts.get(user_id))
                )
            case SetCount(user_id, count):
                if challenge.mode is Mode.RANDOM:
                    return NotEdited.DRAWN
                return await self._set(active, user_id, count)
            case RemoveParticipant(user_id):
                return await self._remove(active, user_id)

    async def _change(self, active: Active, changed: Challenge) -> Edited | NotActive:
        done = False

        async def write(tx: Transaction) -> None:
            nonlocal done
            done = await storage.change(tx, self._host.guild_id, changed)

        await self._host.commit(write=write)
        if not done:
            self._roster.drop(changed.id)
            return NotActive.OVER
        self._roster.put(storage.Active(changed, active.counts))
        return Edited(changed)

    async def _set(self, active: Active, user_id: UserId, count: int) -> Edited:
        guild_id, challenge = self._host.guild_id, active.challenge
        await self._host.commit(
            write=lambda tx: storage.set_participant(tx, guild_id, challenge.id, user_id, count)
        )
        active.counts[user_id] = count
        return Edited(challenge, count)

    async def _remove(self, active: Active, user_id: UserId) -> Edited | NotEdited:
        if user_id not in active.counts:
            return NotEdited.ABSENT
        guild_id, challenge = self._host.guild_id, active.challenge
        await self._host.commit(
            write=lambda tx: storage.remove_participant(tx, guild_id, challenge.id, user_id)
        )
        del active.counts[user_id]
        return Edited(challenge)
