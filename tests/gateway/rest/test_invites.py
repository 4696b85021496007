"""What is read of a guild's invites."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from alphapy.gateway.models.invite import VanityInvite
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.invites import InviteCalls
from alphapy.pure.ids import GuildId
from tests.gateway.rest.test_client import in_turn
from tests.support.http_server import Reply

if TYPE_CHECKING:
    from tests.gateway.rest.conftest import Connect

GUILD = GuildId(5)


async def test_the_invites_of_a_guild(connect: Connect) -> None:
    body = [
        {
            "code": "abc",
            "inviter": {"id": "50", "username": "ada"},
            "uses": 3,
            "max_uses": 5,
            "expires_at": "2026-01-05T12:00:00+00:00",
        },
        {"code": "def", "inviter": None, "expires_at": None},
    ]
    async with connect(in_turn(Reply(200, body))) as line:
        first, second = await InviteCalls(line.client).of_guild(GUILD, within=5.0)
        [received] = line.received
    assert received.target == "/api/v10/guilds/5/invites"
    assert first.inviter is not None
    assert (first.code, first.inviter.id, first.uses, first.max_uses) == ("abc", 50, 3, 5)
    assert first.expires_at == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert (second.code, second.inviter, second.uses, second.expires_at) == ("def", None, None, None)


async def test_the_guilds_own_address(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, {"code": "town", "uses": 12}))) as line:
        assert await InviteCalls(line.client).vanity(GUILD, within=5.0) == VanityInvite(code="town", uses=12)
        assert line.received[0].target == "/api/v10/guilds/5/vanity-url"


async def test_an_answer_that_makes_no_sense(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, [{"uses": 3}]))) as line:
        with pytest.raises(DiscordError) as caught:
            await InviteCalls(line.client).of_guild(GUILD, within=5.0)
    assert caught.value.kind is DiscordErrorKind.MALFORMED
