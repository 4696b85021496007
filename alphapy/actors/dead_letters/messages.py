"""What an operator sees of dead letters, and what comes of having one told again."""

from __future__ import annotations

import enum

import attrs

from alphapy.storage.deadletters import ParkedLetter


@attrs.frozen(kw_only=True)
class LetterPage:
    """Some letters, the newest first."""

    letters: tuple[ParkedLetter, ...]
    is_last: bool
    count: int
    """How many there are, of the actor that was asked for if one was."""
    total: int
    """How many there are of everybody."""


class Replay(enum.Enum):
    """What became of a letter that was to be told again."""

    DONE = "done"
    """Its actor has dealt with it, and the letter is gone."""
    CRASHED = "crashed"
    """It crashed its actor again, and is set aside as before."""
    SLOW = "slow"
    """Its actor has not come to it, or is still at it. The letter is there until it is done."""
    BUSY = "busy"
    """Its actor takes nothing now: it is full, stopping, or has failed. The letter is there."""
    NOBODY = "nobody"
    """This version has no such actor. The letter is there."""
    UNREADABLE = "unreadable"
    """It cannot be made a message again: not a gateway event, cut off, or of another version."""
    GONE = "gone"
    """There is no such letter: it was replayed or discarded before, or made room for newer ones."""
