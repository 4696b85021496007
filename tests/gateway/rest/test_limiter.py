"""The limiter's decisions, one by one; the property against a model of Discord is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.gateway.rest import routes
from alphapy.gateway.rest.answers import Answer, Bucket, Scope
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority, Refusal, TicketState

if TYPE_CHECKING:
    from alphapy.gateway.rest.lanes import Ticket
    from alphapy.gateway.rest.routes import Target

FAR = 1e9
SEND = routes.CREATE_MESSAGE
RESPOND = routes.RESPOND.to(interaction_id=1, interaction_token="t")


def channel(number: int = 1) -> Target:
    return SEND.to(channel_id=number)


class Bench:
    """A limiter with its time."""

    def __init__(self, **bounds: int) -> None:
        self.limiter = Limiter(Bounds(**bounds))
        self.now = 100.0

    def ask(self, target: Target, priority: Priority = Priority.OTHER, *, patience: float = FAR) -> Ticket:
        return self.limiter.submit(target, priority, self.now, expires_at=self.now + patience)

    def grant(self) -> list[Ticket]:
        return self.limiter.grant(self.now)

    def go(self, target: Target, answer: Answer | None) -> None:
        """Ask, be granted at once, be answered at once."""
        ticket = self.ask(target)
        assert self.grant() == [ticket]
        self.limiter.finish(ticket, answer, self.now)


def bucket(remaining: int, *, limit: int = 5, reset_after: float = 5.0, name: str = "b") -> Answer:
    return Answer(200, Bucket(name, limit, remaining, reset_after))


def test_an_unknown_route_is_tried_one_request_at_a_time() -> None:
    bench = Bench()
    first, second, elsewhere = bench.ask(channel()), bench.ask(channel()), bench.ask(channel(2))
    assert bench.grant() == [first, elsewhere]
    assert bench.limiter.wake_at(bench.now) is None
    bench.limiter.finish(first, bucket(4), bench.now)
    assert bench.grant() == [second]


def test_a_known_bucket_lets_through_what_remains_and_no_more() -> None:
    bench = Bench()
    bench.go(channel(), bucket(4))
    tickets = [bench.ask(channel()) for _ in range(6)]
    assert bench.grant() == tickets[:4]
    assert bench.limiter.wake_at(bench.now) == pytest.approx(105.005)
    bench.now = 105.01
    for ticket in tickets[:4]:
        bench.limiter.finish(ticket, bucket(0, reset_after=0.001), bench.now)
    bench.now = 105.1
    assert bench.grant() == tickets[4:]


def test_a_route_without_a_bucket_is_not_held_up() -> None:
    bench = Bench()
    bench.go(channel(), Answer(204))
    tickets = [bench.ask(channel()) for _ in range(20)]
    assert bench.grant() == tickets


def test_an_error_without_headers_teaches_nothing() -> None:
    bench = Bench()
    bench.go(channel(), Answer(502))
    first, second = bench.ask(channel()), bench.ask(channel())
    assert bench.grant() == [first]
    assert second.state is TicketState.WAITING


def test_two_routes_can_share_a_bucket() -> None:
    bench = Bench()
    delete = routes.DELETE_MESSAGE.to(channel_id=1, message_id=2)
    bench.go(channel(), bucket(1, limit=2))
    bench.go(delete, bucket(0, limit=2))
    waiting = [bench.ask(channel()), bench.ask(delete)]
    assert bench.grant() == []
    bench.now += 5.1
    assert bench.grant() == waiting


def test_an_unknown_route_waits_for_siblings_that_have_nothing_to_spare() -> None:
    bench = Bench()
    bench.go(channel(), bucket(0, limit=2))
    probe = bench.ask(routes.DELETE_MESSAGE.to(channel_id=1, message_id=2))
    assert bench.grant() == []
    bench.now = bench.limiter.wake_at(bench.now) or 0.0
    assert bench.grant() == [probe]


def test_but_not_for_one_that_is_exhausted_for_long() -> None:
    bench = Bench()
    bench.go(channel(), bucket(0, limit=2, reset_after=600.0))
    probe = bench.ask(routes.DELETE_MESSAGE.to(channel_id=1, message_id=2))
    assert bench.grant() == [probe]


def test_a_bucket_that_changes_its_name_takes_the_waiting_along() -> None:
    bench = Bench()
    bench.go(channel(), bucket(1, limit=2))
    last, waiting = bench.ask(channel()), bench.ask(channel())
    assert bench.grant() == [last]
    bench.limiter.finish(last, bucket(3, limit=4, name="other"), bench.now)
    assert bench.grant() == [waiting]


def test_interaction_answers_go_first_then_moderation() -> None:
    bench = Bench(global_limit=3)
    bench.go(channel(), Answer(204))
    used = [bench.ask(channel()) for _ in range(2)]
    assert bench.grant() == used
    other = bench.ask(channel())
    moderation = bench.ask(channel(), Priority.MODERATION)
    interaction = bench.ask(channel(2), Priority.INTERACTION)
    for ticket in used:
        bench.limiter.finish(ticket, Answer(204), bench.now)
    assert bench.grant() == []
    bench.now += 1.1
    assert bench.grant() == [interaction, moderation, other]


def test_the_global_limit_does_not_hold_for_interactions() -> None:
    bench = Bench(global_limit=1)
    bench.ask(channel())
    bench.ask(channel(2))
    assert len(bench.grant()) == 1
    callback = bench.ask(RESPOND, Priority.INTERACTION)
    assert bench.grant() == [callback]


def test_requests_in_flight_are_bounded_and_interactions_have_their_own_bound() -> None:
    bench = Bench(in_flight=2, exempt_in_flight=1)
    bench.go(channel(), Answer(204))
    first, second, third = (bench.ask(channel()) for _ in range(3))
    callback = bench.ask(RESPOND)
    assert set(bench.grant()) == {first, second, callback}
    bench.limiter.finish(first, Answer(204), bench.now)
    assert bench.grant() == [third]
    assert bench.limiter.most_in_flight == 3


@pytest.mark.parametrize(
    ("scope", "this", "other", "callback"),
    [
        (Scope.USER, False, True, True),
        (Scope.SHARED, False, True, True),
        (Scope.GLOBAL, False, False, True),
        (Scope.EDGE, False, False, False),
    ],
)
def test_what_a_429_holds_up(scope: Scope, this: bool, other: bool, callback: bool) -> None:
    bench = Bench()
    bench.go(channel(), bucket(4))
    bench.go(channel(), Answer(429, None if scope is Scope.EDGE else Bucket("b", 5, 3, 4.0), scope, 7.0))
    tickets = [bench.ask(channel()), bench.ask(channel(2)), bench.ask(RESPOND)]
    bench.grant()
    states = [ticket.state is TicketState.GRANTED for ticket in tickets]
    assert states == [this, other, callback]
    wake = bench.limiter.wake_at(bench.now)
    assert wake == pytest.approx(107.0)
    bench.now = 107.0
    bench.grant()
    assert all(ticket.state is TicketState.GRANTED for ticket in tickets)


def test_a_wait_that_is_too_long_is_refused_at_once() -> None:
    bench = Bench()
    bench.go(channel(), Answer(429, None, Scope.GLOBAL, 60.0))
    ticket = bench.ask(channel(), patience=30.0)
    assert (ticket.state, ticket.refusal) == (TicketState.REFUSED, Refusal.TOO_LONG)
    assert ticket.retry_after == pytest.approx(60.0)
    assert bench.ask(channel(), patience=61.0).state is TicketState.WAITING


def test_waiting_for_a_window_that_ends_too_late_is_refused_too() -> None:
    bench = Bench()
    bench.go(channel(), bucket(0))
    assert bench.ask(channel(), patience=3.0).refusal is Refusal.TOO_LONG


def test_queues_are_bounded_per_lane_and_per_priority() -> None:
    bench = Bench(waiting=4, waiting_per_lane=2)
    lane = [bench.ask(channel()) for _ in range(3)]
    assert [ticket.refusal for ticket in lane] == [None, None, Refusal.QUEUE_FULL]
    others = [bench.ask(channel(number)) for number in (2, 3, 4)]
    assert [ticket.refusal for ticket in others] == [None, None, Refusal.QUEUE_FULL]
    assert bench.ask(channel(4), Priority.MODERATION).refusal is None


def test_errors_stop_ordinary_requests_first_and_all_well_before_the_ban() -> None:
    bench = Bench(global_limit=100_000)
    bench.go(channel(), Answer(204))
    refused: dict[int, list[Priority]] = {}
    for count in range(8_001):
        if count in {3_999, 4_000, 4_999, 5_000, 6_499, 6_500, 7_999, 8_000}:
            asked = [bench.ask(channel(), priority) for priority in Priority]
            refused[count] = [t.priority for t in asked if t.refusal is Refusal.TOO_MANY_ERRORS]
            for ticket in asked:
                bench.limiter.discard(ticket, bench.now)
        if count < 8_000:
            ticket = bench.ask(channel(), Priority.INTERACTION)
            bench.grant()
            bench.limiter.finish(ticket, Answer(403), bench.now)
    later = [Priority.MODERATION, Priority.OTHER, Priority.BACKFILL]
    assert refused == {
        3_999: [], 4_000: later[2:], 4_999: later[2:], 5_000: later[1:], 6_499: later[1:], 6_500: later,
        7_999: later, 8_000: list(Priority),
    }  # fmt: skip
    assert bench.limiter.statistics(bench.now).invalid == 8_000
    bench.now += 611.0
    assert bench.ask(channel()).state is TicketState.WAITING
    assert bench.limiter.statistics(bench.now).invalid == 0


def test_a_request_that_waited_while_errors_piled_up_is_refused() -> None:
    bench = Bench(global_limit=6000, in_flight=6000, waiting=6000, waiting_per_lane=6000)
    bench.go(channel(), Answer(204))
    flood = [bench.ask(channel()) for _ in range(5001)]
    over = bench.grant()
    assert over == flood
    assert [t.state for t in over[-2:]] == [TicketState.GRANTED, TicketState.REFUSED]


def test_unused_permits_and_left_queues_cost_nothing() -> None:
    bench = Bench(global_limit=1)
    ticket, waiting = bench.ask(channel()), bench.ask(channel())
    assert bench.grant() == [ticket]
    bench.limiter.discard(ticket, bench.now)
    bench.limiter.discard(ticket, bench.now)
    assert bench.grant() == [waiting]
    third = bench.ask(channel())
    bench.limiter.discard(third, bench.now)
    bench.limiter.discard(waiting, bench.now)
    statistics = bench.limiter.statistics(bench.now)
    assert statistics.in_flight == 0
    assert set(statistics.waiting.values()) == {0}
    assert bench.grant() == []


def test_a_lost_request_takes_up_a_permit_until_its_window_is_over_for_certain() -> None:
    bench = Bench()
    bench.go(channel(), bucket(1, limit=2))
    lost = bench.ask(channel())
    bench.grant()
    bench.limiter.finish(lost, None, bench.now)
    waiting = [bench.ask(channel()), bench.ask(channel())]
    assert bench.grant() == []
    bench.now = 105.1
    assert bench.grant() == waiting[:1]
    bench.now = 106.1
    assert bench.grant() == waiting[1:]


def test_a_ticket_ends_once() -> None:
    bench = Bench()
    ticket = bench.ask(channel())
    with pytest.raises(ValueError, match="WAITING"):
        bench.limiter.finish(ticket, None, bench.now)


def test_memory_follows_use() -> None:
    bench = Bench(global_limit=100_000)
    for number in range(5_000):
        bench.now += 0.01
        bench.go(channel(number), bucket(4, reset_after=1.0))
    assert bench.limiter.statistics(bench.now).lanes < 1_100
