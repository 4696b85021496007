"""Announcements with a chart: out of recorded payloads, with the picture where it is ready."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from alphapy.actors.effects.announcements import EDIT, SEND_CHART, Chart, announcement_verbs, edit, send_chart
from alphapy.gateway.models.outgoing import Embed, File, OutgoingMessage
from alphapy.gateway.rest.errors import UNKNOWN_MESSAGE, DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.rendering.charts import GOLD, Bar
from alphapy.storage.effects import Draft, Effect
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.actors.effects.verbs import Verb

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
CHART = Chart(
    name="a.png", title="T", bars=(Bar("one", 3, "messages", GOLD), Bar("two", 1)), description="said"
)
MESSAGE = OutgoingMessage(embeds=(Embed(title="Awards", description="text"),))
SEND_DRAFT = send_chart(
    "k", ChannelId(5), MESSAGE, CHART, deadline_at=NOW, about={"part": "weekly"}, own_nonce="wk-1"
)
EDIT_DRAFT = edit("e", ChannelId(5), MessageId(6), MESSAGE, CHART, deadline_at=NOW, about={"part": "weekly"})


@attrs.define
class Fake:
    """A Discord that notes what it is sent, and a drawer."""

    sent: list[tuple[Any, ...]] = attrs.field(factory=list)
    drawn: list[tuple[str, Sequence[Bar]]] = attrs.field(factory=list)
    picture: bytes | None = b"PNG"
    fails: DiscordError | None = None
    takes_files: bool = True

    def _check(self, files: Sequence[File]) -> None:
        if files and not self.takes_files:
            raise DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="x", message="no files", status=403)
        if self.fails is not None:
            raise self.fails

    async def create_recorded(
        self,
        channel_id: ChannelId,
        body: Mapping[str, Any],
        *,
        nonce: str,
        within: float,
        files: Sequence[File] = (),
    ) -> MessageId:
        self._check(files)
        self.sent.append((channel_id, nonce, body, tuple(files)))
        return MessageId(77)

    async def edit_recorded(
        self,
        channel_id: ChannelId,
        message_id: MessageId,
        body: Mapping[str, Any],
        *,
        within: float,
        files: Sequence[File] = (),
    ) -> None:
        self._check(files)
        self.sent.append((channel_id, message_id, body, tuple(files)))

    async def delete_message(self, *_: Any, **__: Any) -> None:
        raise AssertionError

    async def messages_after(self, *_: Any, **__: Any) -> tuple[()]:
        return ()

    async def bar_chart(self, title: str, bars: Sequence[Bar]) -> bytes | None:
        self.drawn.append((title, bars))
        return self.picture


def effect(draft: Draft) -> Effect:
    return Effect(
        id=1,
        guild_id=GuildId(9),
        feature="engagement",
        kind=draft.kind,
        event_key=draft.event_key,
        payload=json.loads(json.dumps(draft.payload)),
        nonce=draft.nonce(GuildId(9), "engagement"),
        attempts=0,
        first_tried_at=NOW,
        deadline_at=draft.deadline_at,
    )


def verb(fake: Fake, name: str) -> Verb:
    return announcement_verbs(fake, lambda: UserId(9), lambda _g, _c: True, FakeClock(), fake)[name]


async def test_a_post_has_its_chart_in_the_embed_and_described() -> None:
    fake = Fake()
    assert await verb(fake, SEND_CHART).perform(effect(SEND_DRAFT), within=1) == 77
    ((channel_id, nonce, body, files),) = fake.sent
    assert (channel_id, nonce) == (5, "wk-1")
    assert body["embeds"][0]["image"] == {"url": "attachment://a.png"}
    assert body["attachments"] == [{"id": "0", "filename": "a.png", "description": "said"}]
    assert body["allowed_mentions"]["parse"] == []
    assert files == (File(name="a.png", content=b"PNG", content_type="image/png", description="said"),)
    assert fake.drawn == [("T", CHART.bars)]


async def test_a_chart_that_is_not_ready_in_time_is_left_out() -> None:
    fake = Fake(picture=None)
    await verb(fake, SEND_CHART).perform(effect(SEND_DRAFT), within=1)
    ((_, _, body, files),) = fake.sent
    assert body == SEND_DRAFT.payload["message"]
    assert files == ()


async def test_where_the_bot_may_not_attach_files_there_is_no_chart() -> None:
    fake = Fake(takes_files=False)
    await verb(fake, SEND_CHART).perform(effect(SEND_DRAFT), within=1)
    await verb(fake, EDIT).perform(effect(EDIT_DRAFT), within=1)
    assert [len(sent[3]) for sent in fake.sent] == [0, 0]
    assert "image" not in fake.sent[0][2]["embeds"][0]
    fake.fails = DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="x", message="no", status=403)
    with pytest.raises(DiscordError):
        await verb(fake, SEND_CHART).perform(effect(SEND_DRAFT), within=1)
    fake.takes_files, fake.fails = True, attrs.evolve(fake.fails, kind=DiscordErrorKind.SERVER)
    with pytest.raises(DiscordError):
        await verb(fake, SEND_CHART).perform(effect(SEND_DRAFT), within=1)


async def test_a_post_in_doubt_is_looked_for_and_an_edit_is_harmless() -> None:
    fake = Fake()
    assert not verb(fake, SEND_CHART).idempotent
    assert await verb(fake, SEND_CHART).find(effect(SEND_DRAFT)) == ()
    assert verb(fake, EDIT).idempotent
    assert await verb(fake, EDIT).find(effect(EDIT_DRAFT)) == ()


async def test_an_edit_brings_its_own_chart_and_takes_away_the_old_one() -> None:
    fake = Fake()
    assert await verb(fake, EDIT).perform(effect(EDIT_DRAFT), within=1) == 6
    fake.picture = None
    await verb(fake, EDIT).perform(effect(EDIT_DRAFT), within=1)
    without = edit("e", ChannelId(5), MessageId(6), MESSAGE, None, deadline_at=NOW, about={})
    await verb(fake, EDIT).perform(effect(without), within=1)
    first, second, third = fake.sent
    assert first[:2] == (5, 6)
    assert [a["filename"] for a in first[2]["attachments"]] == ["a.png"]
    assert first[2]["components"] == []
    assert second[2]["attachments"] == third[2]["attachments"] == []
    assert "image" not in second[2]["embeds"][0]
    assert [len(sent[3]) for sent in fake.sent] == [1, 0, 0]


async def test_an_edit_of_what_is_gone_is_done_without_a_message() -> None:
    gone = DiscordError(
        kind=DiscordErrorKind.NOT_FOUND, route="x", message="no", status=404, code=UNKNOWN_MESSAGE
    )
    fake = Fake(fails=gone)
    assert await verb(fake, EDIT).perform(effect(EDIT_DRAFT), within=1) is None
    fake.fails = attrs.evolve(gone, code=0)
    with pytest.raises(DiscordError):
        await verb(fake, EDIT).perform(effect(EDIT_DRAFT), within=1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(DiscordErrorKind.FORBIDDEN, "*Embed Links*"), (DiscordErrorKind.INVALID, "does not accept")],
)
def test_admins_are_told_what_to_do(kind: DiscordErrorKind, said: str) -> None:
    error = DiscordError(kind=kind, route="x", message="no", status=400)
    assert said in verb(Fake(), EDIT).explain(effect(EDIT_DRAFT), error)
