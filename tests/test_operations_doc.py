"""docs/operations.md says what is true: its variables, its commands, and the names of its figures."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alphapy.actors.retention.rules import AUDIT_TIME, ERASED_KNOWN, EVENTS_KEPT, JOBS_KEPT
from alphapy.actors.status.health_history import KEPT
from alphapy.cli import main, parser
from alphapy.storage import migrate

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
BLOCKS = re.findall(r"```(?:sh|ini)\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = sorted(
    {
        found.strip()
        for block in BLOCKS
        for line in block.splitlines()
        if (
            found := re.sub(r"^(?:ExecStart(?:Pre)?=)?(?:/opt/alphapy/\.venv/bin/)?", "", line).partition(
                "  #"
            )[0]
        )
        and found.startswith("alphapy ")
    }
)


def test_the_table_of_variables_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """To renew it, put what ``alphapy config --markdown`` prints between the two marks."""
    assert main(["config", "--markdown"]) == 0
    printed = capsys.readouterr().out
    between = PAGE.partition("<!-- environment: alphapy config --markdown -->\n")[2]
    assert between.partition("<!-- end of environment -->")[0].strip() == printed.strip()


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 12
    words = {shlex.split(command)[2] for command in COMMANDS if command.startswith("alphapy db ")}
    assert words == {
        "adopt",
        "backup",
        "downgrade",
        "erasures",
        "prune",
        "restore",
        "status",
        "upgrade",
        "verify",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    assert parser().parse_args(shlex.split(command)[1:]).command


def test_every_command_in_the_text_is_one() -> None:
    """In the text they are named without their arguments; what they need is shown in a block."""
    shown = {tuple(shlex.split(command)[1:3]) for command in COMMANDS}
    for command in re.findall(r"`alphapy ([a-z]+(?: [a-z]+)?)", PAGE):
        words = tuple(command.split())
        assert words in shown or words == ("db",) or parser().parse_args(words).command


def test_the_revision_in_the_example_exists() -> None:
    (revision,) = re.findall(r"alphapy db downgrade (\w+)", PAGE)
    assert revision in migrate.revisions()


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (ROOT / "docs" / target).exists(), target
    assert "docs/operations.md" in (ROOT / "README.md").read_text()


def test_what_is_said_of_retention_is_what_is_done() -> None:
    assert (KEPT.days, EVENTS_KEPT.days, JOBS_KEPT.days, ERASED_KNOWN.total_seconds()) == (
        30,
        30,
        30,
        24 * 3600,
    )
    assert f"{AUDIT_TIME:%H:%M} UTC" in PAGE
