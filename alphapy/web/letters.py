"""``/api/actors/dead-letters``: messages that crashed their actors, for operators to replay or discard.

What a message holds is shown as an outline: ids, numbers and times, but of texts only the length. Whoever
replays or discards is noted in the log with the id of the request.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
from quart import request

from alphapy.actors.dead_letters.messages import Replay
from alphapy.pure.outline import outline
from alphapy.web.auth.caller import Access
from alphapy.web.errors import request_id
from alphapy.web.forms import refuse_other_sites
from alphapy.web.routing.fields import Clamped, RowId, Text, UtcTime
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.storage.deadletters import ParkedLetter
    from alphapy.web.sources import DeadLetterDesk, Sources

log = logging.getLogger("alphapy.web.letters")

BASE: Final = "/api/actors/dead-letters"
TAG: Final = "Operators"
PAGE: Final = 50

_EVENT: Final = "GatewayEvent"
_SAID: Final = frozenset({"name", "letter", "closes", "seq", "session_id"})
"""Fields of an event that are told elsewhere, or say nothing to anybody."""

TOLD: Final[Mapping[Replay, str]] = {
    Replay.DONE: "Letter {} was replayed: its actor has dealt with it, and the letter is gone.",
    Replay.CRASHED: "Letter {} crashed its actor again and is set aside as before.",
    Replay.SLOW: (
        "Letter {} was replayed, and its actor has not finished with it yet. If the letter is still listed "
        "in a minute, replay it again."
    ),
    Replay.BUSY: (
        "Letter {} was not replayed: its actor takes nothing at the moment, because it is full, is stopping, "
        "or has failed itself. The letter is still there; try again later."
    ),
    Replay.NOBODY: "Letter {} cannot be replayed: this version of Alphapy has no such actor.",
    Replay.UNREADABLE: (
        "Letter {} cannot be replayed: it is not a gateway event, was cut off, or was written by another "
        "version."
    ),
    Replay.GONE: "Letter {} is not there any more: it was replayed or discarded already, or made room.",
}


ALL_TOLD: Final[Mapping[bool, str]] = {
    True: "Replayed and dealt with: {}. What is still listed cannot be replayed, or came meanwhile.",
    False: "Replayed and dealt with: {}. The next one was not dealt with, so the rest was left as it was.",
}
"""By whether all went well."""


@attrs.frozen(kw_only=True)
class LetterRow:
    """A dead letter as an operator sees it."""

    id: int
    address: str
    guild_id: str | None
    kind: str
    """The class of the message; of a gateway event its name."""
    created_at: UtcTime
    attempts: int
    error: str
    payload: dict[str, str]
    """An outline of the message, by the dotted names of its fields."""
    replayable: bool
    """Whether it can be told again at all."""


@attrs.frozen(kw_only=True)
class LetterList:
    """One page of dead letters, the newest first."""

    letters: list[LetterRow]
    count: int
    """How many there are, of the address that was asked for if one was."""
    total: int
    """How many there are in all."""
    kept: int
    """How many are kept at the most; the oldest make room for newer ones."""
    dropped: int
    """How many have made room since the start of the service."""
    next: int | None
    """The ``before`` of the next page; null on the last one."""


@attrs.frozen(kw_only=True)
class LetterOutcome:
    """What became of a letter; ``detail`` is a sentence for a person."""

    id: int
    outcome: str
    detail: str


@attrs.frozen(kw_only=True)
class LettersDiscarded:
    """How many letters of an actor were thrown away."""

    address: str
    discarded: int


@attrs.frozen(kw_only=True)
class LettersReplayed:
    """How many letters of an actor were replayed; ``outcome`` is ``done``, or what stopped it."""

    address: str
    replayed: int
    outcome: str
    detail: str


@attrs.frozen(kw_only=True)
class LettersQuery:
    """Which letters: older than number ``before`` (the ``next`` of the page before), and of one actor."""

    limit: Annotated[int, Clamped(1, 100)] = PAGE
    before: RowId | None = None
    address: Annotated[str, Text(0, 100)] = ""


@attrs.frozen(kw_only=True)
class ActorQuery:
    """Whose letters."""

    address: Annotated[str, Text(1, 100)]


async def list_letters(
    desk: DeadLetterDesk, limit: int, *, before: int | None = None, address: str | None = None
) -> LetterList:
    """A page of letters; raises what the pool raises."""
    page = await desk.page(limit, before=before, address=address or None)
    return LetterList(
        letters=[row_of(letter) for letter in page.letters],
        count=page.count,
        total=page.total,
        kept=desk.kept,
        dropped=desk.dropped,
        next=None if page.is_last else page.letters[-1].id,
    )


async def replay_letter(desk: DeadLetterDesk, number: int) -> LetterOutcome:
    """Have a letter's message told to its actor again."""
    outcome = await desk.replay(number)
    _note("replayed a dead letter", "dead_letter_replayed", letter=number, outcome=outcome.value)
    return LetterOutcome(id=number, outcome=outcome.value, detail=TOLD[outcome].format(number))


async def replay_letters(desk: DeadLetterDesk, address: str) -> LettersReplayed:
    """Have an actor's letters told to it again, the oldest first."""
    count, outcome = await desk.replay_all(address)
    _note(
        "replayed an actor's dead letters",
        "dead_letters_replayed",
        actor=address,
        letters=count,
        outcome=outcome.value,
    )
    detail = ALL_TOLD[outcome is Replay.DONE].format(count)
    return LettersReplayed(address=address, replayed=count, outcome=outcome.value, detail=detail)


