"""The limiter under test, driven against the model of Discord through a network with latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.gateway.rest.answers import Answer, Bucket
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority, TicketState
from tests.gateway.rest.discord_model import Network, Rule, Server, Style, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.gateway.rest.lanes import Ticket
    from alphapy.gateway.rest.routes import Route, Target

FOREVER = 1e9


@attrs.frozen
class Journey:
    """One request's way: seconds to the server and back; given up after ``lost_after`` if not None.

    ``body`` is how long after its beginning the answer was complete. The answer of a ``mute`` one is a 502
    that tells nothing of the bucket, although the request was counted.
    """

    there: float
    back: float
    lost_after: float | None = None
    body: float = 0.0
    mute: bool = False


class Driver:
    """Submits requests, carries them to the server, and hands answers back, all in order of time."""

    def __init__(
        self,
        rules: dict[Route, Rule | None],
        *,
        global_style: Style = Style.SLIDING,
        bounds: Bounds | None = None,
    ) -> None:
        self.network = Network()
        named = {route.key: rule for route, rule in rules.items()}
        self.server = Server(named, global_style=global_style, global_limit=(bounds or Bounds()).global_limit)
        self.limiter = Limiter(bounds)
        self.breaches: list[str] = []
        self.waiting: dict[Ticket, tuple[Target, Journey]] = {}
        self.granted: list[Ticket] = []
        self.answered: set[str] = set()
        self.on_end: Callable[[Ticket], None] | None = None

    def submit(self, target: Target, journey: Journey, priority: Priority = Priority.OTHER) -> Ticket:
        ticket = self.limiter.submit(target, priority, self.network.now, expires_at=FOREVER)
        if ticket.state is TicketState.WAITING:
            self.waiting[ticket] = (target, journey)
            self.pump()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        self.limiter.discard(ticket, self.network.now)
        self.waiting.pop(ticket, None)
        self.pump()

    def pump(self) -> None:
        for ticket in self.limiter.grant(self.network.now):
            target, journey = self.waiting.pop(ticket)
            if ticket.state is TicketState.GRANTED:
                self.granted.append(ticket)
                self._send(ticket, target, journey)

    def advance(self, seconds: float) -> None:
        """Let this much time pass, with all that happens in it."""
        until = self.network.now + seconds
        while True:
            wake, event = self.limiter.wake_at(self.network.now), self.network.next_at
            if event is not None and event <= until and (wake is None or event <= wake):
                self.network.step()
            elif wake is not None and wake <= until:
                self.network.now = max(self.network.now, wake)
            else:
                break
            self.pump()
        self.network.now = until

    def _send(self, ticket: Ticket, target: Target, journey: Journey) -> None:
        sent_at, over = self.network.now, False
        verdicts: list[Verdict] = []
        may_be_lost = self._may_be_lost(ticket)

        def arrive() -> None:
            verdict = self.server.arrive(
                self.network.now, ticket.route, target.major, exempt=target.route.by_token
            )
            verdicts.append(verdict)
            if verdict.breach is not None:
                self.breaches.append(verdict.breach)

        def answer() -> None:
            nonlocal over
            if not over:
                over = True
                heard_at = sent_at + journey.there + journey.back
                mute = journey.mute and may_be_lost
                if not mute:
                    self.answered.add(ticket.route)
                self._finish(ticket, Answer(502) if mute else _answer(verdicts[0]), heard_at)

        def give_up() -> None:
            nonlocal over
            if not over:
                over = True
                self._finish(ticket, None)

        self.network.at(sent_at + journey.there, arrive)
        self.network.at(sent_at + journey.there + journey.back + journey.body, answer)
        if journey.lost_after is not None and may_be_lost:
            self.network.at(sent_at + journey.lost_after, give_up)

    def _may_be_lost(self, ticket: Ticket) -> bool:
        """Whether the limiter can know what a lost request costs: it has seen the route's window, whole.

        The first answer of a window tells how long it is, but not that of an evenly refilled bucket.
        """
        rule = self.server.rules[ticket.route]
        return ticket.route in self.answered and (rule is None or rule.style is not Style.TOKENS)

    def _finish(self, ticket: Ticket, answer: Answer | None, heard_at: float | None = None) -> None:
        self.limiter.finish(ticket, answer, self.network.now, heard_at=heard_at)
        if self.on_end is not None:
            self.on_end(ticket)


def _answer(verdict: Verdict) -> Answer:
    if verdict.rule is None:
        return Answer(204)
    rule = verdict.rule
    reset_after = round(verdict.reset_after, 3)
    return Answer(200, Bucket(rule.name, rule.limit, verdict.remaining, reset_after))
