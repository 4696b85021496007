"""Whether a round kept the promise: nothing is lost, and nothing happens twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from tests.campaigns import counting
from tests.campaigns.bot import Bot
from tests.campaigns.expected import (
    Expected,
    expectations,
    is_beyond_recovery,
    key_of,
    key_of_answer,
    violations,
)
from tests.campaigns.model import POINTS
from tests.campaigns.plan import Kind, Plan
from tests.campaigns.records import Books
from tests.campaigns.town import Town
from tests.campaigns.using import Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.campaigns.town import Said


LISTED = 4
LONGEST = 300
"""Examples of each kind of problem that are printed, and their characters."""


LATE = 2.5
"""Seconds after which an interaction that reaches the bot has too little time left to be answered."""


TOO_LATE = "interactions failed"
"""The one problem that a busy machine can cause by itself: Discord waits three seconds."""


@attrs.frozen(kw_only=True)
class Evidence:
    """Everything that a round leaves behind."""

    plan: Plan
    town: Town
    uses: Sequence[Use]
    books: Books
    bot: Bot
    struck: Counter[str]
    missed: Counter[str]
    trouble: Sequence[str]
    exit_code: int
    seconds: float


@attrs.frozen(kw_only=True)
class Count:
    """One line of the summary."""

    what: str
    expected: int
    found: int
    lost: int = 0
    doubled: int = 0
    unexpected: int = 0


@attrs.frozen(kw_only=True)
class Verdict:
    """What is printed and what decides about the exit code."""

    evidence: Evidence
    counts: Sequence[Count]
    problems: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether everything was as it had to be."""
        return not self.problems


def is_hopeless(use: Use, town: Town) -> bool:
    """Whether no process was connected in time to answer an interaction within Discord's three seconds."""
    created = use.view.interaction.created
    return use.failed and any(gap.left <= created + LATE and created + LATE <= gap.back for gap in town.gaps)


def still_missing(plan: Plan, town: Town, books: Books) -> bool:
    """Whether something that must happen has not happened yet."""
    wanted = expectations(plan, town)
    return (
        len(town.answers) < len(wanted)
        or books.effects.get("pending", 0) > 0
        or sum(books.uses.values()) < len(wanted)
        or any(e.rule.delete_trigger and e.said.message_id not in town.deleted for e in wanted)
        or len(books.logged) < len(recoverable(town, books))
        or any(said.message_id not in town.deleted for said in violations(town))
        or (books.counted is not None and not counting.is_complete(town, books.counted))
    )


def recoverable(town: Town, books: Books) -> list[Said]:
    """The violations that must be written down: all but those of which nobody can know any more."""
    logged = set(books.logged)
    return [
        said
        for said in violations(town)
        if f"{said.message_id}:0" in logged or not is_beyond_recovery(said, town)
    ]


def judge(evidence: Evidence) -> Verdict:
    """Compare what was expected with what was found."""
    wanted = expectations(evidence.plan, evidence.town)
    court = _Court(evidence, wanted)
    counts = [court.answers(), court.uses(), court.deletions(), court.toggles(), court.moderation()]
    problems = [*evidence.trouble, *court.problems, *court.rest()]
    return Verdict(evidence=evidence, counts=counts, problems=problems)


