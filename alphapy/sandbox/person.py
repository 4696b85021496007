"""A person in front of a Discord client: what they can do and see. The page, the demo and the tests use it.

A client refuses some things by itself, before anything is sent: an unknown command, a missing option, a
disabled button. That is a :class:`ClientRefusal`. What Discord refuses is
:class:`alphapy.sandbox.errors.Refused`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from alphapy.sandbox.errors import JSON
from alphapy.sandbox.invoking import (
    ClientRefusal,
    check_values,
    component_data,
    filled,
    filled_modal,
    find_command,
    modal_fields,
)
from alphapy.sandbox.world import components
from alphapy.sandbox.world.board import LOADING, Stored
from alphapy.sandbox.world.interactions import Interaction, Kind, State
from alphapy.sandbox.world.permissions import Right

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from alphapy.sandbox.world.world import World

WITHIN = 20.0
"""Seconds that a person waits for an answer before giving up."""


class NoAnswer(Exception):
    """What a person waited for did not come."""


@attrs.frozen
class ModalView:
    """An open modal: its interaction, its title and the fields to fill."""

    interaction_id: int
    raw: JSON

    @property
    def custom_id(self) -> str:
        """The modal's custom id."""
        return str(self.raw["custom_id"])

    @property
    def title(self) -> str:
        """The heading."""
        return str(self.raw["title"])

    @property
    def fields(self) -> dict[str, JSON]:
        """The inputs by custom id, in their order; each with its ``label``."""
        return modal_fields(self.raw)


@attrs.frozen
class InteractionView:
    """What a person sees of their interaction."""

    person: Person
    interaction: Interaction

    @property
    def id(self) -> int:
        """The interaction's id."""
        return self.interaction.id

    @property
    def state(self) -> State:
        """Waiting, thinking, done or failed."""
        return self.interaction.state

    @property
    def failed(self) -> bool:
        """Whether the client shows "The application did not respond"."""
        return self.interaction.state is State.FAILED

    @property
    def messages(self) -> list[JSON]:
        """The answers there are by now, private ones too, in order; not those still being thought about."""
        return [message for message in self._answers() if not message["flags"] & LOADING]

    @property
    def modal(self) -> ModalView | None:
        """The modal that opened, if one did."""
        raw = self.interaction.modal
        return None if raw is None else ModalView(self.interaction.id, raw)

    @property
    def choices(self) -> list[JSON] | None:
        """The suggestions of an autocomplete."""
        return self.interaction.choices

    async def wait_reply(self, within: float = WITHIN, *, count: int = 1) -> JSON:
        """The count-th answer as soon as it is there; :class:`NoAnswer` if it failed or takes too long."""
        await self._wait(lambda: len(self.messages) >= count, within, "a reply")
        return self.messages[count - 1]

    async def wait_modal(self, within: float = WITHIN) -> ModalView:
        """The modal as soon as it is open."""
        await self._wait(lambda: self.modal is not None, within, "a modal")
        modal = self.modal
        if modal is None:
            raise NoAnswer("no modal came")
        return modal

    async def wait_done(self, within: float = WITHIN) -> None:
        """Return once the interaction is answered for good, whichever way."""
        await self._wait(lambda: self.state is State.DONE, within, "an end")

    async def wait_failed(self, within: float = WITHIN) -> None:
        """Return once the client gives the interaction up."""
        with trio.move_on_after(within) as scope:
            await self.person.world.feed.wait_until(lambda: self.failed)
        if scope.cancelled_caught:
            raise NoAnswer(f"the interaction is {self.state.value} after {within} s, not failed")

    async def _wait(self, condition: Callable[[], bool], within: float, what: str) -> None:
        with trio.move_on_after(within) as scope:
            await self.person.world.feed.wait_until(lambda: condition() or self.failed)
        if scope.cancelled_caught:
            raise NoAnswer(f"no sign of {what} within {within} s; the interaction is {self.state.value}")
        if not condition():
            raise NoAnswer("The application did not respond")

    def _answers(self) -> Iterable[JSON]:
        here = self.person.world.messages.by_channel.get(self.interaction.place.id, {})
        for message_id in self.interaction.message_ids:
            if message_id in here:
                yield self.person.world.messages.json(here[message_id], self.person.id)


