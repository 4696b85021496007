"""The command line: help worth reading, exit codes, messages that say what to do."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from alphapy.cli import main
from alphapy.storage import migrate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env file and no variables of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("BOT_TOKEN", "DATABASE_URL", "USE_TEST_BOT", "APP_ENV"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("run", "sandbox", "db", "config", "first steps"))


@pytest.mark.parametrize("command", ["run", "sandbox", "db", "config"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([command, "--help"])
    assert raised.value.code == 0
    assert len(capsys.readouterr().out) > 100


def test_wrong_usage_exits_with_2() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["dance"])
    assert raised.value.code == 2


def test_running_without_a_token_names_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 1
    assert "BOT_TOKEN is not set" in capsys.readouterr().err


def test_config_lists_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 80
    assert any(line.startswith("DISCORD_API_BASE") and "discord.com" in line for line in lines)


def test_the_database_is_upgraded_shown_and_checked(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert main(["db", "current"]) == 0
    assert "current: none" in capsys.readouterr().out
    assert main(["db", "check"]) == 1
    capsys.readouterr()
    assert main(["db", "upgrade"]) == 0
    assert f"The database is at {migrate.head()}." in capsys.readouterr().out
    assert main(["db", "current"]) == 0
    assert f"current: {migrate.head()}" in capsys.readouterr().out
    assert main(["db", "check"]) == 0
    assert main(["db", "downgrade"]) == 0
    assert f"The database is at {migrate.revisions()[-2]}." in capsys.readouterr().out


def test_an_unusable_database_address_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://alphapy:hunter2@127.0.0.1:1/nowhere")
    assert main(["db", "current"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "hunter2" not in said


def test_a_downgrade_that_would_lose_data_is_refused_with_3(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sqlalchemy import create_engine, text  # noqa: PLC0415 - for this test alone

    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dead_letters (address, message_type, message, error, traceback, attempts)"
                " VALUES ('process/x', 'X', '{}', 'e', 't', 2)"
            )
        )
    engine.dispose()
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["db", "downgrade", "030_feature_extensions"]) == 3
    assert "dead_letters" in capsys.readouterr().err
    assert main(["db", "downgrade", "030_feature_extensions", "--allow-data-loss"]) == 0


@pytest.mark.parametrize(
    "arguments", [("--port", "65536"), ("--port", "-1"), ("--port", "x"), ("--idle-guilds", "-1")]
)
def test_a_number_out_of_bounds_is_wrong_usage(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["sandbox", *arguments])
    assert raised.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_an_unreadable_env_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_bytes(b"BOT_TOKEN=\xff\xfe")
    assert main(["run"]) == 1
    assert ".env cannot be read" in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("alphapy.cli.describe", interrupted)
    assert main(["config"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_help_needs_neither_the_driver_nor_the_service() -> None:
    program = (
        "import sys; from alphapy.cli import parser; parser();"
        "print(sorted({'psycopg', 'sqlalchemy', 'alembic', 'trio', 'quart'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
