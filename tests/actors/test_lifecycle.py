"""What operators are told of the connection: each outage once, each new session once."""

from __future__ import annotations

from typing import Any

from alphapy.actors.command_sync.messages import SyncGuilds
from alphapy.actors.lifecycle import Lifecycle
from alphapy.actors.operational_events.messages import RecordEvent
from alphapy.gateway.shard_facts import ShardState
from alphapy.pure.ids import GuildId

A = (GuildId(1),)


class Ear:
    """A bus that listens."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def tell(self, _address: Any, message: object) -> None:
        if isinstance(message, RecordEvent):
            self.heard.append(message.event_type)
        elif isinstance(message, SyncGuilds):
            self.heard.append(f"{message.sync_type.value} {list(message.guild_ids)}")


def follow(*steps: tuple[str, int]) -> list[str]:
    ear = Ear()
    bus: Any = ear
    lifecycle = Lifecycle(bus, lambda shard_id: [GuildId(90 + shard_id)])
    for step, shard in steps:
        match step:
            case "ready":
                lifecycle.state_changed(shard, ShardState.READY)
                lifecycle.began(shard, A)
            case "resumed":
                lifecycle.state_changed(shard, ShardState.READY)
                lifecycle.resumed(shard)
            case "again":
                lifecycle.began(shard, A)
            case "joined":
                lifecycle.joined(GuildId(shard))
            case _:
                lifecycle.state_changed(shard, ShardState(step))
    return ear.heard


def test_the_first_session_makes_the_bot_ready_once() -> None:
    assert follow(("connecting", 0), ("identifying", 0), ("ready", 0), ("again", 0)) == [
        "BOT_READY",
        "first_ready [1]",
    ]
    assert follow(("ready", 0), ("ready", 1)) == ["BOT_READY", "first_ready [1]", "first_ready [1]"]


def test_a_session_that_is_taken_over_from_an_earlier_process_makes_it_ready_too() -> None:
    assert follow(("connecting", 1), ("resuming", 1), ("resumed", 1)) == ["BOT_READY", "first_ready [91]"]


def test_before_the_first_session_no_outage_is_told() -> None:
    assert follow(("connecting", 0), ("connecting", 0)) == []


def test_operations_6_an_outage_that_ends_in_a_resume_is_told_once() -> None:
    steps = (("ready", 0), ("connecting", 0), ("resuming", 0), ("connecting", 0), ("resumed", 0))
    assert follow(*steps)[2:] == ["BOT_DISCONNECT"]
    assert follow(*steps, ("connecting", 0))[2:] == ["BOT_DISCONNECT", "BOT_DISCONNECT"]


def test_operations_6_an_outage_that_ends_in_a_new_session_is_a_reconnect() -> None:
    assert follow(("ready", 0), ("connecting", 0), ("resuming", 0), ("connecting", 0), ("ready", 0))[2:] == [
        "BOT_DISCONNECT",
        "reconnect [1]",
    ]


def test_one_outage_of_many_shards_is_told_once() -> None:
    steps = (("ready", 0), ("ready", 1), ("connecting", 0), ("connecting", 1), ("resumed", 0), ("resumed", 1))
    assert follow(*steps)[3:] == ["BOT_DISCONNECT"]


def test_an_ordered_stop_is_no_outage() -> None:
    assert follow(("ready", 0), ("draining", 0), ("closed", 0))[2:] == []


def test_a_guild_that_is_joined_is_seen_to() -> None:
    assert follow(("joined", 7)) == ["guild_join [7]"]


def test_a_shard_is_live_from_when_its_replay_is_over_until_it_is_lost() -> None:
    bus: Any = Ear()
    lifecycle = Lifecycle(bus, lambda _shard_id: A)
    live: list[bool] = []

    def look() -> None:
        live.append(lifecycle.is_live(0))

    look()
    lifecycle.state_changed(0, ShardState.READY)
    look()  # RESUMED has come; what is replayed before it has not been routed yet
    lifecycle.resumed(0)
    look()
    lifecycle.state_changed(0, ShardState.CONNECTING)
    look()
    lifecycle.state_changed(0, ShardState.READY)
    look()
    lifecycle.began(0, A)
    look()
    lifecycle.state_changed(0, ShardState.DRAINING)
    look()
    assert live == [False, False, True, False, False, True, False]
    assert not lifecycle.is_live(1)