class Person:
    """One member at their client."""

    def __init__(self, world: World, user_id: int) -> None:
        self.world = world
        self.id = user_id

    @property
    def user(self) -> JSON:
        """Their user object."""
        return self.world.users.get(self.id)

    @property
    def name(self) -> str:
        """The name that others see."""
        return str(self.user["global_name"] or self.user["username"])

    def say(self, channel_id: int, content: str, *, reply_to: int | None = None, **fields: Any) -> JSON:
        """Write a message; further fields of the body may be given."""
        body: JSON = {"content": content, **fields}
        if reply_to is not None:
            body["message_reference"] = {"message_id": str(reply_to), "channel_id": str(channel_id)}
        return self.world.messages.create(self.id, channel_id, body)

    def edit(self, channel_id: int, message_id: int, content: str) -> JSON:
        """Change one's own message."""
        return self.world.messages.edit(self.id, channel_id, message_id, {"content": content})

    def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message, or dismiss a private answer."""
        self.world.messages.delete(self.id, channel_id, message_id)

    def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Put a reaction on a message."""
        self.world.reactions.add(self.id, channel_id, message_id, emoji)

    def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take one's reaction back."""
        self.world.reactions.remove(self.id, channel_id, message_id, emoji, self.id)

    def invite(self, channel_id: int, **body: Any) -> str:
        """Make an invite to a channel, another than any before; returns its code."""
        return str(self.world.invites.create(self.id, channel_id, {"unique": True, **body})["code"])

    def join(self, code: str) -> None:
        """Join a guild by an invite."""
        self.world.invites.follow(self.id, code)

    def type(self, channel_id: int) -> None:
        """Show that one is typing."""
        self.world.channels.type(self.id, channel_id)

    def direct(self, other_id: int) -> int:
        """The id of the direct message channel with somebody."""
        return int(self.world.guilds.open_direct(self.id, other_id)["id"])

    def guilds(self) -> list[JSON]:
        """The guilds one belongs to: id, name, owner."""
        known = self.world.guilds
        return [
            {"id": str(guild_id), "name": known.idle.get(guild_id) or known.get(guild_id).name}
            for guild_id in known.of_user(self.id)
        ]

    def channels(self, guild_id: int) -> list[JSON]:
        """The channels of a guild that one sees, in the order of the list."""
        guild = self.world.guilds.get(guild_id)
        places = [self.world.guilds.place(channel_id) for channel_id in guild.channels]
        seen = [p.channel for p in places if self.world.access.rights(self.id, p) & Right.VIEW_CHANNEL]
        return sorted(seen, key=lambda channel: (channel.get("position", 0), int(channel["id"])))

    def members(self, guild_id: int) -> list[JSON]:
        """The members of a guild, each with its user."""
        guild = self.world.guilds.get(guild_id)
        return [self.world.members.json(guild, user_id) for user_id in guild.members]

    def visible_messages(self, channel_id: int) -> list[JSON]:
        """The messages of a channel, oldest first, one's own private answers included."""
        self.world.channels.visible(self.id, channel_id)
        return [self.world.messages.json(stored, self.id) for stored in self._visible(channel_id)]

    async def wait_message(
        self, channel_id: int, predicate: Callable[[JSON], bool], within: float = WITHIN
    ) -> JSON:
        """The newest message that fits, as soon as there is one."""
        found: list[JSON] = []

        def there() -> bool:
            found[:] = [message for message in self.visible_messages(channel_id) if predicate(message)]
            return bool(found)

        with trio.move_on_after(within):
            await self.world.feed.wait_until(there)
            return found[-1]
        raise NoAnswer(f"no such message within {within} s")

    def commands(self, channel_id: int) -> list[JSON]:
        """The commands that the client offers here."""
        place = self.world.channels.visible(self.id, channel_id)
        bots = place.recipients if place.guild is None else frozenset(place.guild.members)
        return list(self.world.commands.available(self.id, place, bots))

    def slash(self, channel_id: int, path: str, /, **options: Any) -> InteractionView:
        """Use a command such as ``"/cc add"`` with its options; ids stand for users, roles and channels."""
        command, trail, leaf = find_command(self.commands(channel_id), path)
        place = self.world.guilds.place(channel_id)
        check_values(leaf, options)
        data = filled(self.world, place, self.id, command, trail, leaf, options)
        return self._interact(Kind.COMMAND, int(command["application_id"]), channel_id, data)

    async def autocomplete(
        self, channel_id: int, path: str, focused: str, value: Any, /, **options: Any
    ) -> list[JSON]:
        """What the client suggests while ``value`` is typed into an option; empty when the bot is silent."""
        command, trail, leaf = find_command(self.commands(channel_id), path)
        place = self.world.guilds.place(channel_id)
        data = filled(
            self.world, place, self.id, command, trail, leaf, {**options, focused: value}, focused=focused
        )
        view = self._interact(Kind.AUTOCOMPLETE, int(command["application_id"]), channel_id, data)
        await self.world.feed.wait_until(lambda: view.state is not State.WAITING)
        return view.choices or []

    def click(self, message_id: int, custom_id: str, values: Iterable[Any] = ()) -> InteractionView:
        """Press a button, or choose values in a select menu, on a message one sees."""
        stored = self._find(message_id)
        component = components.find(stored.body["components"], custom_id)
        if component is None:
            raise ClientRefusal(f"the message has no component {custom_id!r}")
        place = self.world.guilds.place(int(stored.body["channel_id"]))
        data = component_data(self.world, place, self.id, component, [str(value) for value in values])
        message = self.world.messages.json(stored, self.id)
        return self._interact(Kind.COMPONENT, stored.author_id, place.id, data, message=message)

    def submit(self, modal: ModalView, /, **fields: str) -> InteractionView:
        """Send a modal with these fields, by custom id; what is not given keeps its prefilled value."""
        opener = self.world.interactions.known[modal.interaction_id]
        data = filled_modal(modal.raw, fields)
        message = None
        if opener.source_message_id is not None:
            stored = self.world.messages.by_channel[opener.place.id].get(opener.source_message_id)
            message = None if stored is None else self.world.messages.json(stored, self.id)
        return self._interact(
            Kind.MODAL, opener.application_id, opener.place.id, data, message=message, opener=opener
        )

    def view(self, interaction_id: int) -> InteractionView:
        """An interaction of one's own, seen again."""
        interaction = self.world.interactions.known.get(interaction_id)
        if interaction is None or interaction.user_id != self.id:
            raise ClientRefusal("there is no such interaction")
        return InteractionView(self, interaction)

    def _interact(
        self,
        kind: Kind,
        application_id: int,
        channel_id: int,
        data: JSON,
        *,
        message: JSON | None = None,
        opener: Interaction | None = None,
    ) -> InteractionView:
        place = self.world.channels.visible(self.id, channel_id)
        interaction = self.world.interactions.create(
            kind, application_id, self.id, place, data, message=message, opener=opener
        )
        return InteractionView(self, interaction)

    def _visible(self, channel_id: int) -> Iterable[Stored]:
        return self.world.messages.visible(self.id, channel_id)

    def _find(self, message_id: int) -> Stored:
        for channel_id in self.world.messages.by_channel:
            stored = self.world.messages.by_channel[channel_id].get(message_id)
            if stored is not None and stored.seen_by in {None, self.id}:
                return stored
        raise ClientRefusal("there is no such message")
