"""What a bot does with an interaction: acknowledge it, answer, edit the answer, follow up."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from alphapy.sandbox.errors import JSON, Code, Problems, invalid_field, refused
from alphapy.sandbox.world import command_form, components, content
from alphapy.sandbox.world.board import EPHEMERAL, LOADING, REPLY, Board, Stored
from alphapy.sandbox.world.interactions import Interaction, Interactions, Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.sandbox.world.files import Upload
    from alphapy.sandbox.world.users import Users

CHAT_INPUT = 20
CHOICES = 25


class Callback(enum.IntEnum):
    """Interaction callback types a bot on the gateway can use."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


class Answers:
    """Applies callbacks and webhook calls to interactions and messages."""

    def __init__(self, users: Users, messages: Board, interactions: Interactions) -> None:
        self._users = users
        self._messages = messages
        self._interactions = interactions

    def respond(
        self, interaction_id: int, token: str, body: JSON, uploads: Iterable[Upload] = ()
    ) -> tuple[Interaction, JSON | None]:
        """The callback of an interaction; returns it with the message it created or changed."""
        interaction = self._interactions.answerable(interaction_id, token)
        kind = self._callback_type(interaction, body)
        data = body.get("data") or {}
        uploads = tuple(uploads)
        state, stored = State.DONE, None
        if kind is Callback.MESSAGE:
            content.check(data, files=len(uploads), new=True)
            stored = self._post(interaction, data, uploads)
        elif kind is Callback.DEFERRED_MESSAGE:
            flags = LOADING | int(data.get("flags") or 0) & EPHEMERAL
            stored = self._post(interaction, {}, (), flags=flags)
            state = State.THINKING
        elif kind in {Callback.DEFERRED_UPDATE, Callback.UPDATE_MESSAGE}:
            interaction.original_id = interaction.source_message_id
            stored = self._messages.by_channel[interaction.place.id].get(interaction.source_message_id or 0)
            if kind is Callback.UPDATE_MESSAGE and stored is not None:
                self._messages.change(stored, interaction.place, data, uploads)
        elif kind is Callback.AUTOCOMPLETE:
            interaction.choices = _checked_choices(interaction, data.get("choices"))
        else:
            components.check_modal(data)
            interaction.modal = data
        interaction.response_type = int(kind)
        interaction.state = state
        if kind in {Callback.MESSAGE, Callback.DEFERRED_MESSAGE} and stored is not None:
            interaction.original_id = stored.id
        self._interactions.tell(interaction)
        shown = None if stored is None else self._messages.json(stored, interaction.application_id)
        return interaction, shown

    def follow_up(self, application_id: int, token: str, body: JSON, uploads: Iterable[Upload] = ()) -> JSON:
        """A further message. The first one after a deferral fills the deferred answer in."""
        interaction = self._interactions.by_webhook(application_id, token)
        if interaction.state is State.THINKING:
            return self.edit(application_id, token, interaction.original_id, body, uploads)
        uploads = tuple(uploads)
        content.check(body, files=len(uploads), new=True)
        stored = self._post(interaction, body, uploads)
        self._interactions.tell(interaction)
        return self._messages.json(stored, application_id)

    def read(self, application_id: int, token: str, message_id: int | None) -> JSON:
        """A message of the interaction; None for the original answer."""
        interaction = self._interactions.by_webhook(application_id, token)
        return self._messages.json(self._message(interaction, message_id), application_id)

    def edit(
        self,
        application_id: int,
        token: str,
        message_id: int | None,
        body: JSON,
        uploads: Iterable[Upload] = (),
    ) -> JSON:
        """Change a message of the interaction, or fill in a deferred answer."""
        interaction = self._interactions.by_webhook(application_id, token)
        stored = self._message(interaction, message_id)
        self._messages.change(stored, interaction.place, body, tuple(uploads))
        if interaction.state is State.THINKING and stored.id == interaction.original_id:
            interaction.state = State.DONE
        self._interactions.tell(interaction)
        return self._messages.json(stored, application_id)

    def delete(self, application_id: int, token: str, message_id: int | None) -> None:
        """Delete a message of the interaction."""
        interaction = self._interactions.by_webhook(application_id, token)
        stored = self._message(interaction, message_id)
        self._messages.remove(stored, interaction.place)
        if stored.id in interaction.message_ids:
            interaction.message_ids.remove(stored.id)
        if interaction.state is State.THINKING and stored.id == interaction.original_id:
            interaction.state = State.DONE
        self._interactions.tell(interaction)

    def _callback_type(self, interaction: Interaction, body: JSON) -> Callback:
        try:
            kind = Callback(int(body.get("type") or 0))
        except ValueError:
            raise invalid_field(
                ("type",), "BASE_TYPE_CHOICES", "Value must be one of (4, 5, 6, 7, 8, 9)."
            ) from None
        on_message = interaction.source_message_id is not None
        fits = {
            Kind.AUTOCOMPLETE: {Callback.AUTOCOMPLETE},
            Kind.COMMAND: {Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.MODAL},
            Kind.COMPONENT: set(Callback) - {Callback.AUTOCOMPLETE},
            Kind.MODAL: {Callback.MESSAGE, Callback.DEFERRED_MESSAGE}
            | ({Callback.DEFERRED_UPDATE, Callback.UPDATE_MESSAGE} if on_message else set()),
        }[interaction.kind]
        if kind not in fits:
            raise invalid_field(
                ("type",), "INTERACTION_CALLBACK_TYPE_INVALID", "This interaction cannot be answered so"
            )
        return kind

    def _post(
        self, interaction: Interaction, body: JSON, uploads: tuple[Upload, ...], *, flags: int | None = None
    ) -> Stored:
        if flags is None:
            flags = int(body.get("flags") or 0)
        private = bool(flags & EPHEMERAL)
        extra = self._provenance(interaction)
        if flags & LOADING:
            extra["flags"] = flags
        stored = self._messages.post(
            interaction.application_id,
            interaction.place,
            body,
            uploads,
            extra=extra,
            seen_by=interaction.user_id if private else None,
        )
        interaction.message_ids.append(stored.id)
        return stored

    def _provenance(self, interaction: Interaction) -> JSON:
        application_id = str(interaction.application_id)
        user = self._users.get(interaction.user_id)
        fields: JSON = {
            "type": CHAT_INPUT if interaction.kind is Kind.COMMAND else 0,
            "webhook_id": application_id,
            "application_id": application_id,
            "interaction_metadata": self._metadata(interaction),
        }
        if interaction.kind is Kind.COMMAND:
            fields["interaction"] = {
                "id": str(interaction.id),
                "type": 2,
                "name": interaction.name,
                "user": user,
            }
        answered = interaction.original_id or interaction.source_message_id
        if answered is not None and answered in self._messages.by_channel.get(interaction.place.id, {}):
            reference: JSON = {
                "type": 0,
                "channel_id": str(interaction.place.id),
                "message_id": str(answered),
            }
            if interaction.place.guild_id is not None:
                reference["guild_id"] = str(interaction.place.guild_id)
            fields |= {"type": REPLY, "message_reference": reference, "referenced_message_of": str(answered)}
        return fields

    def _metadata(self, interaction: Interaction) -> JSON:
        metadata: JSON = {
            "id": str(interaction.id),
            "type": int(interaction.kind),
            "user": self._users.get(interaction.user_id),
            "authorizing_integration_owners": interaction.payload["authorizing_integration_owners"],
        }
        if interaction.kind is Kind.COMMAND:
            metadata["name"] = interaction.name
        if interaction.kind is Kind.COMPONENT:
            metadata["interacted_message_id"] = str(interaction.source_message_id)
        if interaction.opener is not None:
            metadata["triggering_interaction_metadata"] = self._metadata(interaction.opener)
        if interaction.original_id is not None:
            metadata["original_response_message_id"] = str(interaction.original_id)
        return metadata

    def _message(self, interaction: Interaction, message_id: int | None) -> Stored:
        wanted = interaction.original_id if message_id is None else message_id
        mine = {*interaction.message_ids, interaction.original_id}
        stored = self._messages.by_channel.get(interaction.place.id, {}).get(wanted or 0)
        if stored is None or stored.id not in mine:
            raise refused(Code.UNKNOWN_MESSAGE)
        return stored


def _checked_choices(interaction: Interaction, choices: Any) -> list[JSON]:
    problems = Problems()
    listed: list[JSON] = choices or []
    problems.at_most(("data", "choices"), listed, CHOICES)
    kind = _focused_type(interaction.payload["data"].get("options") or [])
    for number, choice in enumerate(listed):
        command_form.check_choice(problems, ("data", "choices", number), choice, kind)
    problems.raise_if_any()
    return listed


def _focused_type(options: list[JSON]) -> int:
    for option in options:
        if option.get("focused"):
            return int(option["type"])
        inner = _focused_type(option.get("options") or [])
        if inner:
            return inner
    return 0
