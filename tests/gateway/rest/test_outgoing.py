"""Outgoing messages never exceed a published limit, and mention nobody by accident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapy.gateway.models.outgoing import (
    AllowedMentions,
    Embed,
    EmbedField,
    File,
    OutgoingMessage,
    fit_embeds,
)
from alphapy.pure.text import ZERO_WIDTH_SPACE
from tests.support import openapi


@attrs.frozen
class Row:
    """A component as another module would build it."""

    custom_id: str = "a"

    def to_json(self) -> dict[str, Any]:
        button = {"type": 2, "style": 1, "label": "Press", "custom_id": self.custom_id}
        return {"type": 1, "components": [button]}


@st.composite
def long_texts(draw: st.DrawFn, longest: int) -> str:
    """Short and hostile, or around the limit and beyond."""
    piece = draw(st.text(st.characters(exclude_categories=()), min_size=1, max_size=5))
    return (piece * (longest // len(piece) + 5))[: draw(st.integers(0, longest + 3))]


URLS = ("https://a.b/c.png", "http://", "javascript:alert(1)", "https://a b", "attachment://x.png")
HOSTILE_URLS = ("https://" + "a" * 3000, "http://[", "https://x/\ud800")
urls = st.sampled_from([None, "", *URLS, *HOSTILE_URLS])
fields = st.builds(EmbedField, long_texts(256), long_texts(1024), st.booleans())
embeds = st.builds(
    Embed,
    title=st.none() | long_texts(256),
    description=st.none() | long_texts(4096),
    url=urls,
    color=st.none() | st.integers(0, 0xFFFFFF),
    fields=st.lists(fields, max_size=4).map(lambda some: some * 8),
    footer=st.none() | long_texts(2048),
    author=st.none() | long_texts(256),
    image=urls,
    thumbnail=urls,
    timestamp=st.none() | st.datetimes(timezones=st.just(UTC)),
)
ids = st.lists(st.integers(1, 2**63 - 1), max_size=150)
mentions = st.builds(AllowedMentions, user_ids=ids, role_ids=ids, everyone=st.booleans())
messages = st.builds(
    OutgoingMessage,
    content=long_texts(2000).map(lambda text: text + "x"),
    embeds=st.lists(embeds, max_size=12),
    components=st.lists(st.builds(Row), max_size=5),
    allowed_mentions=mentions,
    reply_to=st.none() | st.integers(1, 2**63 - 1),
    nonce=st.none() | st.text("0123456789abcdef", min_size=1, max_size=25),
    ephemeral=st.booleans(),
)


def characters(embed: dict[str, Any]) -> int:
    """What Discord counts towards the 6000."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    for field in embed.get("fields", []):
        texts += [field["name"], field["value"]]
    return sum(len(text) for text in texts if text)


def check_embed(embed: dict[str, Any]) -> None:
    assert len(embed.get("title", "")) <= 256
    assert len(embed.get("description", "")) <= 4096
    assert len(embed.get("footer", {}).get("text", "")) <= 2048
    assert len(embed.get("author", {}).get("name", "")) <= 256
    assert len(embed.get("fields", [])) <= 25
    for field in embed.get("fields", []):
        assert 1 <= len(field["name"]) <= 256
        assert 1 <= len(field["value"]) <= 1024
        assert field["name"].strip()
        assert field["value"].strip()
    for key in ("image", "thumbnail"):
        assert len(embed.get(key, {}).get("url", "")) <= 2048
    assert embed.keys() - {"url", "color", "timestamp"}, "an embed that shows nothing"


def test_the_invisible_description_of_an_empty_embed_counts() -> None:
    full = Embed(title="a", description="b" * 4000, footer="c" * 1998)
    body = OutgoingMessage(embeds=(full, Embed(), Embed())).to_json()
    assert sum(characters(embed) for embed in body["embeds"]) <= 6000


@settings(deadline=None, max_examples=40)
@given(messages)
def test_no_message_exceeds_a_limit(message: OutgoingMessage) -> None:
    body = message.to_json()
    str(body).encode()
    assert len(body["content"]) <= 2000
    assert len(body.get("embeds", [])) <= 10
    assert sum(characters(embed) for embed in body.get("embeds", [])) <= 6000
    for embed in body.get("embeds", []):
        check_embed(embed)
    allowed = body["allowed_mentions"]
    assert set(allowed["parse"]) <= {"everyone"}
    for key in ("users", "roles"):
        assert len(allowed[key]) == len(set(allowed[key])) <= 100
    discord = openapi.validator()
    if discord is not None:
        assert discord.violations("POST", "/channels/1/messages", body) == []
        edit = message.to_edit_json()
        assert discord.violations("PATCH", "/channels/1/messages/2", edit) == []
        response = {"type": 4, "data": {k: v for k, v in body.items() if "nonce" not in k}}
        assert discord.violations("POST", "/interactions/1/token/callback", response) == []


