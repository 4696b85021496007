"""What is to be read back: nothing that was seen for certain, nothing too old, all else within the bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.backfill import MOST_STEPS, OVERLAP, TAIL, Room, Trail, beginning, ending, plan
from alphapy.pure.ids import ChannelId, snowflake_at
from alphapy.pure.seen import SECOND

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3 * SECOND)), max_size=50)


@given(STEPS, st.integers(0, 300), st.integers(0, 10 * SECOND))
def test_nothing_behind_the_mark_counts_as_seen(steps: list[tuple[int, int]], mark: int, start: int) -> None:
    trail, seq, message = Trail(start), 0, start
    told = [(0, start)]
    for more, later in steps:
        seq, message = seq + more, message + later
        trail.note(seq, message)
        told.append((seq, message))
    newest = max(message for seq, message in told if seq <= mark)
    seen = trail.upto(mark)
    assert newest - SECOND < seen <= newest
    assert trail.upto(mark + 5) >= seen


def test_a_mark_that_stands_still_for_long_costs_little_memory() -> None:
    trail = Trail()
    count = 3 * MOST_STEPS
    for number in range(1, count):
        trail.note(number, number * SECOND)
    assert trail.upto(0) == 0
    half = trail.upto(count // 2)
    assert (count // 2 - 8) * SECOND < half <= count // 2 * SECOND
    assert trail.upto(count) > (count - 8) * SECOND


def test_a_log_that_is_read_again_teaches_nothing_new() -> None:
    trail = Trail()
    trail.note(5, 5 * SECOND)
    trail.note(3, 9 * SECOND)
    assert trail.upto(4) == 0
    assert trail.upto(5) == 5 * SECOND


def test_a_gap_begins_a_little_before_what_was_seen_and_not_too_long_ago() -> None:
    recent = snowflake_at(NOW - timedelta(seconds=30))
    assert beginning(recent, now=NOW, oldest=MINUTE, joined_at=None) == recent - OVERLAP
    assert beginning(0, now=NOW, oldest=MINUTE, joined_at=None) == snowflake_at(NOW - MINUTE)
    joined = NOW - timedelta(seconds=5)
    assert beginning(recent, now=NOW, oldest=MINUTE, joined_at=joined) == snowflake_at(joined)
    assert beginning(0, now=datetime(2015, 1, 1, tzinfo=UTC), oldest=MINUTE, joined_at=None) == 0


def test_it_ends_a_little_behind_the_first_live_message() -> None:
    assert ending(None, 5) is None
    assert ending(1000, 5) == 1000 + TAIL
    assert ending(1000, 1001 + TAIL) == 1001 + TAIL, "what was there already does not come live"


ROOMS = st.lists(
    st.builds(Room, st.integers(1, 30).map(ChannelId), st.integers(0, 20), st.booleans(), st.booleans()),
    unique_by=lambda room: room.channel_id,
    max_size=20,
)


@given(ROOMS, st.integers(0, 20), st.integers(0, 10))
def test_only_where_something_was_written_and_may_be_read(rooms: list[Room], after: int, most: int) -> None:
    found = plan(rooms, after, most=most)
    by_id = {room.channel_id: room for room in rooms}
    planned = [by_id[channel_id] for channel_id in found.channels]
    changed = {room.channel_id for room in rooms if room.newest > after and room.may_see}
    assert all(room.may_read and room.channel_id in changed for room in planned)
    assert all(not by_id[channel_id].may_read for channel_id in found.forbidden)
    assert len(found.channels) <= most
    assert len(changed) == len(found.channels) + len(found.forbidden) + found.left_out
    if found.left_out:
        assert len(found.channels) == most
    assert [room.newest for room in planned] == sorted((room.newest for room in planned), reverse=True)


def test_a_channel_that_the_bot_does_not_see_is_nobodys_business() -> None:
    assert plan([Room(ChannelId(1), 9, may_see=False, may_read=True)], 0, most=5) == plan([], 0, most=5)
