"""Log lines are JSON, bounded, and free of secrets."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.config import Config, ConfigError
from alphapy.logging_setup import MAX_LINE, JsonFormatter, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def line(formatter: JsonFormatter, message: str = "hello", *args: object, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("alphapy.test", logging.INFO, "", 0, message, args, None)
    vars(record).update(extra)
    text = formatter.format(record)
    assert len(text.encode()) <= MAX_LINE
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_holds_the_event_and_its_fields() -> None:
    entry = line(JsonFormatter(), "answered %s", "well", event="answered", guild_id=5, object=object)
    assert entry["message"] == "answered well"
    assert (entry["level"], entry["logger"], entry["event"], entry["guild_id"]) == (
        "INFO",
        "alphapy.test",
        "answered",
        5,
    )


def test_a_traceback_is_one_field() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        entry = line(JsonFormatter(), exc_info=sys.exc_info())
    assert entry["traceback"].endswith("ValueError: broken")


def test_an_overlong_line_keeps_what_tells_where_it_came_from() -> None:
    entry = line(JsonFormatter(), "x" * 20_000, event="flood", blob="é" * 20_000)
    assert entry["truncated"] is True
    assert entry["event"] == "flood"
    assert entry["blob"].startswith("é")
    hostile = line(JsonFormatter(), "\x00" * 20_000, **{f"field{n}": "\x00" * 20_000 for n in range(20)})
    assert hostile["truncated"] is True


def test_an_overlong_line_keeps_the_end_of_its_traceback() -> None:
    try:
        raise ValueError("this is why")
    except ValueError:
        entry = line(JsonFormatter(), "x" * 20_000, exc_info=sys.exc_info())
    assert entry["traceback"].endswith("ValueError: this is why")


def test_a_lone_surrogate_costs_no_line() -> None:
    assert line(JsonFormatter(), "a\ud800b")["message"] == "a?b"


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    entry = line(JsonFormatter(["hunter2-secret", ""]), "with hunter2-secret", field="hunter2-secret!")
    assert "hunter2" not in json.dumps(entry)


def test_secrets_are_masked_in_every_spelling() -> None:
    credentials = '{"private_key": "abc\\ndef"}'
    entry = line(JsonFormatter([credentials]), f"got {credentials}", field={"inside": credentials})
    assert "private_key" not in json.dumps(entry)


def test_a_secret_at_a_cut_is_not_half_shown() -> None:
    secret = "s3cr3t-" * 40
    for shift in range(0, 300, 7):
        try:
            raise ValueError(secret + "y" * (4990 - shift))
        except ValueError:
            entry = line(JsonFormatter([secret]), "x" * (1400 + shift) + secret, exc_info=sys.exc_info())
        assert "s3cr3t" not in json.dumps(entry)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    hook = sys.excepthook
    yield root
    sys.excepthook = hook
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], level = before
    root.setLevel(level)


def test_logs_go_to_standard_output_and_to_the_file(
    tmp_path: Path, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "logs" / "alphapy.log"
    config = Config.load({"BOT_TOKEN": "token-of-the-bot", "LOG_FILE": str(file), "LOG_LEVEL": "warning"})
    set_up_logging(config)
    logging.getLogger("alphapy.test").warning("the token is token-of-the-bot")
    logging.getLogger("alphapy.test").info("not this")
    written = file.read_text()
    assert written == capsys.readouterr().out
    assert json.loads(written)["message"] == "the token is …"
    assert root_logger.level == logging.WARNING


def test_a_log_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = Config.load({"BOT_TOKEN": "t", "LOG_FILE": str(tmp_path / "file" / "alphapy.log")})
    with pytest.raises(ConfigError, match=r"LOG_FILE .* cannot be written"):
        set_up_logging(config)


def test_an_unforeseen_end_is_logged_without_the_databases_password(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.load({"BOT_TOKEN": "t", "DATABASE_URL": "postgresql://bot:hunt%40er2@db/alphapy"})
    set_up_logging(config)
    try:
        raise ValueError("hunt@er2 and hunt%40er2")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    written = json.loads(capsys.readouterr().out)
    assert written["event"] == "crash"
    assert written["traceback"].endswith("ValueError: … and …")
    assert root_logger.level == logging.INFO
