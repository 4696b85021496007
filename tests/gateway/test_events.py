"""Typed events out of raw payloads, and what is said about those that make no sense."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from alphapy.gateway import events
from alphapy.gateway.events import SUBSCRIBABLE, MalformedEvent, decode
from alphapy.gateway.models.interaction import Interaction
from alphapy.gateway.models.message import Message

USER = {"id": "3", "username": "ann", "global_name": "Ann", "avatar": None, "clan": {"new": "field"}}
MEMBER = {"user": USER, "nick": "Annie", "roles": ["9"], "joined_at": "2025-01-02T03:04:05.678000+00:00"}
ROLE = {"id": "9", "name": "mods", "permissions": "8", "position": 2, "managed": False}
CHANNEL = {
    "id": "7",
    "type": 0,
    "guild_id": "5",
    "name": "general",
    "permission_overwrites": [{"id": "9", "type": 0, "allow": "1024", "deny": "0"}],
}
MESSAGE = {
    "id": "175928847299117063",
    "channel_id": "7",
    "guild_id": "5",
    "author": USER,
    "member": {"nick": "Annie", "roles": ["9"]},
    "content": "hello",
    "timestamp": "2026-01-01T12:00:00.000000+00:00",
    "type": 19,
    "mentions": [{**USER, "member": {"roles": []}}],
    "attachments": [
        {"id": "1", "filename": "a.png", "content_type": "image/png", "size": 3, "url": "https://x/a.png"}
    ],
    "embeds": [
        {
            "title": "t",
            "fields": [{"name": "n", "value": "v"}],
            "footer": {"text": "f"},
            "author": {"name": "b"},
        }
    ],
    "message_reference": {"message_id": "6", "channel_id": "7", "guild_id": "5"},
    "nonce": 17,
    "flags": 0,
}
REACTION = {
    "user_id": "3",
    "channel_id": "7",
    "message_id": "6",
    "guild_id": "5",
    "emoji": {"id": None, "name": "👍"},
}

PAYLOADS: dict[str, Any] = {
    "READY": {
        "user": {"id": "10", "username": "alphapy"},
        "session_id": "s",
        "resume_gateway_url": "wss://gateway.example",
        "guilds": [{"id": "5", "unavailable": True}],
        "application": {"id": "11"},
        "shard": [0, 1],
    },
    "RESUMED": {"_trace": ["x"]},
    "RATE_LIMITED": {"opcode": 8, "retry_after": 12.5, "meta": {"guild_id": "5", "nonce": "n"}},
    "GUILD_CREATE": {
        "id": "5",
        "name": "Home",
        "owner_id": "3",
        "roles": [ROLE],
        "channels": [CHANNEL],
        "members": [MEMBER],
        "threads": [],
        "joined_at": "2025-01-02T03:04:05.678000+00:00",
        "unavailable": False,
        "member_count": 2,
    },
    "GUILD_UPDATE": {"id": "5", "name": "House", "owner_id": "3", "roles": [ROLE]},
    "GUILD_DELETE": {"id": "5"},
    "GUILD_ROLE_CREATE": {"guild_id": "5", "role": ROLE},
    "GUILD_ROLE_UPDATE": {"guild_id": "5", "role": ROLE},
    "GUILD_ROLE_DELETE": {"guild_id": "5", "role_id": "9"},
    "GUILD_BAN_ADD": {"guild_id": "5", "user": USER},
    "GUILD_BAN_REMOVE": {"guild_id": "5", "user": USER},
    "CHANNEL_CREATE": CHANNEL,
    "CHANNEL_UPDATE": CHANNEL,
    "CHANNEL_DELETE": CHANNEL,
    "THREAD_CREATE": {**CHANNEL, "id": "8", "type": 11, "parent_id": "7", "newly_created": True},
    "THREAD_UPDATE": {
        **CHANNEL,
        "id": "8",
        "type": 11,
        "thread_metadata": {"archived": True, "locked": False},
    },
    "THREAD_DELETE": {"id": "8", "guild_id": "5", "parent_id": "7", "type": 11},
    "THREAD_LIST_SYNC": {"guild_id": "5", "threads": [], "members": []},
    "GUILD_MEMBER_ADD": {**MEMBER, "guild_id": "5"},
    "GUILD_MEMBER_UPDATE": {**MEMBER, "guild_id": "5", "communication_disabled_until": None},
    "GUILD_MEMBER_REMOVE": {"guild_id": "5", "user": USER},
    "GUILD_MEMBERS_CHUNK": {
        "guild_id": "5",
        "members": [MEMBER],
        "chunk_index": 0,
        "chunk_count": 1,
        "not_found": ["4"],
    },
    "MESSAGE_CREATE": MESSAGE,
    "MESSAGE_UPDATE": {"id": "6", "channel_id": "7", "guild_id": "5", "content": "hi"},
    "MESSAGE_DELETE": {"id": "6", "channel_id": "7", "guild_id": "5"},
    "MESSAGE_DELETE_BULK": {"ids": ["6", "7"], "channel_id": "7", "guild_id": "5"},
    "MESSAGE_REACTION_ADD": {**REACTION, "member": MEMBER, "message_author_id": "3"},
    "MESSAGE_REACTION_REMOVE": REACTION,
    "MESSAGE_REACTION_REMOVE_ALL": {"channel_id": "7", "message_id": "6", "guild_id": "5"},
    "MESSAGE_REACTION_REMOVE_EMOJI": {
        "channel_id": "7",
        "message_id": "6",
        "guild_id": "5",
        "emoji": {"id": "2"},
    },
    "INVITE_CREATE": {
        "code": "abc",
        "channel_id": "7",
        "guild_id": "5",
        "inviter": USER,
        "max_age": 0,
        "uses": 0,
    },
    "INVITE_DELETE": {"code": "abc", "channel_id": "7", "guild_id": "5"},
    "INTERACTION_CREATE": {
        "id": "1",
        "application_id": "11",
        "type": 2,
        "token": "secret-token",
        "guild_id": "5",
        "channel_id": "7",
        "member": {**MEMBER, "permissions": "8"},
        "data": {"id": "2", "name": "cc", "type": 1},
    },
}


def read(name: str, **changes: object) -> events.Event:
    return decode(name, json.dumps({**PAYLOADS[name], **changes}).encode())


def test_every_subscribable_event_has_a_sample_here() -> None:
    assert set(PAYLOADS) == SUBSCRIBABLE
    assert len(get_args(events.Event)) == len(SUBSCRIBABLE)


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_each_event_is_decoded_and_knows_its_guild(name: str) -> None:
    event = read(name, something_new={"deep": [1, None]})
    assert type(event).__name__.upper() == name.replace("_", "")
    assert event.guild_id == (None if name in {"READY", "RESUMED"} else 5)


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_required_fields_are_named_when_they_are_missing(name: str) -> None:
    """Every event but RESUMED is refused when empty, with the path of what is missing."""
    if name == "RESUMED":
        return
    with pytest.raises(MalformedEvent) as caught:
        decode(name, b"{}")
    assert caught.value.name == name
    assert caught.value.path == "$"
    assert "missing required field" in caught.value.detail


def test_the_path_leads_to_the_trouble_and_tells_nothing_of_the_content() -> None:
    with pytest.raises(MalformedEvent) as caught:
        read("MESSAGE_CREATE", author={"id": "not a snowflake"}, content="a secret")
    assert str(caught.value) == "malformed MESSAGE_CREATE at $.author.id: Expected `int`, got `str`"
    with pytest.raises(MalformedEvent) as caught:
        read("GUILD_CREATE", roles=[ROLE, {**ROLE, "permissions": "-1"}])
    assert caught.value.path == "$.roles[1].permissions"


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b'{"id":"1","content":"\xff"', "text that is not UTF-8"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
        (b'{"x":' + b"[" * 100_000, "nested too deeply"),
        (b"", "Input data was truncated"),
        (b"null", "Expected `object`, got `null`"),
    ],
)
def test_what_is_not_even_json(raw: bytes, detail: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        decode("MESSAGE_CREATE", raw)
    assert caught.value.detail == detail


@pytest.mark.parametrize("bad", ["0x10", "", " 1", "18446744073709551616", -1, 1.5, True, None, [], {}])
def test_ids_are_snowflakes(bad: object) -> None:
    with pytest.raises(MalformedEvent):
        read("MESSAGE_DELETE", id=bad)


def test_ids_may_also_be_numbers() -> None:
    event = read("MESSAGE_DELETE", id=12)
    assert isinstance(event, events.MessageDelete)
    assert event.id == 12


def test_a_message_is_a_message() -> None:
    event = read("MESSAGE_CREATE")
    assert isinstance(event, Message)
    assert event.author_name == "Annie"
    assert event.is_human
    assert event.sent_at == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert event.attachments[0].content_type == "image/png"
    assert event.embeds[0].fields[0].value == "v"
    assert event.message_reference is not None
    assert event.message_reference.message_id == 6
    assert event.mentions[0].display_name == "Ann"
    assert event.author_id == 3


def test_a_message_without_timestamp_has_the_time_of_its_id() -> None:
    event = read("MESSAGE_CREATE", timestamp=None)
    assert isinstance(event, Message)
    assert event.sent_at == datetime(2016, 4, 30, 11, 18, 25, 796000, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes", [{"webhook_id": "4"}, {"author": {**USER, "bot": True}}, {"author": {**USER, "system": True}}]
)
def test_who_is_not_human(changes: dict[str, object]) -> None:
    event = read("MESSAGE_CREATE", **changes)
    assert isinstance(event, Message)
    assert not event.is_human


def test_an_interaction_is_an_interaction_and_keeps_its_token_to_itself() -> None:
    event = read("INTERACTION_CREATE")
    assert isinstance(event, Interaction)
    assert event.user_id == 3
    assert "secret-token" not in repr(event)


def test_an_update_tells_what_was_not_sent() -> None:
    event = read("MESSAGE_UPDATE")
    assert isinstance(event, events.MessageUpdate)
    assert event.content == "hi"
    assert event.attachments is None


def test_an_unavailable_guild_has_nothing_but_its_id() -> None:
    event = decode("GUILD_CREATE", b'{"id":"5","unavailable":true}')
    assert isinstance(event, events.GuildCreate)
    assert event.unavailable
    assert event.name == ""


def test_an_unknown_name_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        decode("TYPING_START", b"{}")
