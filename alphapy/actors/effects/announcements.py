"""Announcements with a chart as effects: posted, and later turned into what they should say now.

The chart is recorded as figures and drawn when the effect is performed. It is an extra: one that is not ready
in time, or that the bot may not attach, is left out, and the text says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import attrs
from typing_extensions import override

from alphapy.actors.effects.verbs import Discord, Reading, Repeatable, SendMessage
from alphapy.gateway.models.outgoing import File, attachments
from alphapy.gateway.rest.errors import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId
from alphapy.rendering.charts import Bar
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from alphapy.actors.effects.verbs import Verb
    from alphapy.gateway.models.outgoing import OutgoingMessage
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import UserId
    from alphapy.storage.effects import Effect

T = TypeVar("T")

SEND_CHART: Final = "send_with_chart"
EDIT: Final = "edit_message"
"""Names of verbs; they are stored."""

_GONE: Final = frozenset({UNKNOWN_CHANNEL, UNKNOWN_MESSAGE})


class Messages(Discord, Protocol):
    """What the verbs need of Discord; every call raises DiscordError."""

    @override
    async def create_recorded(
        self,
        channel_id: ChannelId,
        body: Mapping[str, Any],
        *,
        nonce: str,
        within: float,
        files: Sequence[File] = (),
    ) -> MessageId:
        """Send a message whose nonce is enforced."""
        ...

    async def edit_recorded(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        body: Mapping[str, Any],
        *,
        within: float,
        files: Sequence[File] = (),
    ) -> None:
        """Turn a message into this one."""
        ...


class Drawer(Protocol):
    """Who draws."""

    async def bar_chart(self, title: str, bars: Sequence[Bar]) -> bytes | None:
        """The chart as a PNG; None where it is not ready in time."""
        ...


@attrs.frozen(kw_only=True)
class Chart:
    """A bar chart to draw. ``description`` says what is seen in it, for who does not see it."""

    name: str
    title: str
    bars: tuple[Bar, ...]
    description: str

    def to_json(self) -> dict[str, Any]:
        """As it is recorded."""
        return {
            "name": self.name,
            "title": self.title,
            "bars": [[bar.label, bar.value, bar.note, list(bar.colour)] for bar in self.bars],
            "description": self.description,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Chart:
        """As it was recorded."""
        bars = (Bar(label, value, note, (r, g, b)) for label, value, note, (r, g, b) in found["bars"])
        return cls(
            name=found["name"], title=found["title"], bars=tuple(bars), description=found["description"]
        )

    async def draw(self, drawer: Drawer) -> File | None:
        """The picture; None where it is not ready in time."""
        picture = await drawer.bar_chart(self.title, self.bars)
        if picture is None:
            return None
        return File(name=self.name, content=picture, content_type="image/png", description=self.description)


async def _with_chart(
    payload: Mapping[str, Any],
    drawer: Drawer,
    send: Callable[[Mapping[str, Any], Sequence[File]], Awaitable[T]],
) -> T:
    """Send the recorded body with its chart, or without where it is not ready or may not be attached."""
    body = payload["message"]
    recorded = payload.get("chart")
    file = None if recorded is None else await Chart.from_json(recorded).draw(drawer)
    if file is None:
        return await send(body, ())
    try:
        return await send(_illustrated(body, file), (file,))
    except DiscordError as error:
        if error.kind is not DiscordErrorKind.FORBIDDEN:
            raise
    return await send(body, ())


def _illustrated(body: Mapping[str, Any], file: File) -> dict[str, Any]:
    """The body with a picture in its first embed."""
    embeds = [dict(embed) for embed in body.get("embeds", ())]
    if embeds:
        embeds[0]["image"] = {"url": f"attachment://{file.name}"}
    return {**body, "embeds": embeds, "attachments": attachments([file])}


class SendWithChart(SendMessage):
    """Post a message: as SendMessage, and ``chart``."""

    def __init__(
        self,
        messages: Messages,
        me: Callable[[], UserId | None],
        can_read: Reading,
        clock: Clock,
        drawer: Drawer,
    ) -> None:
        super().__init__(messages, me, can_read, clock)
        self._messages = messages
        self._drawer = drawer

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId:
        async def send(body: Mapping[str, Any], files: Sequence[File]) -> MessageId:
            channel_id = ChannelId(effect.payload["channel_id"])
            return await self._messages.create_recorded(
                channel_id, body, nonce=effect.nonce, within=within, files=files
            )

        return await _with_chart(effect.payload, self._drawer, send)


class EditMessage(Repeatable):
    """Turn ``message_id`` in ``channel_id`` into ``message``, with its ``chart``.

    A message that is gone is no error; the effect is then done without a message.
    """

    def __init__(self, messages: Messages, drawer: Drawer) -> None:
        self._messages = messages
        self._drawer = drawer

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId | None:
        channel_id = ChannelId(effect.payload["channel_id"])
        message_id = MessageId(effect.payload["message_id"])

        async def send(body: Mapping[str, Any], files: Sequence[File]) -> None:
            whole = {"attachments": [], **body}
            await self._messages.edit_recorded(channel_id, message_id, whole, within=within, files=files)

        try:
            await _with_chart(effect.payload, self._drawer, send)
        except DiscordError as error:
            if error.code in _GONE:
                return None
            raise
        return message_id

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        channel = f"<#{effect.payload['channel_id']}>"
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"A message of mine could not be brought up to date in {channel}: I am not allowed to. "
                "Please give me the permissions *View Channel* and *Embed Links* there."
            )
        return f"A message of mine could not be brought up to date in {channel}: Discord does not accept it."


def announcement_verbs(
    messages: Messages, me: Callable[[], UserId | None], can_read: Reading, clock: Clock, drawer: Drawer
) -> Mapping[str, Verb]:
    """Every verb by its stored name."""
    return {
        SEND_CHART: SendWithChart(messages, me, can_read, clock, drawer),
        EDIT: EditMessage(messages, drawer),
    }


def send_chart(
    event_key: str,
    channel_id: ChannelId,
    message: OutgoingMessage,
    chart: Chart,
    *,
    deadline_at: datetime,
    about: Mapping[str, Any],
    own_nonce: str = "",
) -> Draft:
    """Post a message, which has no files of its own, with a chart in its first embed."""
    payload = {
        "channel_id": channel_id,
        "message": message.to_json(),
        "chart": chart.to_json(),
        "about": dict(about),
    }
    return Draft(
        kind=SEND_CHART, event_key=event_key, payload=payload, deadline_at=deadline_at, own_nonce=own_nonce
    )


def edit(
    event_key: str,
    channel_id: ChannelId,
    message_id: MessageId,
    message: OutgoingMessage,
    chart: Chart | None,
    *,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Turn a message of the bot into this one, which has no files of its own; earlier files go."""
    payload: dict[str, Any] = {
        "channel_id": channel_id,
        "message_id": message_id,
        "message": message.to_edit_json(),
        "about": dict(about),
    }
    payload |= {} if chart is None else {"chart": chart.to_json()}
    return Draft(kind=EDIT, event_key=event_key, payload=payload, deadline_at=deadline_at)