class _Court:
    """Collects the problems of one round."""

    def __init__(self, evidence: Evidence, wanted: Sequence[Expected]) -> None:
        self._evidence = evidence
        self._town = evidence.town
        self._wanted = wanted
        self.problems: list[str] = []

    def answers(self) -> Count:
        """Every expected answer once, and no other."""
        wanted = Counter(map(key_of, self._wanted))
        given = Counter(map(key_of_answer, self._town.answers))
        lost, extra = wanted - given, given - wanted
        doubled = {key: count for key, count in extra.items() if key in wanted}
        unexpected = {key: count for key, count in extra.items() if key not in wanted}
        self._list("not answered", lost)
        self._list("answered more than once", doubled)
        self._list("answered although nothing asked for it", unexpected)
        return Count(
            what="answers",
            expected=wanted.total(),
            found=given.total(),
            lost=lost.total(),
            doubled=sum(doubled.values()),
            unexpected=sum(unexpected.values()),
        )

    def uses(self) -> Count:
        """The counters agree with the messages, and each number was told once."""
        books = self._evidence.books
        wanted = Counter((e.said.act.guild, e.rule.name.lower()) for e in self._wanted)
        written = Counter({key: uses for key, uses in books.uses.items() if uses})
        self._list("uses missing in the database", wanted - written)
        self._list("uses too many in the database", written - wanted)
        self._numbers(wanted)
        return Count(
            what="uses",
            expected=wanted.total(),
            found=written.total(),
            lost=(wanted - written).total(),
            doubled=(written - wanted).total(),
        )

    def deletions(self) -> Count:
        """Every trigger that is to be deleted is gone, and no other message."""
        wanted = {e.said.message_id for e in self._wanted if e.rule.delete_trigger}
        wanted |= {said.message_id for said in violations(self._town)}
        gone = set(self._town.deleted)
        left, mistaken = wanted - gone, gone - wanted
        if left:
            self.problems.append(f"{len(left)} triggers were not deleted: {_some(left)}")
        if mistaken:
            self.problems.append(f"{len(mistaken)} messages were deleted by mistake: {_some(mistaken)}")
        return Count(
            what="deletions",
            expected=len(wanted),
            found=len(gone),
            lost=len(left),
            unexpected=len(mistaken),
        )

    def moderation(self) -> Count:
        """Every violation is in the log once; points and statistics agree with it."""
        books, town = self._evidence.books, self._town
        broken = recoverable(town, books)
        wanted = Counter(f"{said.message_id}:0" for said in broken)
        found = Counter(books.logged)
        self._list("violations missing in the log", wanted - found)
        self._list("violations too many in the log", found - wanted)
        points = Counter[tuple[int, int]]()
        for said in broken:
            points[said.act.guild, town.author(said.act)] += POINTS
        if points != Counter(books.points):
            self.problems.append(f"the points are {dict(books.points)}, they should be {dict(points)}")
        if books.triggers != len(broken):
            self.problems.append(f"{books.triggers} triggers are counted, there were {len(broken)}")
        return Count(
            what="violations",
            expected=wanted.total(),
            found=found.total(),
            lost=(wanted - found).total(),
            doubled=(found - wanted).total(),
        )

    def toggles(self) -> Count:
        """Each rule is switched at the most once, and for certain if its admin was told so."""
        enabled = self._evidence.books.enabled
        told = lost = doubled = 0
        switched = sum(not on for on in enabled.values())
        for use in self._evidence.uses:
            name = use.act.toggles
            if name is None or not use.text:
                continue
            if "is now on" in use.text:
                doubled += 1
                self.problems.append(f"guild {use.act.guild}: {name} was switched twice for one use")
            elif "is now off" in use.text:
                told += 1
                if enabled[use.act.guild, name]:
                    lost += 1
                    self.problems.append(f"guild {use.act.guild}: {name} is on, its admin was told it is off")
        return Count(what="switches", expected=told, found=switched, lost=lost, doubled=doubled)

    def rest(self) -> Iterator[str]:
        """Everything else that must not be."""
        evidence, books = self._evidence, self._evidence.books
        for state, count in books.effects.items():
            if state != "done":
                yield f"{count} effects are {state}"
        if books.counted is not None:
            yield from counting.problems(self._town, books.counted)
        if books.dead_letters:
            yield f"{books.dead_letters} dead letters"
        if evidence.bot.deaths:
            yield f"the bot ended by itself, with the exit codes {_some(evidence.bot.deaths)}"
            yield evidence.bot.log_tail()
        if evidence.exit_code:
            yield f"the bot ended with exit code {evidence.exit_code} when it was told to stop"
        if len(books.sessions) > 1:
            yield f"{len(books.sessions)} gateway sessions are stored for one shard"
        marks = dict(books.sessions)
        behind = [
            f"guild {guild}, {feature}: {seq}"
            for guild, feature, session, seq in books.progress
            if seq < min(marks.get(session, 0), 1)
        ]
        if behind:
            yield f"progress without an event: {_some(behind)}"
        yield from self._interactions()

    def _interactions(self) -> Iterator[str]:
        promised = [use for use in self._evidence.uses if use.promised]
        if promised and not self._evidence.plan.refuses_a_session:
            yield f"{len(promised)} promised answers never came: " + _some(map(self._when, promised))
        if self._evidence.plan.kind is not Kind.DEPLOY:
            return
        failed = [use for use in self._evidence.uses if use.failed and not is_hopeless(use, self._town)]
        if failed:
            yield f"{len(failed)} {TOO_LATE}: " + _some(self._when(use) for use in failed)
        refused = [use for use in self._evidence.uses if use.title == "That did not work"]
        if refused:
            yield f"{len(refused)} interactions were refused: " + _some(f"{u.act.path}" for u in refused)

    def _when(self, use: Use) -> str:
        created = use.view.interaction.created
        near = [gap.back - created for gap in self._town.gaps if gap.left - 3 < created < gap.back]
        return use.act.path + "".join(f", {before:.2f} s before the bot was back" for before in near)

    def _numbers(self, wanted: Mapping[tuple[int, str], int]) -> None:
        """The numbers that members were told are 1 to n, each once."""
        guild_of = {
            channel: number for number, channels in enumerate(self._town.channels) for channel in channels
        }
        told: dict[tuple[int, str], list[int]] = {}
        for answer in self._town.answers:
            told.setdefault((guild_of[answer.channel_id], answer.rule.lower()), []).append(answer.use)
        for key, count in wanted.items():
            numbers = sorted(told.get(key, ()))
            if len(numbers) == count and numbers != list(range(1, count + 1)):
                self.problems.append(f"guild {key[0]}: {key[1]} told the numbers {numbers}")

    def _list(self, what: str, found: Mapping[Any, int]) -> None:
        if found:
            self.problems.append(f"{sum(found.values())} {what}: {_some(found)}")


def _some(found: Iterable[object]) -> str:
    listed = [str(item) for item in found]
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return ", ".join(listed[:LISTED])[:LONGEST] + more
