"""The one answer that an interaction gets, and what may follow it.

Discord wants a first answer within three seconds and lets the token be used for fifteen minutes. A first
answer is a reply, an update of the message that a component is on, a modal, or the promise of one of the
first two (a deferral). What a later call means depends on it, so all of them go through one lock.

When it fails: an answer that Discord does not take any more raises :class:`InteractionLost`. A first answer
that is in doubt (no response from Discord) leaves the interaction unanswered; if the next attempt learns that
something has arrived, it counts as what was sent before.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.gateway.models.interaction import InteractionType
from alphapy.gateway.models.outgoing import EPHEMERAL, File, OutgoingMessage
from alphapy.gateway.refusals import TooLate
from alphapy.gateway.rest.errors import (
    ALREADY_ACKNOWLEDGED,
    UNKNOWN_MESSAGE,
    DiscordError,
    DiscordErrorKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.gateway.models.component import Modal
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.pure.ids import ApplicationId, InteractionId

FIRST_ANSWER_WITHIN: Final = 3.0
"""Seconds that Discord waits for the first answer."""

TOKEN_LIFETIME: Final = 15 * 60.0
"""Seconds for which Discord takes further answers."""

INVALID_WEBHOOK_TOKEN: Final = 50027


class CallbackType(enum.IntEnum):
    """Kinds of first answers."""

    REPLY = 4
    DEFERRED_REPLY = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


class Stage(enum.Enum):
    """What Discord, and so the member, has seen of the answer."""

    UNANSWERED = enum.auto()
    REPLY_PROMISED = enum.auto()
    UPDATE_PROMISED = enum.auto()
    REPLIED = enum.auto()
    UPDATED = enum.auto()
    MODAL_OPENED = enum.auto()
    LOST = enum.auto()


_STAGES: Mapping[CallbackType, Stage] = {
    CallbackType.REPLY: Stage.REPLIED,
    CallbackType.DEFERRED_REPLY: Stage.REPLY_PROMISED,
    CallbackType.DEFERRED_UPDATE: Stage.UPDATE_PROMISED,
    CallbackType.UPDATE: Stage.UPDATED,
    CallbackType.AUTOCOMPLETE: Stage.REPLIED,
    CallbackType.MODAL: Stage.MODAL_OPENED,
}


_CAN_KEEP_A_PROMISE = frozenset({CallbackType.REPLY, CallbackType.DEFERRED_REPLY, CallbackType.MODAL})
"""First answers in whose place a promised one can be filled in; for a modal it is too late then."""

_PROMISES = frozenset({Stage.REPLY_PROMISED, Stage.UPDATE_PROMISED})


class InteractionCalls(Protocol):
    """What answers need of Discord's REST interface; every call raises DiscordError."""

    async def respond(
        self,
        interaction_id: InteractionId,
        token: str,
        response: Mapping[str, Any],
        *,
        files: Sequence[File] = (),
        within: float = FIRST_ANSWER_WITHIN,
    ) -> None:
        """Give the first answer, with no attempt later than ``within`` seconds from now."""
        ...

    async def edit_original(
        self, application_id: ApplicationId, token: str, message: OutgoingMessage
    ) -> object:
        """Change the first answer, or the message that was updated."""
        ...

    async def promise(self, application_id: ApplicationId, token: str) -> int | None:
        """The flags of the first answer where it is a promise that is not kept yet; else None."""
        ...

    async def follow_up(self, application_id: ApplicationId, token: str, message: OutgoingMessage) -> object:
        """Send one more message."""
        ...

    async def delete_original(self, application_id: ApplicationId, token: str) -> object:
        """Remove the first answer."""
        ...


@attrs.frozen(str=False)
class InteractionLost(Exception):
    """Discord takes no answer to this interaction any more; ``why`` is for the log."""

    why: str

    @override
    def __str__(self) -> str:
        return self.why


@attrs.frozen(str=False)
class AnswerMisuse(Exception):
    """A handler asked for an answer that cannot be given at this stage: a programming error."""

    what: str

    @override
    def __str__(self) -> str:
        return self.what


