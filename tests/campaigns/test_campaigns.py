"""A short campaign of each kind; long ones are played by ``make campaign KIND= SEED= N=``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tests.campaigns.engine import Round
from tests.campaigns.ground import fresh_ground, own_server
from tests.campaigns.making import make, with_blows
from tests.campaigns.plan import Deploy, Kill, Kind, Plan, Point
from tests.campaigns.report import heading, outcome
from tests.campaigns.verdict import TOO_LATE
from tests.support.postgres import TEMPLATE, Databases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.campaigns.ground import Ground

QUICK = 0.008
"""Seconds between two acts."""


async def play(plan: Plan, ground: Ground, folder: Path) -> None:
    """Play one round; whether answers came within three seconds is for ``make campaign`` to judge."""
    verdict = await Round(attrs.evolve(plan, pace=QUICK), ground, folder).play()
    problems = [problem for problem in verdict.problems if TOO_LATE not in problem]
    assert not problems, f"{heading(plan)}\n{outcome(verdict)}"


async def test_kills_lose_nothing_and_double_nothing(
    databases: Databases, template: str, tmp_path: Path
) -> None:
    kills = (
        Kill(point=Point.SENT, after=1),
        Kill(point=Point.UNCOMMITTED, table="event_progress", refused=True),
        Kill(point=Point.COMMITTING, table="effects"),
    )
    with fresh_ground(databases, template, None) as ground:
        await play(with_blows(Kind.KILL, 1, kills), ground, tmp_path)


async def test_a_deploy_under_load_loses_nothing_and_doubles_nothing(
    databases: Databases, template: str, tmp_path: Path
) -> None:
    with fresh_ground(databases, template, None) as ground:
        await play(with_blows(Kind.DEPLOY, 1, (Deploy(overlapping=True),)), ground, tmp_path)


async def test_chaos_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    with own_server(tmp_path) as databases:
        databases.ensure_template(tmp_path / "template.lock")
        with fresh_ground(databases, TEMPLATE, tmp_path / "postgres" / "cluster") as ground:
            await play(make(Kind.CHAOS, 2, 6), ground, tmp_path)
