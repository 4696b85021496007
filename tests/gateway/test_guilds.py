"""The guild cache: joins told from outages, changes, permissions, storing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alphapy.gateway.events import SUBSCRIBABLE, decode
from alphapy.gateway.guilds import CACHED_EVENTS, CachedGuild, Change, ChangeKind, GuildCache
from alphapy.gateway.models.guild import NO_PERMISSIONS, Permissions
from alphapy.pure.ids import ChannelId, GuildId, RoleId, UserId

ME, HOME = UserId(10), GuildId(5)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
P = Permissions


def apply(cache: GuildCache, event: str, /, **payload: Any) -> Change:
    return cache.apply(decode(event, json.dumps(payload).encode()))


def ready(cache: GuildCache, *guilds: int, shard: tuple[int, int] = (0, 1)) -> Change:
    return apply(
        cache,
        "READY",
        user={"id": "10"},
        session_id="s",
        resume_gateway_url="wss://x",
        shard=shard,
        guilds=[{"id": str(guild)} for guild in guilds],
    )


def create(cache: GuildCache, guild_id: int = 5, **more: Any) -> Change:
    return apply(
        cache,
        "GUILD_CREATE",
        **{
            "id": str(guild_id),
            "name": "Home",
            "owner_id": "1",
            "member_count": 3,
            "roles": [
                {
                    "id": str(guild_id),
                    "name": "@everyone",
                    "permissions": str(int(P.VIEW_CHANNEL)),
                    "position": 0,
                },
                {
                    "id": "20",
                    "name": "alphapy",
                    "permissions": str(int(P.SEND_MESSAGES)),
                    "position": 4,
                    "managed": True,
                },
            ],
            "channels": [
                {"id": "30", "type": 0, "name": "general"},
                {
                    "id": "31",
                    "type": 0,
                    "name": "closed",
                    "permission_overwrites": [{"id": "20", "type": 0, "deny": str(int(P.SEND_MESSAGES))}],
                },
            ],
            "threads": [{"id": "40", "type": 11, "parent_id": "31", "name": "a thread"}],
            "members": [{"user": {"id": "10"}, "roles": ["20"]}, {"user": {"id": "1"}, "roles": []}],
            **more,
        },
    )


@pytest.fixture
def cache() -> GuildCache:
    """One guild, as after READY."""
    cache = GuildCache()
    ready(cache, HOME)
    create(cache)
    return cache


def home(cache: GuildCache) -> CachedGuild:
    guild = cache.get(HOME)
    assert guild is not None
    return guild


def test_what_it_says_it_needs_can_be_decoded() -> None:
    assert CACHED_EVENTS <= SUBSCRIBABLE


def test_a_guild_of_readys_list_is_no_join() -> None:
    cache = GuildCache()
    assert ready(cache, HOME).kind is ChangeKind.NONE
    assert cache.is_known(HOME)
    assert cache.get(HOME) is None
    assert cache.awaited == 1
    assert create(cache) == Change(ChangeKind.APPEARED, (HOME,))
    assert (cache.awaited, cache.count, cache.me) == (0, 1, ME)


def test_another_guild_is_a_join(cache: GuildCache) -> None:
    assert create(cache, 6) == Change(ChangeKind.JOINED, (GuildId(6),))
    assert set(cache.known()) == {5, 6}
    assert [guild.id for guild in cache] == [5, 6]


def test_an_outage_and_its_return_are_no_join(cache: GuildCache) -> None:
    assert apply(cache, "GUILD_DELETE", id="5", unavailable=True).kind is ChangeKind.OUTAGE
    assert not home(cache).available
    assert home(cache).name == "Home"
    assert create(cache).kind is ChangeKind.APPEARED
    assert home(cache).available


def test_an_outage_at_the_start_is_no_join_later() -> None:
    cache = GuildCache()
    ready(cache)
    assert apply(cache, "GUILD_CREATE", id="5", unavailable=True).kind is ChangeKind.OUTAGE
    assert create(cache).kind is ChangeKind.APPEARED


def test_a_guild_that_comes_again_is_an_update(cache: GuildCache) -> None:
    assert create(cache, name="House").kind is ChangeKind.UPDATED
    assert home(cache).name == "House"


def test_being_removed(cache: GuildCache) -> None:
    assert apply(cache, "GUILD_DELETE", id="5") == Change(ChangeKind.LEFT, (HOME,))
    assert not cache.is_known(HOME)
    assert apply(cache, "GUILD_DELETE", id="5").kind is ChangeKind.NONE


def test_a_new_session_tells_what_was_left_meanwhile(cache: GuildCache) -> None:
    create(cache, 6)
    assert ready(cache, 6) == Change(ChangeKind.LEFT, (HOME,))
    assert cache.known() == (6,)


def test_a_new_session_speaks_for_its_own_shard_only() -> None:
    cache = GuildCache()
    mine, other = 1 << 22, 2 << 22
    create(cache, mine)
    create(cache, other)
    assert ready(cache, shard=(1, 2)) == Change(ChangeKind.LEFT, (GuildId(mine),))
    assert cache.known() == (other,)


def test_guilds_that_are_expected_are_no_join() -> None:
    cache = GuildCache()
    cache.expect([HOME])
    assert create(cache).kind is ChangeKind.APPEARED


def test_changes_of_the_guild_and_its_roles(cache: GuildCache) -> None:
    apply(cache, "GUILD_UPDATE", id="5", name="House", owner_id="2", icon="i")
    assert (home(cache).name, home(cache).owner_id, home(cache).icon) == ("House", 2, "i")
    assert len(home(cache).roles) == 2
    apply(cache, "GUILD_ROLE_CREATE", guild_id="5", role={"id": "21", "name": "new", "position": 9})
    assert home(cache).top_position([RoleId(20), RoleId(21), RoleId(99)]) == 9
    apply(cache, "GUILD_ROLE_UPDATE", guild_id="5", role={"id": "21", "name": "renamed", "position": 1})
    assert home(cache).roles[RoleId(21)].name == "renamed"
    assert apply(cache, "GUILD_ROLE_DELETE", guild_id="5", role_id="20").kind is ChangeKind.UPDATED
    assert home(cache).my_roles == ()
    assert apply(cache, "GUILD_ROLE_DELETE", guild_id="5", role_id="20").kind is ChangeKind.NONE
    apply(cache, "GUILD_UPDATE", id="5", name="House", roles=[{"id": "5"}])
    assert list(home(cache).roles) == [5]


def test_channels_come_change_and_go_with_their_threads(cache: GuildCache) -> None:
    apply(cache, "CHANNEL_CREATE", id="32", guild_id="5", name="new", type=0)
    apply(cache, "CHANNEL_UPDATE", id="32", guild_id="5", name="renamed", type=0, parent_id="1")
    channel = home(cache).channel(ChannelId(32))
    assert channel is not None
    assert (channel.name, channel.parent_id) == ("renamed", 1)
    assert apply(cache, "CHANNEL_DELETE", id="31", guild_id="5", type=0).kind is ChangeKind.UPDATED
    assert home(cache).channel(ChannelId(31)) is None
    assert home(cache).channel(ChannelId(40)) is None
    assert home(cache).threads is None
    assert apply(cache, "CHANNEL_DELETE", id="31", guild_id="5", type=0).kind is ChangeKind.NONE


def test_threads_come_and_go(cache: GuildCache) -> None:
    apply(cache, "THREAD_CREATE", id="41", guild_id="5", type=11, parent_id="30", name="t")
    apply(cache, "THREAD_UPDATE", id="41", guild_id="5", type=11, parent_id="30", name="u")
    thread = home(cache).channel(ChannelId(41))
    assert thread is not None
    assert thread.name == "u"
    apply(cache, "THREAD_UPDATE", id="41", guild_id="5", type=11, thread_metadata={"archived": True})
    assert home(cache).channel(ChannelId(41)) is None
    apply(cache, "THREAD_DELETE", id="40", guild_id="5", parent_id="31", type=11)
    assert home(cache).threads is None


def test_a_thread_list_replaces_those_of_its_channels(cache: GuildCache) -> None:
    apply(cache, "THREAD_CREATE", id="41", guild_id="5", type=11, parent_id="30")
    new = [{"id": "42", "type": 11, "parent_id": "31"}]
    apply(cache, "THREAD_LIST_SYNC", guild_id="5", threads=new, channel_ids=["31"])
    assert sorted(home(cache).threads or ()) == [41, 42]
    apply(cache, "THREAD_LIST_SYNC", guild_id="5", threads=new)
    assert sorted(home(cache).threads or ()) == [42]


def test_members_are_counted_and_only_the_bots_own_is_kept(cache: GuildCache) -> None:
    apply(cache, "GUILD_MEMBER_ADD", guild_id="5", user={"id": "77"})
    assert home(cache).member_count == 4
    apply(cache, "GUILD_MEMBER_REMOVE", guild_id="5", user={"id": "77"})
    assert home(cache).member_count == 3
    assert (
        apply(cache, "GUILD_MEMBER_UPDATE", guild_id="5", user={"id": "77"}, roles=[]).kind is ChangeKind.NONE
    )
    until = (NOW + timedelta(minutes=1)).isoformat()
    apply(
        cache,
        "GUILD_MEMBER_UPDATE",
        guild_id="5",
        user={"id": "10"},
        roles=["20"],
        communication_disabled_until=until,
    )
    assert cache.my_permissions(HOME, now=NOW) == P.VIEW_CHANNEL
    assert cache.my_permissions(HOME, now=NOW + timedelta(minutes=2)) == P.VIEW_CHANNEL | P.SEND_MESSAGES


def test_what_the_bot_may_do(cache: GuildCache) -> None:
    both = P.VIEW_CHANNEL | P.SEND_MESSAGES
    assert cache.my_permissions(HOME, now=NOW) == both
    assert cache.my_permissions(HOME, ChannelId(30), now=NOW) == both
    assert cache.my_permissions(HOME, ChannelId(31), now=NOW) == P.VIEW_CHANNEL
    assert (
        cache.my_permissions(HOME, ChannelId(40), now=NOW) == P.VIEW_CHANNEL
    )  # the thread follows its parent
    assert cache.my_permissions(HOME, ChannelId(99), now=NOW) == NO_PERMISSIONS
    assert cache.my_permissions(GuildId(99), now=NOW) is None
    assert GuildCache().my_permissions(HOME, now=NOW) is None


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("GUILD_UPDATE", {"id": "9"}),
        ("GUILD_ROLE_CREATE", {"guild_id": "9", "role": {"id": "1"}}),
        ("GUILD_ROLE_DELETE", {"guild_id": "9", "role_id": "1"}),
        ("CHANNEL_CREATE", {"id": "1", "guild_id": "9"}),
        ("CHANNEL_CREATE", {"id": "1"}),
        ("CHANNEL_DELETE", {"id": "1", "guild_id": "9"}),
        ("THREAD_CREATE", {"id": "1", "guild_id": "9"}),
        ("THREAD_DELETE", {"id": "1", "guild_id": "9"}),
        ("THREAD_LIST_SYNC", {"guild_id": "9"}),
        ("GUILD_MEMBER_ADD", {"guild_id": "9", "user": {"id": "1"}}),
        ("GUILD_MEMBER_REMOVE", {"guild_id": "9", "user": {"id": "1"}}),
        ("GUILD_MEMBER_UPDATE", {"guild_id": "9", "user": {"id": "10"}}),
        ("MESSAGE_DELETE", {"id": "1", "channel_id": "1"}),
    ],
)
def test_events_of_unknown_guilds_and_other_events_change_nothing(
    cache: GuildCache, name: str, payload: dict[str, Any]
) -> None:
    assert apply(cache, name, **payload).kind is ChangeKind.NONE
    assert cache.known() == (HOME,)


def test_a_guild_can_be_stored_and_brought_back(cache: GuildCache) -> None:
    stored = cache.dump(HOME)
    assert stored is not None
    assert cache.dump(GuildId(99)) is None
    other = GuildCache(ME)
    other.expect([HOME])
    assert other.restore(stored) == HOME
    assert other.awaited == 0
    assert other.get(HOME) == cache.get(HOME)
    assert other.my_permissions(HOME, ChannelId(31), now=NOW) == P.VIEW_CHANNEL


def test_what_is_here_is_newer_than_what_was_stored(cache: GuildCache) -> None:
    stored = cache.dump(HOME)
    assert stored is not None
    apply(cache, "GUILD_UPDATE", id="5", name="House")
    cache.restore(stored)
    assert home(cache).name == "House"
    with pytest.raises(ValueError, match="required"):
        cache.restore(b"{}")


def test_a_guild_takes_less_than_six_kilobytes() -> None:
    """The measure is bench/guilds.py; this one notices when a field makes it explode."""
    cache = GuildCache(ME)
    create(cache)
    assert len(msgspec.json.encode(cache.get(HOME))) < 2000