@settings(deadline=None, max_examples=30)
@given(st.lists(embeds, max_size=10))
def test_what_fits_is_left_alone(some: list[Embed]) -> None:
    fitted = fit_embeds(some)
    assert fit_embeds(fitted) == fitted
    if sum(embed.size for embed in some) <= 6000:
        assert list(fitted) == some
    assert [embed.title for embed in fitted] == [embed.title for embed in some]


def test_descriptions_are_shortened_before_fields_are_dropped() -> None:
    field = EmbedField("n" * 24, "v" * 1000)
    embed = Embed(title="t" * 200, description="d" * 4000, fields=[field] * 5)
    (fitted,) = fit_embeds([embed])
    assert fitted.fields == embed.fields
    assert fitted.description is not None
    assert fitted.description.endswith("d...")
    assert fitted.size == 6000


def test_when_fields_alone_are_too_much_the_last_ones_go() -> None:
    many = [EmbedField(str(number), "v" * 1000) for number in range(10)]
    (fitted,) = fit_embeds([Embed(description="gone", fields=many)])
    assert fitted.description is None
    assert [field.name for field in fitted.fields] == ["0", "1", "2", "3", "4"]


def test_the_first_embed_keeps_most() -> None:
    first, second = fit_embeds([Embed(description="a" * 4000), Embed(description="b" * 4000)])
    assert first.description == "a" * 4000
    assert second.description == "b" * 1997 + "..."


def test_footers_and_authors_go_last() -> None:
    fitted = fit_embeds([Embed(title="t", footer="f" * 2048, author="a" * 256)] * 5)
    assert [embed.title for embed in fitted] == ["t"] * 5
    assert sum(embed.size for embed in fitted) <= 6000
    assert fitted[0].footer is not None
    assert fitted[-1].footer is None


def test_a_plain_message_mentions_nobody() -> None:
    body = OutgoingMessage(content="@everyone hello").to_json()
    assert body == {
        "content": "@everyone hello",
        "allowed_mentions": {"parse": [], "users": [], "roles": [], "replied_user": False},
    }


def test_everything_a_message_can_carry() -> None:
    message = OutgoingMessage(
        content="hi",
        embeds=[
            Embed(
                title="T", color=0x3498DB, timestamp=datetime(2026, 1, 5, tzinfo=timezone(timedelta(hours=1)))
            )
        ],
        components=[Row()],
        files=[File(name="a b/c.txt", content=b"x", description="d"), File(name="", content=b"")],
        allowed_mentions=AllowedMentions.users([7, 7]),
        reply_to=5,
        nonce="n1",
        ephemeral=True,
    )
    body = message.to_json()
    assert body["embeds"] == [{"title": "T", "color": 0x3498DB, "timestamp": "2026-01-04T23:00:00.000+00:00"}]
    assert body["allowed_mentions"]["users"] == ["7"]
    assert body["message_reference"] == {"message_id": "5", "fail_if_not_exists": False}
    assert (body["nonce"], body["enforce_nonce"], body["flags"]) == ("n1", True, 64)
    assert body["attachments"] == [
        {"id": "0", "filename": "a_b_c.txt", "description": "d"},
        {"id": "1", "filename": "file"},
    ]


def test_an_edit_states_the_whole_message() -> None:
    body = OutgoingMessage(content="only this", nonce="n", reply_to=1, ephemeral=True).to_edit_json()
    assert body.keys() == {"content", "embeds", "components", "allowed_mentions"}
    assert body["embeds"] == []
    assert body["components"] == []


def test_who_may_be_pinged() -> None:
    assert AllowedMentions.none().to_json()["parse"] == []
    assert AllowedMentions.roles([1]).to_json()["roles"] == ["1"]
    assert AllowedMentions(everyone=True).to_json()["parse"] == ["everyone"]


def test_an_embed_that_shows_nothing_gets_an_invisible_description() -> None:
    assert Embed(url="https://a.b").to_json()["description"] == ZERO_WIDTH_SPACE


@pytest.mark.parametrize(
    "wrong",
    [
        OutgoingMessage,
        lambda: OutgoingMessage(content=" \n "),
        lambda: OutgoingMessage(components=[Row()] * 6),
        lambda: OutgoingMessage(files=[File(name="a", content=b"")] * 11),
        lambda: OutgoingMessage(content="x", nonce="n" * 26),
        lambda: File(name="a", content=bytes(10 * 1024 * 1024 + 1)),
        lambda: Embed(color=0x1000000),
        lambda: Embed(color=-1),
        lambda: Embed(timestamp=datetime(2026, 1, 5)),  # noqa: DTZ001 - that is the mistake
    ],
)
def test_programming_errors_are_told(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        wrong()
