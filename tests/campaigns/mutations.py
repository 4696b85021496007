"""Whether the campaigns would notice: breaks the promise in a copy of the source, and expects them to fail.

``.venv/bin/python -m tests.campaigns.mutations [--only WORD] [--most ROUNDS]``; exit code 0 when the source
as it is passes and every break was noticed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio

from tests.campaigns.engine import TREE, Round
from tests.campaigns.ground import fresh_ground, own_server
from tests.campaigns.making import with_blows
from tests.campaigns.plan import Blow, Kill, Kind, Point
from tests.support.postgres import TEMPLATE, Databases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaigns.verdict import Verdict

MOST_ROUNDS = 4
"""Rounds in which a break must be noticed."""

SOURCE = ("alphapy", "migrations", "alembic.ini")


@attrs.frozen(kw_only=True)
class Mutation:
    """One break: what is replaced by what, and the blows that it must not survive."""

    name: str
    file: str
    before: str
    after: str
    blows: tuple[Blow, ...]

    def apply(self, tree: Path) -> None:
        """Break the copy; fails when the source does not look as expected any more."""
        path = tree / self.file
        source = path.read_text("utf-8")
        assert source.count(self.before) == 1, f"{self.name}: {self.file} has changed; adapt the mutation"
        path.write_text(source.replace(self.before, self.after), "utf-8")


def _at(point: Point, table: str = "", lag: float = 0.0) -> tuple[Blow, ...]:
    return tuple(Kill(point=point, table=table, after=count % 3, lag=lag) for count in range(5))


_REFUSED = tuple(Kill(point=Point.NOW, lag=0.02, refused=True) for _ in range(3))

_IN_TRANSACTION = """
            if (last is not None or newest) and not await session_storage.advance(tx, row, newest=newest):
                return None
"""
_WRITE = """
        async def write(tx: Transaction) -> list[Effect] | None:
"""
_OWN = """
        async def move(tx: Transaction) -> None:
            if last is not None or newest:
                await session_storage.advance(tx, row, newest=newest)
"""
_RUN = """
        await kit.waypoints.reach(Waypoint.BEFORE_COMMIT)
        recorded = await kit.pool.run(
            self._feature, write, idempotent=last is not None or newest > 0 or also is None
        )
"""
_BETWEEN = """            for number in letters:
                if not await deadletters.discard(tx, number):
                    return None
            recorded = await effect_storage.record(
                tx, self._guild_id, self._feature, drafts, now=kit.clock.now()
            )
            more = await also(tx) if also is not None else None
            if more:
                recorded += await effect_storage.record(
                    tx, self._guild_id, self._feature, more, now=kit.clock.now()
                )
            return recorded
"""
_JOURNAL = "alphapy/actors/journal.py"
_TOGETHER = _WRITE + _IN_TRANSACTION.removeprefix("\n") + _BETWEEN + _RUN
_APART = _OWN + _WRITE + _BETWEEN

MUTATIONS = (
    Mutation(
        name="the progress is written before the transaction",
        file=_JOURNAL,
        before=_TOGETHER,
        after=_APART + "        await kit.pool.run(self._feature, move)\n" + _RUN.removeprefix("\n"),
        blows=_at(Point.UNCOMMITTED, "effects"),
    ),
    Mutation(
        name="the progress is written after the transaction",
        file=_JOURNAL,
        before=_TOGETHER,
        after=_APART + _RUN.removeprefix("\n") + "        await kit.pool.run(self._feature, move)\n",
        blows=_at(Point.UNCOMMITTED, "event_progress"),
    ),
    Mutation(
        name="the nonce is random",
        file="alphapy/actors/effects/verbs.py",
        before="nonce=effect.nonce, within=within",
        after="nonce=__import__('secrets').token_hex(12), within=within",
        blows=_at(Point.SENT),
    ),
    Mutation(
        name="the mark does not wait for what is under way",
        file="alphapy/pure/ledger.py",
        before="self._open[0] - 1 if self._open else self._top)",
        after="self._top)",
        blows=_at(Point.UNCOMMITTED, "event_progress", lag=1.2),
    ),
    Mutation(
        name="an interaction does not hold the mark",
        file="alphapy/actors/unanswered.py",
        before="self._progress.hand_on(event, [HOLDER])",
        after="self._progress.hand_on(event, [])",
        # Long enough for a promise of an answer, and for a mark that passes the interaction.
        blows=_at(Point.UNCOMMITTED, "custom_commands", lag=2.4),
    ),
    Mutation(
        name="nothing is read back",
        file="alphapy/actors/custom_commands/manifest.py",
        before="backfill=ANSWER_LIVES",
        after="backfill=None if ANSWER_LIVES else None",
        blows=_REFUSED,
    ),
    Mutation(
        name="the gap begins where the new session does",
        file="alphapy/actors/sessions.py",
        before="        return None if shard is None else shard.seen\n",
        after="        return None if shard is None else 2**62\n",
        blows=_REFUSED,
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """Play against the source as it is, then against each broken copy."""
    options = _options(arguments)
    wrong = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alphapy-mutations-")))
        databases = stack.enter_context(own_server(folder))
        databases.ensure_template(folder / "template.lock")
        for mutation in MUTATIONS:
            if options.only not in mutation.name:
                continue
            _say(mutation.name)
            play = partial(_play, mutation, databases, folder)
            wrong += not is_noticed(mutation, options.tree, folder, play, most=options.most)
    _say(f"{wrong} wrong" if wrong else "every break was noticed")
    return 1 if wrong else 0


def is_noticed(
    mutation: Mutation, tree: Path, folder: Path, play: Callable[[Path, int], Verdict], *, most: int
) -> bool:
    """Whether the source as it is passes, and the broken copy does not, in ``most`` rounds at the most.

    ``play`` plays one round against a source, with a seed.
    """
    healthy = play(tree, 1)
    _say(f"  as it is: {_words(healthy)}")
    broken = _broken(mutation, tree, folder)
    noticed = next((v for seed in range(1, 1 + most) if not (v := play(broken, seed)).passed), None)
    _say(f"  broken:   {'NOT NOTICED' if noticed is None else 'noticed: ' + _words(noticed)}")
    return healthy.passed and noticed is not None


def _play(mutation: Mutation, databases: Databases, folder: Path, tree: Path, seed: int) -> Verdict:
    plan = with_blows(Kind.KILL, seed, mutation.blows)
    with fresh_ground(databases, TEMPLATE, None) as ground:
        return trio.run(Round(plan, ground, folder / "round", tree).play)


def _broken(mutation: Mutation, tree: Path, folder: Path) -> Path:
    copy = folder / "broken"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in SOURCE:
        if (tree / name).is_dir():
            shutil.copytree(tree / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(tree / name, copy / name)
    mutation.apply(copy)
    return copy


def _words(verdict: Verdict) -> str:
    return "passed" if verdict.passed else "; ".join(problem[:120] for problem in verdict.problems[:3])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="play the mutations whose name holds this")
    parser.add_argument("--most", type=int, default=MOST_ROUNDS, help="rounds for each mutation")
    parser.add_argument("--tree", type=Path, default=TREE, help="the source to break")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
