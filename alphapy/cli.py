"""The ``alphapy`` command: arguments only; the work is done where it belongs.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused for safety (spec/schema.md 4), 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alphapy import cli_db
from alphapy.config import Config, ConfigError, describe
from alphapy.version import CODENAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What only one command needs is imported by that command: `alphapy --help` answers at once, and the service
# does not carry the sandbox.
# ruff: noqa: PLC0415

FAILED = 1
INTERRUPTED = 130

_EPILOG = """
first steps:
  alphapy sandbox          see the bot at work, on this machine alone
  alphapy run --help       what the real service needs
  alphapy config           every variable of the environment, with its default
"""

_RUN = """
Runs the service until it is told to stop (SIGTERM or Ctrl-C; a second signal hurries).

It is configured by the environment, or by a .env file in the working directory. You need at least
  BOT_TOKEN      the token of your Discord application
  DATABASE_URL   PostgreSQL, as postgresql://user:password@host/database; without it, an embedded
                 PostgreSQL keeps its data in ALPHAPY_DATA_DIR (not in production)
`alphapy config` lists the rest.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    declared = parser()
    options = declared.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(options, "command", None)
    if command is None:
        declared.print_help()
        return 0
    try:
        return command(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    root = argparse.ArgumentParser(
        prog="alphapy",
        description="Alphapy, a Discord bot service: nothing is lost, nothing happens twice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"Alphapy {VERSION} — {CODENAME}")
    commands = root.add_subparsers(title="commands", metavar="")

    run = commands.add_parser(
        "run",
        help="run the service",
        description=_RUN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--sign-off",
        action="store_true",
        help="on stopping, end the Discord session for good instead of keeping it resumable",
    )
    run.set_defaults(command=_run)

    _sandbox_command(commands)
    cli_db.add_commands(commands)

    config = commands.add_parser(
        "config",
        help="list the variables of the environment",
        description="Prints every variable that Alphapy reads: its name, its default and its meaning.",
    )
    config.add_argument("--markdown", action="store_true", help="as the table in docs/operations.md")
    config.set_defaults(command=_config)
    return root


def _sandbox_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sandbox = commands.add_parser(
        "sandbox",
        help="a local Discord with a page to chat in, PostgreSQL and the bot",
        description="Starts a local Discord, an embedded PostgreSQL and the bot; prints the page's address.",
    )
    sandbox.add_argument(
        "--no-bot", action="store_true", help="only the local Discord, for a bot of your own"
    )
    sandbox.add_argument(
        "--demo", action="store_true", help="play a scripted conversation, check it and exit"
    )
    sandbox.add_argument(
        "--port", type=_number(0, 65535), default=8420, help="port of the page (default 8420; 0 takes any)"
    )
    sandbox.add_argument(
        "--idle-guilds",
        type=_number(0, 100_000),
        default=0,
        metavar="N",
        help="add N quiet guilds, to see what they cost",
    )
    sandbox.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("ALPHAPY_DATA_DIR", ".alphapy")),
        help="where the database and the local Discord are kept (default .alphapy)",
    )
    sandbox.set_defaults(command=_sandbox)


def _number(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds, both included, as an argument."""

    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return number


def _run(options: argparse.Namespace) -> int:
    from alphapy import supervisor
    from alphapy.logging_setup import set_up_logging
    from alphapy.phases import Phase, phase

    with phase(Phase.CONFIG):
        config = Config.load(os.environ, dotenv=Path(".env"))
        set_up_logging(config)
    return supervisor.run(config, sign_off=options.sign_off)


def _sandbox(options: argparse.Namespace) -> int:
    import trio

    from alphapy import launcher
    from alphapy.demo import demo

    plan = launcher.Plan(
        data_dir=options.data_dir.resolve(),
        port=options.port,
        bot=not options.no_bot,
        idle_guilds=options.idle_guilds,
    )
    return trio.run(demo if options.demo else launcher.sandbox, plan)


def _config(options: argparse.Namespace) -> int:
    if options.markdown:
        print("| variable | default | meaning |\n|---|---|---|")
    for variable in describe():
        default = "required" if variable.required else (variable.default or "—")
        if options.markdown:
            print(f"| `{variable.name}` | {default} | {variable.meaning} |")
        else:
            print(f"{variable.name:<36} {default:<32} {variable.meaning}")
    return 0
