"""Interactions: made when a person uses a command, a component or a modal; answered with their token.

Life: WAITING until the bot acknowledges; then DONE, or THINKING until a deferred answer is filled in; FAILED
when three seconds pass without an acknowledgement, or fifteen minutes without the deferred answer.
Interactions are not saved: their tokens die with the sandbox, as they would with fifteen minutes' absence.
"""

from __future__ import annotations

import enum
import secrets
from functools import partial
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world.command_form import SUB_COMMAND, SUB_COMMAND_GROUP
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.guilds import Guilds, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users

_NESTING = frozenset({SUB_COMMAND, SUB_COMMAND_GROUP})
KEPT = 5000
"""Interactions remembered; the oldest go first."""


class Kind(enum.IntEnum):
    """Interaction types."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class State(enum.Enum):
    """Where an interaction stands, as its person sees it."""

    WAITING = "waiting"
    THINKING = "thinking"
    DONE = "done"
    FAILED = "failed"


@attrs.define
class Interaction:
    """One interaction. Instants are on the monotonic clock, in seconds."""

    id: int
    token: str
    kind: Kind
    application_id: int
    user_id: int
    place: Place
    created: float
    payload: JSON
    source_message_id: int | None = None
    opener: Interaction | None = None
    """The interaction that opened the modal which this one submits."""
    state: State = State.WAITING
    response_type: int | None = None
    original_id: int | None = None
    message_ids: list[int] = attrs.field(factory=list)
    modal: JSON | None = None
    choices: list[JSON] | None = None

    @property
    def name(self) -> str:
        """The command's full name with its sub-commands, such as ``cc add``; empty for other kinds."""
        data = self.payload["data"]
        words = [str(data["name"])] if "name" in data else []
        while (inner := (data.get("options") or [{}])[0]).get("type") in _NESTING:
            words.append(str(inner["name"]))
            data = inner
        return " ".join(words)