async def discard_letter(desk: DeadLetterDesk, number: int) -> LetterOutcome:
    """Throw a letter away."""
    outcome = "discarded" if await desk.discard(number) else Replay.GONE.value
    _note("discarded a dead letter", "dead_letter_discarded", letter=number, outcome=outcome)
    detail = f"Letter {number} was discarded." if outcome == "discarded" else TOLD[Replay.GONE].format(number)
    return LetterOutcome(id=number, outcome=outcome, detail=detail)


async def discard_letters(desk: DeadLetterDesk, address: str) -> LettersDiscarded:
    """Throw all letters of one actor away."""
    count = await desk.discard_all(address)
    _note("discarded an actor's dead letters", "dead_letters_discarded", actor=address, letters=count)
    return LettersDiscarded(address=address, discarded=count)


def row_of(parked: ParkedLetter) -> LetterRow:
    """What an operator sees of a letter."""
    letter = parked.letter
    name = letter.message.get("name") if isinstance(letter.message, dict) else None
    is_event = letter.message_type == _EVENT and isinstance(name, str)
    return LetterRow(
        id=parked.id,
        address=letter.address,
        guild_id=None if letter.guild_id is None else str(letter.guild_id),
        kind=str(name)[:60] if is_event else letter.message_type,
        created_at=parked.created_at,
        attempts=letter.attempts,
        error=letter.error,
        payload=outline(
            {k: v for k, v in letter.message.items() if k not in _SAID} if is_event else letter.message
        ),
        replayable=is_event,
    )


def _note(what: str, event: str, **fields: Any) -> None:
    log.info("an operator %s", what, extra={"event": event, "request_id": request_id(), **fields})


class LetterRoutes:
    """The handlers."""

    def __init__(self, desk: DeadLetterDesk) -> None:
        self._desk = desk

    async def page(self, call: Call) -> Reply:
        """The newest letters."""
        query: LettersQuery = call.query
        found = await list_letters(
            self._desk, query.limit, before=query.before, address=query.address or None
        )
        return Reply(body=found)

    async def replay(self, call: Call) -> Reply:
        """Told again."""
        _refuse_other_sites()
        return Reply(body=await replay_letter(self._desk, call.params["number"]))

    async def discard(self, call: Call) -> Reply:
        """Thrown away."""
        _refuse_other_sites()
        return Reply(body=await discard_letter(self._desk, call.params["number"]))

    async def replay_all(self, call: Call) -> Reply:
        """All letters of one actor told again."""
        _refuse_other_sites()
        query: ActorQuery = call.query
        return Reply(body=await replay_letters(self._desk, query.address))

    async def discard_all(self, call: Call) -> Reply:
        """All letters of one actor thrown away."""
        _refuse_other_sites()
        query: ActorQuery = call.query
        return Reply(body=await discard_letters(self._desk, query.address))


def _refuse_other_sites() -> None:
    refuse_other_sites(request.headers.get)


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    handlers = LetterRoutes(sources.letters)
    return (*_of_many(handlers), *_of_one(handlers))


def _of_many(handlers: LetterRoutes) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path=BASE,
            handler=handlers.page,
            access=Access.OPERATOR,
            tag=TAG,
            summary="Messages that crashed their actors",
            description=(
                "Newest first. `payload` is an outline of the message: ids, numbers and times, but of texts "
                "only the length. `limit` is moved to the nearest value that is accepted."
            ),
            query=LettersQuery,
            answer=LetterList,
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path=f"{BASE}/replay",
            handler=handlers.replay_all,
            access=Access.OPERATOR,
            tag=TAG,
            summary="Tell the dead letters of one actor to it again",
            description=(
                "The oldest first, while each is dealt with and there is time; `outcome` is `done`, or says "
                "what became of the one at which it stopped."
            ),
            query=ActorQuery,
            answer=LettersReplayed,
            errors=("forbidden", "db_unavailable"),
        ),
        Route(
            method="POST",
            path=f"{BASE}/discard",
            handler=handlers.discard_all,
            access=Access.OPERATOR,
            tag=TAG,
            summary="Discard all dead letters of one actor",
            query=ActorQuery,
            answer=LettersDiscarded,
            errors=("forbidden", "db_unavailable"),
        ),
    )


def _of_one(handlers: LetterRoutes) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path=f"{BASE}/{{number}}/replay",
            handler=handlers.replay,
            access=Access.OPERATOR,
            tag=TAG,
            summary="Tell a dead letter to its actor again",
            description=(
                "Waits some seconds for what becomes of it. `outcome` is `done`, `crashed`, `slow`, `busy`, "
                "`nobody`, `unreadable` or `gone`; only with `done` and `gone` is the letter not there any "
                "more. Asking twice at once replays it once."
            ),
            params={"number": RowId},
            answer=LetterOutcome,
            errors=("forbidden", "db_unavailable"),
        ),
        Route(
            method="POST",
            path=f"{BASE}/{{number}}/discard",
            handler=handlers.discard,
            access=Access.OPERATOR,
            tag=TAG,
            summary="Discard a dead letter",
            description="`outcome` is `discarded`, or `gone` where there is no such letter any more.",
            params={"number": RowId},
            answer=LetterOutcome,
            errors=("forbidden", "db_unavailable"),
        ),
    )