class Answer:
    """The answer to one interaction. ``received_at`` is Trio's time at which the socket delivered it.

    ``may_update``: it may change the message that its component is on.
    """

    def __init__(
        self,
        interaction: Interaction,
        calls: InteractionCalls,
        received_at: float,
        *,
        may_update: bool = False,
    ) -> None:
        self.may_update = may_update and interaction.message is not None
        self.stage = Stage.UNANSWERED
        self._interaction = interaction
        self._calls = calls
        self._received_at = received_at
        self._lock = trio.Lock()
        self._in_doubt: Stage | None = None
        self._promised_ephemeral = False
        self._promised_for_the_handler = False

    async def reply(self, message: OutgoingMessage, *, ephemeral: bool) -> None:
        """Reply: as the first answer, in place of the promised one, or as one more message."""
        message = attrs.evolve(message, ephemeral=ephemeral)
        async with self._lock:
            if self.stage is Stage.UNANSWERED and await self._first(
                CallbackType.REPLY, message.to_json(), message.files
            ):
                return
            self._check_usable()
            if self.stage is Stage.REPLY_PROMISED:
                await self._keep_promise(message)
            else:
                await self._later(self._calls.follow_up, message)

    async def revise(self, message: OutgoingMessage) -> None:
        """Turn the reply into this one. Raises AnswerMisuse where there is none yet."""
        async with self._lock:
            self._check_usable()
            if self.stage is not Stage.REPLIED:
                raise AnswerMisuse("there is no reply yet that could be revised")
            await self._later(self._calls.edit_original, message)

    async def follow_up(self, message: OutgoingMessage, *, ephemeral: bool) -> None:
        """Send one more message; the reply itself where there has been none."""
        await self.reply(message, ephemeral=ephemeral)

    async def update(self, message: OutgoingMessage) -> None:
        """Turn the message that the component is on into this one. Raises AnswerMisuse where it may not."""
        if not self.may_update:
            raise AnswerMisuse(
                "this interaction may not update a message; its route declares whether it does"
            )
        async with self._lock:
            if self.stage is Stage.UNANSWERED and await self._first(
                CallbackType.UPDATE, message.to_edit_json(), message.files
            ):
                return
            self._check_usable()
            if self.stage not in {Stage.UPDATE_PROMISED, Stage.UPDATED}:
                raise AnswerMisuse(f"a message cannot be updated once the answer is {self.stage.name}")
            await self._later(self._calls.edit_original, message)
            self.stage = Stage.UPDATED

    async def defer(self, *, ephemeral: bool, automatically: bool = False) -> None:
        """Promise an update if that is allowed, else a reply. Does nothing once there is an answer."""
        kind = CallbackType.DEFERRED_UPDATE if self.may_update else CallbackType.DEFERRED_REPLY
        async with self._lock:
            if self.stage is not Stage.UNANSWERED:
                return
            self._promised_ephemeral = ephemeral
            self._promised_for_the_handler = automatically
            data = {"flags": EPHEMERAL} if ephemeral and kind is CallbackType.DEFERRED_REPLY else None
            await self._first(kind, data)

    async def modal(self, modal: Modal) -> None:
        """Open a modal, as the first answer only.

        Raises TooLate when the framework had to promise something else meanwhile, and AnswerMisuse when the
        handler itself did, or when a submitted modal is to be answered with another one.
        """
        if self._interaction.type == InteractionType.MODAL:
            raise AnswerMisuse("a submitted modal cannot be answered with a modal")
        async with self._lock:
            if self.stage is Stage.UNANSWERED and await self._first(CallbackType.MODAL, modal.to_json()):
                return
            self._check_usable()
            if self._promised_for_the_handler and self.stage in _PROMISES:
                raise TooLate
            raise AnswerMisuse(f"a modal can be the first answer only, and this one is {self.stage.name}")

    async def suggest(self, choices: Sequence[Mapping[str, Any]]) -> None:
        """Answer a request for suggestions."""
        async with self._lock:
            await self._first(CallbackType.AUTOCOMPLETE, {"choices": list(choices)})

    async def dismiss(self) -> None:
        """Take the answer, or the promise of one, away again."""
        await self.defer(ephemeral=True)
        async with self._lock:
            self._check_usable()
            if self.stage in {Stage.REPLY_PROMISED, Stage.REPLIED}:
                await self._calls.delete_original(self._interaction.application_id, self._interaction.token)
                self.stage = Stage.REPLIED

    async def wait_settled(self) -> Stage:
        """The stage once no call is under way."""
        async with self._lock:
            return self.stage

    async def _keep_promise(self, message: OutgoingMessage) -> None:
        """Fill in the promised reply, or replace it by one with the right visibility."""
        if message.ephemeral == self._promised_ephemeral:
            await self._later(self._calls.edit_original, message)
        else:
            await self._calls.delete_original(self._interaction.application_id, self._interaction.token)
            await self._later(self._calls.follow_up, message)
        self.stage = Stage.REPLIED

    async def _first(
        self, kind: CallbackType, data: Mapping[str, Any] | None, files: Sequence[File] = ()
    ) -> bool:
        """Give the first answer; False when it turns out that one has been given, or promised, before."""
        self._check_type(kind)
        remaining = self._received_at + FIRST_ANSWER_WITHIN - trio.current_time()
        if remaining <= 0:
            if self._in_doubt is None:
                raise self._lose(f"no answer within {FIRST_ANSWER_WITHIN:g} s")
            self.stage = self._in_doubt
            return False
        response: dict[str, Any] = {"type": int(kind)}
        if data is not None:
            response["data"] = data
        try:
            await self._calls.respond(
                self._interaction.id,
                self._interaction.token,
                response,
                files=files,
                within=remaining,
            )
        except DiscordError as error:
            if error.code == ALREADY_ACKNOWLEDGED and self._in_doubt is not None:
                self.stage = self._in_doubt
                return False
            if error.code == ALREADY_ACKNOWLEDGED and await self._take_over(kind):
                return False
            if error.code == ALREADY_ACKNOWLEDGED or error.kind is DiscordErrorKind.NOT_FOUND:
                raise self._lose(str(error)) from error
            if error.in_doubt:
                self._in_doubt = _STAGES[kind]
            raise
        self.stage = _STAGES[kind]
        return True

    async def _take_over(self, kind: CallbackType) -> bool:
        """Keep the promise that a process before this one gave; False where it gave none, or kept it."""
        if kind not in _CAN_KEEP_A_PROMISE:
            return False
        interaction = self._interaction
        try:
            flags = await self._calls.promise(interaction.application_id, interaction.token)
        except DiscordError:
            return False
        if flags is None:
            return False
        self._promised_ephemeral = bool(flags & EPHEMERAL)
        self._promised_for_the_handler = True
        self.stage = Stage.REPLY_PROMISED
        return True

    def _check_type(self, kind: CallbackType) -> None:
        suggests = self._interaction.type == InteractionType.AUTOCOMPLETE
        if suggests is not (kind is CallbackType.AUTOCOMPLETE):
            raise AnswerMisuse("suggestions answer a request for suggestions, and nothing else does")

    def _check_usable(self) -> None:
        if self.stage is Stage.LOST:
            raise InteractionLost("Discord has taken no answer before")
        if trio.current_time() - self._received_at > TOKEN_LIFETIME:
            raise self._lose("its token has expired")

    def _lose(self, why: str) -> InteractionLost:
        self.stage = Stage.LOST
        return InteractionLost(why)

    async def _later(self, call: _LaterCall, message: OutgoingMessage) -> None:
        """A call with the token. A message that somebody has deleted meanwhile has no reader: no error."""
        try:
            await call(self._interaction.application_id, self._interaction.token, message)
        except DiscordError as error:
            if error.code == UNKNOWN_MESSAGE:
                return
            if error.kind is DiscordErrorKind.NOT_FOUND or error.code == INVALID_WEBHOOK_TOKEN:
                raise self._lose(str(error)) from error
            raise


class _LaterCall(Protocol):
    async def __call__(
        self, application_id: ApplicationId, token: str, message: OutgoingMessage, /
    ) -> object: ...