class Interactions:
    """Makes interactions, knows them by id and token, and lets them expire."""

    def __init__(
        self,
        ids: Snowflakes,
        feed: Feed,
        users: Users,
        guilds: Guilds,
        access: Access,
        tuning: Tuning,
        monotonic: Callable[[], float],
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._tuning = tuning
        self._monotonic = monotonic
        self.known: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}
        self._open: dict[int, Interaction] = {}

    def create(
        self,
        kind: Kind,
        application_id: int,
        user_id: int,
        place: Place,
        data: JSON,
        *,
        message: JSON | None = None,
        opener: Interaction | None = None,
    ) -> Interaction:
        """A new interaction, sent to the application's gateway sessions."""
        interaction = Interaction(
            id=self._ids.next(),
            token=secrets.token_urlsafe(60),
            kind=kind,
            application_id=application_id,
            user_id=user_id,
            place=place,
            created=self._monotonic(),
            payload={"data": data},
            source_message_id=None if message is None else int(message["id"]),
            opener=opener,
        )
        interaction.payload = self._payload(interaction, data, message)
        self.known[interaction.id] = interaction
        self._by_token[interaction.token] = interaction
        self._open[interaction.id] = interaction
        while len(self.known) > KEPT:
            forgotten = self.known.pop(next(iter(self.known)))
            del self._by_token[forgotten.token]
            self._open.pop(forgotten.id, None)
        self._feed.emit(
            Happening(
                name="INTERACTION_CREATE",
                data=interaction.payload,
                guild_id=place.guild_id,
                application_id=application_id,
                users=frozenset({application_id}),
            )
        )
        self.tell(interaction)
        return interaction

    def answerable(self, interaction_id: int, token: str) -> Interaction:
        """The interaction of a callback: 10062 when unknown or too late, 40060 when acknowledged before."""
        interaction = self.known.get(interaction_id)
        if interaction is None or not secrets.compare_digest(interaction.token, token):
            raise refused(Code.UNKNOWN_INTERACTION)
        self.expire()
        if interaction.state is State.FAILED:
            raise refused(Code.UNKNOWN_INTERACTION)
        if interaction.response_type is not None:
            raise refused(Code.ALREADY_ACKNOWLEDGED)
        return interaction

    def by_webhook(self, application_id: int, token: str) -> Interaction:
        """The interaction of a token: 10015 when unknown or not acknowledged, 50027 after 15 minutes."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.application_id != application_id:
            raise refused(Code.UNKNOWN_WEBHOOK)
        self.expire()
        if self._monotonic() >= interaction.created + self._tuning.token_lifetime:
            raise refused(Code.INVALID_WEBHOOK_TOKEN)
        if interaction.response_type is None:
            raise refused(Code.UNKNOWN_WEBHOOK)
        return interaction

    def expire(self) -> None:
        """Fail what has waited too long; those interested are told."""
        now = self._monotonic()
        for interaction in tuple(self._open.values()):
            deadline = self._deadline(interaction)
            if deadline is not None and now >= deadline:
                interaction.state = State.FAILED
                self.tell(interaction)

    def forget_all(self) -> None:
        """None of them is known any more: the world has become another."""
        for known in (self.known, self._by_token, self._open):
            known.clear()

    async def run(self) -> None:
        """Let interactions expire on time, for as long as the sandbox runs."""
        while True:
            deadline = self._next_deadline()
            with trio.move_on_after(max(deadline - self._monotonic(), 0.0)):
                await self._feed.wait_until(partial(self._comes_before, deadline))
            self.expire()

    def tell(self, interaction: Interaction) -> None:
        """Show the person where their interaction stands."""
        self._feed.emit(
            Happening(
                name="INTERACTION_STATE",
                data={
                    "id": str(interaction.id),
                    "kind": int(interaction.kind),
                    "state": interaction.state.value,
                    "name": interaction.name,
                    "application_id": str(interaction.application_id),
                    "channel_id": str(interaction.place.id),
                    "source_message_id": interaction.source_message_id and str(interaction.source_message_id),
                    "message_ids": [str(message_id) for message_id in interaction.message_ids],
                    "modal": interaction.modal,
                },
                users=frozenset({interaction.user_id}),
                gateway=False,
            )
        )

    def _next_deadline(self) -> float:
        """When the next interaction fails, or an hour from now; settled ones are dropped on the way."""
        soonest = self._monotonic() + 3600
        for interaction in tuple(self._open.values()):
            deadline = self._deadline(interaction)
            if deadline is None:
                del self._open[interaction.id]
            else:
                soonest = min(soonest, deadline)
        return soonest

    def _comes_before(self, deadline: float) -> bool:
        return self._next_deadline() < deadline

    def _deadline(self, interaction: Interaction) -> float | None:
        if interaction.state is State.WAITING:
            return interaction.created + self._tuning.acknowledge_within
        if interaction.state is State.THINKING:
            return interaction.created + self._tuning.token_lifetime
        return None

    def _payload(self, interaction: Interaction, data: JSON, message: JSON | None) -> JSON:
        place, user_id = interaction.place, interaction.user_id
        user = self._users.get(user_id)
        payload: JSON = {
            "id": str(interaction.id),
            "application_id": str(interaction.application_id),
            "type": int(interaction.kind),
            "data": data,
            "channel_id": str(place.id),
            "channel": self._guilds.channel_json(place.channel, interaction.application_id),
            "token": interaction.token,
            "version": 1,
            "locale": "en-US",
            "app_permissions": str(self._access.rights(interaction.application_id, place)),
            "entitlements": [],
            "entitlement_sku_ids": [],
            "attachment_size_limit": 10_485_760,
        }
        if place.guild is None:
            payload |= {"user": user, "context": 1, "authorizing_integration_owners": {"0": "0"}}
        else:
            rights = self._access.rights(user_id, place)
            payload |= {
                "guild_id": str(place.guild.id),
                "guild": {
                    "id": str(place.guild.id),
                    "locale": "en-US",
                    "features": place.guild.record["features"],
                },
                "guild_locale": place.guild.record["preferred_locale"],
                "member": {**place.guild.members[user_id], "user": user, "permissions": str(rights)},
                "context": 0,
                "authorizing_integration_owners": {"0": str(place.guild.id)},
            }
        if message is not None:
            payload["message"] = message
        return payload
