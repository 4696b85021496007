"""The judge sees what is lost, doubled, made up, miscounted, and told wrongly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.sandbox.world.interactions import State
from tests.campaigns.bot import Bot
from tests.campaigns.expected import expectations, unanswered_since
from tests.campaigns.plan import Kind, Plan, Rule, Say, Slash
from tests.campaigns.records import Books
from tests.campaigns.town import Gap, Town
from tests.campaigns.using import Use
from tests.campaigns.verdict import Evidence, Verdict, judge, still_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

HELLO = Rule(name="Hello", kind="exact", trigger="!hello", words="hello")
HUSH = Rule(name="hush", kind="contains", trigger="password", words="no", delete_trigger=True, reply=False)
PLAN = Plan(
    kind=Kind.KILL,
    seed=1,
    guilds=1,
    channels=2,
    members=2,
    rules=(HELLO, HUSH),
    acts=(
        Say(0, 0, 0, "!HELLO"),
        Say(0, 1, 1, "hello"),
        Say(0, 1, 1, "my password is"),
        Say(0, 1, 0, "!hello"),
    ),
)
GOOD = Books(
    uses={(0, "hello"): 2, (0, "hush"): 1},
    enabled={(0, "hello"): True, (0, "hush"): True},
    effects={"done": 4},
    dead_letters=0,
    progress=[(0, "custom_commands", "s", 9)],
    sessions=[("s", 9)],
)


@attrs.define
class Play:
    """A town in which the test plays the bot."""

    folder: Path
    town: Town = attrs.field(factory=lambda: Town(PLAN))

    def load(self) -> None:
        for act in PLAN.acts:
            assert isinstance(act, Say)
            self.town.say(act)

    def answer(self, number: int, use: int) -> None:
        """Answer the number-th expectation as the bot should."""
        wanted = expectations(PLAN, self.town)[number]
        body: dict[str, object] = {"content": f"{wanted.rule.name} #{use} {wanted.words}"}
        if wanted.rule.reply:
            body["message_reference"] = {"message_id": str(wanted.said.message_id)}
        self.town.world.messages.create(self.town.application.id, wanted.channel_id, body)

    def delete(self, number: int) -> None:
        said = self.town.said[number]
        channel = self.town.place(said.act)
        self.town.world.messages.delete(self.town.application.id, channel, said.message_id)

    def all_well(self) -> None:
        self.load()
        for number, use in ((0, 1), (1, 1), (2, 2)):
            self.answer(number, use)
        self.delete(2)

    def verdict(self, books: Books = GOOD, uses: Sequence[Use] = ()) -> Verdict:
        evidence = Evidence(
            plan=PLAN,
            town=self.town,
            uses=uses,
            books=books,
            bot=Bot({}, self.folder, self.folder),
            struck=Counter(),
            missed=Counter(),
            trouble=(),
            exit_code=0,
            seconds=0,
        )
        return judge(evidence)


async def test_what_is_as_it_must_be_passes(tmp_path: Path) -> None:
    play = Play(tmp_path)
    assert unanswered_since(PLAN, play.town) is None
    play.load()
    assert still_missing(PLAN, play.town, GOOD)
    play.answer(0, 1)
    assert unanswered_since(PLAN, play.town) == play.town.said[2].at
    play = Play(tmp_path)
    play.all_well()
    assert unanswered_since(PLAN, play.town) is None
    assert not still_missing(PLAN, play.town, GOOD)
    verdict = play.verdict()
    assert verdict.passed, verdict.problems
    assert [(c.expected, c.found) for c in verdict.counts] == [(3, 3), (3, 3), (1, 1), (0, 0), (0, 0)]


async def test_a_lost_and_a_doubled_answer_are_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.load()
    play.answer(0, 1)
    play.answer(0, 2)
    play.answer(1, 1)
    play.delete(2)
    verdict = play.verdict()
    assert (verdict.counts[0].lost, verdict.counts[0].doubled, verdict.counts[0].unexpected) == (1, 1, 0)
    assert len(verdict.problems) == 2


async def test_an_answer_that_nothing_asked_for_is_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.all_well()
    play.town.world.messages.create(play.town.application.id, play.town.channels[0][1], {"content": "boo"})
    assert play.verdict().counts[0].unexpected == 1


async def test_numbers_that_are_told_twice_are_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.load()
    for number in range(3):
        play.answer(number, 1)
    play.delete(2)
    assert [p for p in play.verdict().problems if "told the numbers [1, 1]" in p]


async def test_deletions_that_are_missing_or_too_many_are_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.all_well()
    play.delete(0)
    assert play.verdict().counts[2].unexpected == 1
    play = Play(tmp_path)
    play.load()
    assert play.verdict().counts[2].lost == 1


async def test_the_books_are_read(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "uses": {(0, "hello"): 3},
        "effects": {"done": 1, "pending": 1},
        "dead_letters": 2,
        "sessions": [("s", 9), ("t", 1)],
        "progress": [(0, "custom_commands", "s", 0)],
    }
    play = Play(tmp_path)
    play.all_well()
    for field, value in wrong.items():
        assert not play.verdict(attrs.evolve(GOOD, **{field: value})).passed, field


async def test_a_violation_that_is_not_logged_or_logged_twice_is_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.all_well()
    play.town.say(Say(0, 1, 1, "the KRA\u200bKEN"))
    missing = play.verdict()
    assert any("violations missing in the log" in problem for problem in missing.problems)
    assert any("1 triggers were not deleted" in problem for problem in missing.problems)
    play.delete(-1)
    said = play.town.said[-1]
    key = f"{said.message_id}:0"
    author = play.town.author(said.act)
    good = attrs.evolve(GOOD, logged=[key], points={(0, author): 2}, triggers=1)
    assert play.verdict(good).passed
    for wrong, words in (
        ({"logged": [key, key]}, "violations too many in the log"),
        ({"points": {(0, author): 4}}, "the points are"),
        ({"triggers": 2}, "2 triggers are counted"),
    ):
        verdict = play.verdict(attrs.evolve(good, **wrong))
        assert any(words in problem for problem in verdict.problems)


async def test_a_violation_that_nobody_can_know_of_any_more_is_left_out(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.all_well()
    play.town.say(Say(0, 1, 1, "the KRAKEN"))
    play.delete(-1)
    deleted = play.town.deleted[play.town.said[-1].message_id]
    assert not play.verdict().passed
    play.town.outages.append(Gap(deleted - 1, deleted + 1))
    assert not play.verdict().passed
    play.town.kills.append(deleted + 2)
    assert not play.verdict().passed
    play.town.refuses = True
    assert play.verdict().passed
    play.town.outages[:] = [Gap(deleted - 90, deleted - 60)]
    assert not play.verdict().passed


async def test_a_promised_answer_that_never_came_is_seen(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.all_well()
    view: Any = SimpleNamespace(state=State.THINKING, interaction=SimpleNamespace(created=0.0), messages=[])
    assert play.verdict(uses=[Use(Slash(0, "/cc list"), view)]).problems == [
        "1 promised answers never came: /cc list"
    ]
    view.state = State.DONE
    assert play.verdict(uses=[Use(Slash(0, "/cc list"), view)]).passed
