"""A round in words: its seed, its plan, and the counts expected and found."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING

from alphapy.sandbox.world.interactions import State
from tests.campaigns.expected import violations
from tests.campaigns.plan import Kind
from tests.campaigns.verdict import is_hopeless, recoverable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.campaigns.plan import Plan
    from tests.campaigns.verdict import Verdict


def heading(plan: Plan) -> str:
    """What is about to be played, and how to play it again."""
    lines = [f"{plan.kind.value} seed {plan.seed}", *plan.summary()]
    return "\n  ".join(lines)


def outcome(verdict: Verdict) -> str:
    """What came of it."""
    return "\n".join(_lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    evidence = verdict.evidence
    yield f"  struck {evidence.struck.total()}, points that did not come about {evidence.missed.total()}"
    for text, count in sorted(evidence.missed.items()):
        yield f"    not reached {count} x {text}"
    yield f"  {'':<12}{'expected':>9}{'found':>9}{'lost':>7}{'doubled':>9}{'unexpected':>12}"
    for c in verdict.counts:
        yield f"  {c.what:<12}{c.expected:>9}{c.found:>9}{c.lost:>7}{c.doubled:>9}{c.unexpected:>12}"
    yield _slash_line(verdict)
    yield f"  answers after   {_times(_delays(verdict))}"
    yield f"  away            {_times([gap.seconds for gap in evidence.town.gaps])}"
    beyond = len(violations(evidence.town)) - len(recoverable(evidence.town, evidence.books))
    if beyond:
        yield f"  {beyond} violations without a record: no database, then killed, and not resumed"
    if evidence.bot.stops:
        yield f"  SIGTERM to end  {_times(evidence.bot.stops)}"
    for problem in verdict.problems:
        yield f"  PROBLEM {problem}"
    yield f"  {'PASSED' if verdict.passed else 'FAILED'} in {evidence.seconds:.1f} s"


def _slash_line(verdict: Verdict) -> str:
    evidence = verdict.evidence
    uses = evidence.uses
    failed = sum(use.failed for use in uses)
    thinking = sum(use.view.state is State.THINKING for use in uses)
    times = _times(list(evidence.town.acknowledged.values()))
    counts = f"{len(uses)} used, {failed} without a response, {thinking} unfinished"
    if evidence.plan.kind is Kind.DEPLOY:
        hopeless = sum(is_hopeless(use, evidence.town) for use in uses)
        counts += f" ({hopeless} while no process ran)"
    return f"  slash commands  {counts}; first sign {times}"


def _delays(verdict: Verdict) -> list[float]:
    """Seconds from a message to its answer, of those that are replies."""
    said = {said.message_id: said.at for said in verdict.evidence.town.said}
    answers = verdict.evidence.town.answers
    return [answer.at - said[answer.reply_to] for answer in answers if answer.reply_to in said]


def _times(seconds: Sequence[float]) -> str:
    """Median, ninety-ninth percentile and longest."""
    if not seconds:
        return "-"
    if len(seconds) == 1:
        return f"{seconds[0]:.2f} s"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"median {cuts[49]:.2f} s, 99% {cuts[98]:.2f} s, longest {max(seconds):.2f} s"
