"""``make campaign KIND=kill SEED=1 N=100``: rounds of a campaign, one seed after the other."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import trio

from tests.campaigns.engine import TREE, Round
from tests.campaigns.ground import fresh_ground, own_server
from tests.campaigns.making import make
from tests.campaigns.plan import Kind
from tests.campaigns.report import heading, outcome
from tests.support.postgres import TEMPLATE

ROUND = {Kind.KILL: 10, Kind.CHAOS: 6, Kind.DEPLOY: 5}
"""Blows of one round."""


def rounds(kind: Kind, count: int) -> int:
    """How many rounds make ``count`` kills or deploys; of chaos, ``count`` is the number of rounds itself."""
    return count if kind is Kind.CHAOS else -(-count // ROUND[kind])


def main(arguments: list[str] | None = None) -> int:
    """Play; the exit code is 1 as soon as one round has failed."""
    options = _options(arguments)
    failed: list[int] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alphapy-campaign-")))
        keep = options.keep or folder
        databases = stack.enter_context(own_server(folder))
        databases.ensure_template(folder / "template.lock")
        for seed in range(options.seed, options.seed + rounds(options.kind, options.n)):
            plan = make(options.kind, seed, options.blows or ROUND[options.kind])
            sys.stdout.write(heading(plan) + "\n")
            sys.stdout.flush()
            with fresh_ground(databases, TEMPLATE, folder / "postgres" / "cluster") as ground:
                here = keep / f"{options.kind.value}-{seed}"
                verdict = trio.run(Round(plan, ground, here, options.tree).play)
            sys.stdout.write(outcome(verdict) + "\n")
            sys.stdout.flush()
            if not verdict.passed:
                failed.append(seed)
    words = "every round passed" if not failed else f"failed: seeds {', '.join(map(str, failed))}"
    sys.stdout.write(f"{options.kind.value}: {words}\n")
    return 1 if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument(
        "--kind", type=Kind, choices=list(Kind), default=Kind.KILL, help="kill, chaos or deploy"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed")
    parser.add_argument("-n", type=int, default=10, help="kills, deploys, or plans of chaos")
    parser.add_argument("--blows", type=int, help="blows of one round")
    parser.add_argument("--tree", type=Path, default=TREE, help="the source that the bot is run from")
    parser.add_argument("--keep", type=Path, help="where the bot's logs are kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
