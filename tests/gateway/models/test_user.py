"""The names that are shown, pictures, timeouts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.user import Member, User, display_name
from alphapy.pure.ids import UserId

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("nick", "global_name", "shown"),
    [("Nick", "Global", "Nick"), (None, "Global", "Global"), (None, None, "name"), ("", "", "name")],
)
def test_nickname_then_global_name_then_username(
    nick: str | None, global_name: str | None, shown: str
) -> None:
    user = User(id=UserId(1), username="name", global_name=global_name)
    assert display_name(user, Member(nick=nick)) == shown
    assert Member(user=user, nick=nick).display_name == shown


def test_outside_a_guild_there_is_no_nickname() -> None:
    assert display_name(User(id=UserId(1), username="name", global_name="Global")) == "Global"
    assert Member(nick="Nick").display_name == "Nick"
    assert Member().display_name == ""


def test_pictures() -> None:
    assert User(id=UserId(7 << 22)).avatar_url.endswith("/embed/avatars/1.png")
    assert User(id=UserId(7), avatar="abc").avatar_url.endswith("/avatars/7/abc.png")


def test_a_timeout_ends() -> None:
    member = Member(communication_disabled_until=NOW + timedelta(seconds=1))
    assert member.timed_out(NOW)
    assert not member.timed_out(NOW + timedelta(seconds=1))
    assert not Member().timed_out(NOW)


def test_permissions_come_with_interactions_only() -> None:
    assert Member(permission_bits=8).permissions is Permissions.ADMINISTRATOR
    assert Member().permissions == Permissions(0)
