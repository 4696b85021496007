"""The limiter against a model of Discord: never a request that would be answered with 429, and no idling."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from alphapy.gateway.rest.limiter import Bounds
from alphapy.gateway.rest.routes import Route
from alphapy.gateway.rest.tickets import Priority
from alphapy.gateway.rest.windows import MARGIN, SlidingWindow
from tests.gateway.rest.discord_model import Rule, Style
from tests.gateway.rest.limiter_driver import Driver, Journey

ROUTES = (
    Route("POST", "/channels/{channel_id}/messages"),
    Route("DELETE", "/channels/{channel_id}/messages/{message_id}"),
    Route("PATCH", "/channels/{channel_id}/messages/{message_id}"),
    Route("PATCH", "/guilds/{guild_id}/members/{user_id}"),
    Route("GET", "/gateway/bot"),
    Route("GET", "/users/@me"),
    Route("POST", "/webhooks/{webhook_id}/{webhook_token}"),
)

limits = st.integers(1, 6)
windows = st.sampled_from([0.25, 1.0, 2.0, 5.0])
styles = st.sampled_from(Style)
latencies = st.floats(0.0, 0.4)
journeys = st.builds(
    Journey,
    latencies,
    latencies,
    st.none() | st.floats(0.01, 1.0),
    st.sampled_from([0.0, 0.0, 0.3]),
    st.booleans(),
)


@st.composite
def rules(draw: st.DrawFn) -> dict[Route, Rule | None]:
    """A bucket for every route; some share one, some have none."""
    buckets = [Rule(f"bucket-{number}", draw(styles), draw(limits), draw(windows)) for number in range(4)]
    return {route: draw(st.sampled_from([*buckets, None])) for route in ROUTES}


class AgainstDiscord(RuleBasedStateMachine):
    """Any mix of requests, latencies, lost answers and cancellations."""

    @initialize(rules=rules(), style=styles, global_limit=st.sampled_from([4, 20, 50]))
    def start(self, rules: dict[Route, Rule | None], style: Style, global_limit: int) -> None:
        self.driver = Driver(rules, global_style=style, bounds=Bounds(global_limit=global_limit))

    @rule(
        route=st.sampled_from(ROUTES),
        major=st.integers(1, 2),
        journey=journeys,
        priority=st.sampled_from(Priority),
        count=st.integers(1, 12),
    )
    def request(self, route: Route, major: int, journey: Journey, priority: Priority, count: int) -> None:
        target = route.to(
            channel_id=major, guild_id=major, webhook_id=major, webhook_token="t", message_id=1, user_id=1
        )
        for _ in range(count):
            self.driver.submit(target, journey, priority)

    @rule(seconds=st.floats(0.0, 3.0))
    def wait(self, seconds: float) -> None:
        self.driver.advance(seconds)

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        waiting = list(self.driver.waiting)
        if waiting:
            self.driver.cancel(waiting[which % len(waiting)])

    @invariant()
    def nothing_was_refused(self) -> None:
        if hasattr(self, "driver"):
            assert self.driver.breaches == []

    @override
    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        requests = len(self.driver.waiting)
        self.driver.advance(60.0 + 12.0 * requests)
        assert not self.driver.waiting, "a request waits for ever"
        assert self.driver.breaches == []
        statistics = self.driver.limiter.statistics(self.driver.network.now)
        assert statistics.in_flight == 0
        assert set(statistics.waiting.values()) == {0}


TestAgainstDiscord = AgainstDiscord.TestCase
# Shrinking takes minutes, longer than a test may: add Phase.shrink by hand when this fails.
TestAgainstDiscord.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def saturate(driver: Driver, route: Route, majors: int, journey: Journey, *, seconds: float) -> int:
    """Keep requests waiting for every major all the time; how many the server took."""
    driver.on_end = lambda ticket: keep(int(ticket.major.removeprefix("channel_id=")))

    def keep(major: int) -> None:
        driver.submit(route.to(channel_id=major), journey)

    for major in range(majors):
        for _ in range(60):
            keep(major)
    driver.advance(seconds)
    return driver.server.taken


NEARLY = 0.95


@settings(max_examples=20, deadline=None)
@given(
    limit=st.integers(1, 10),
    window=st.sampled_from([1.0, 2.0, 5.0]),
    slow=st.floats(0.0, 0.5),
    share=st.floats(0.0, 1.0),
)
def test_a_busy_bucket_is_used_but_for_the_round_trip(
    limit: int, window: float, slow: float, share: float
) -> None:
    """Within 5% of a window's permits in every window and round trip (docs/decisions/0008)."""
    latency = slow * window
    driver = Driver({ROUTES[0]: Rule("b", Style.FIXED, limit, window)})
    windows = 50
    taken = saturate(
        driver, ROUTES[0], 1, Journey(latency * share, latency * (1 - share)), seconds=windows * window
    )
    assert driver.breaches == []
    # The first request of all goes alone, and tells the bucket.
    assert taken >= NEARLY * limit * (windows * window - latency) / (window + latency) - limit


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("round_trip", [0.0, 0.045, 0.15, 0.4])
def test_the_global_limit_is_used_but_for_the_round_trip(style: Style, round_trip: float) -> None:
    """Within 5% of 50 a second up to 45 ms; beyond, of 50 in a second and a round trip."""
    driver = Driver({ROUTES[0]: Rule("b", style, 50, 1.0)}, global_style=style)
    taken = saturate(driver, ROUTES[0], 30, Journey(round_trip / 2, round_trip / 2), seconds=60.0)
    assert driver.breaches == []
    counted = 50.0 if round_trip <= 0.045 else 50.0 / (1.0 + round_trip)
    assert taken >= NEARLY * counted * 60


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 8),
    trips=st.lists(st.floats(0.0, 2.0), min_size=20, max_size=60),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.3]), min_size=60, max_size=60),
)
def test_a_permit_given_any_earlier_could_be_refused(
    limit: int, trips: list[float], pauses: list[float]
) -> None:
    """Nothing faster is safe for who only knows when each request left and when its answer came.

    Whenever a request had to wait for the window: sent a moment earlier, and counted at once, it could have
    been one too many within a second, the others having been counted as late as their answers allow.
    """
    window, now = SlidingWindow(limit, 1.0), 0.0
    answered: list[float] = []
    under_way: list[float] = []

    def pass_time(until: float) -> None:
        nonlocal now
        for at in sorted(at for at in under_way if at <= until):
            under_way.remove(at)
            answered.append(at)
            window.done(at)
        now = max(now, until)

    for trip, pause in zip(trips, pauses, strict=False):
        pass_time(now + pause)
        waited = False
        while window.free(now) < 1:
            waited = True
            pass_time(min([at for at in (window.free_at, *under_way) if at is not None]))
        if waited:
            earlier = now - 2 * MARGIN
            possible = sum(at > earlier - 1.0 for at in [*answered, *under_way])
            assert possible >= limit
        window.take()
        under_way.append(now + trip)


def test_uneven_latency_costs_no_breach_of_the_global_limit() -> None:
    driver = Driver({ROUTES[0]: None})
    for number in range(400):
        driver.submit(ROUTES[0].to(channel_id=number % 7), Journey(0.3 * (number % 5 == 0), 0.01))
        driver.advance(0.003)
    driver.advance(60.0)
    assert driver.breaches == []
    assert driver.server.taken == 400
