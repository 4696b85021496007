"""Structured logs: one JSON object a line on standard error or out, with the fields of the event.

A line never exceeds 8 KiB (spec/operations.md 8). Messages are constant sentences; what varies goes into
``extra``, so that lines can be counted by ``event``. Secrets cannot appear because they are
:class:`~alphapy.environment.Secret`; as a second line of defence, known secret values are masked.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from typing_extensions import override

from alphapy.environment import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.config import Config

MAX_LINE = 8192
"""Bytes of a line at the most (spec/operations.md 8)."""

_MAX_TRACEBACK = 5000
_FILE_BYTES = 5 * 1024 * 1024
_FILES_KEPT = 3
_SHORTEST_MASKED = 6
"""Secrets shorter than this are not searched for: they would mask ordinary words."""

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """Renders a record as one JSON object."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(
            sorted({s for s in secrets if len(s) >= _SHORTEST_MASKED}, key=len, reverse=True)
        )

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info and record.exc_info[0] is not None:
            entry["traceback"] = self.formatException(record.exc_info)[-_MAX_TRACEBACK:]
        line = self._masked(json.dumps(entry, ensure_ascii=False, default=str))
        if len(line.encode(errors="replace")) <= MAX_LINE:
            return line
        kept = {key: entry[key] for key in ("time", "level", "logger")}
        kept["message"] = str(entry["message"])[:1000]
        kept["event"] = str(entry.get("event", ""))[:100]
        return self._masked(json.dumps({**kept, "truncated": True}, ensure_ascii=False))

    def _masked(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


def set_up_logging(config: Config) -> None:
    """Send every record of the process to standard output, and to ``LOG_FILE`` where it is set."""
    formatter = JsonFormatter(_secrets(config))
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if config.log_file is not None:
        config.log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(
                config.log_file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
            )
        )
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=config.log_level.upper(), handlers=handlers, force=True)
    for noisy in ("httpx", "httpcore", "trio-websocket", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _secrets(config: Config) -> list[str]:
    values = (getattr(config, field.name) for field in attrs.fields(type(config)))
    return [value.reveal() for value in values if isinstance(value, Secret)]
