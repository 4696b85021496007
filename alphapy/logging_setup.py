"""Structured logs: one JSON object a line on standard error or out, with the fields of the event.

A line never exceeds 8 KiB (spec/operations.md 8). Messages are constant sentences; what varies goes into
``extra``, so that lines can be counted by ``event``; the request, the trace and the guild that a task is
about are added to each of its lines (:mod:`alphapy.pure.log_context`). Secrets cannot appear because they are
:class:`~alphapy.environment.Secret`; as a second line of defence, known secret values, and what has the shape
of one, are masked (:mod:`alphapy.pure.masking`).
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs
from typing_extensions import override

from alphapy.environment import ConfigError, Secret
from alphapy.pure.log_context import log_context
from alphapy.pure.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from alphapy.config import Config

log = logging.getLogger("alphapy.logging")

MAX_LINE = 8192
"""Bytes of a line at the most (spec/operations.md 8)."""

_MAX_TRACEBACK = 5000
_CUTS = (1500, 300, 30)
"""Characters that each field of a line is cut to, more and more, until the line is short enough."""

_FILE_BYTES = 5 * 1024 * 1024
_FILES_KEPT = 3

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """Renders a record as one JSON object."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._masked = Mask(secrets)

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **log_context(),
        }
        entry.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info and record.exc_info[0] is not None:
            # Masked before it is cut: half a secret would not be recognised.
            entry["traceback"] = self._masked(self.formatException(record.exc_info))[-_MAX_TRACEBACK:]
        line = self._line(entry)
        for limit in _CUTS:
            if len(line.encode()) <= MAX_LINE:
                break
            line = self._line(
                {key: self._shortened(value, limit) for key, value in entry.items()} | {"truncated": True}
            )
        return line

    def _line(self, entry: dict[str, Any]) -> str:
        line = self._masked(json.dumps(entry, ensure_ascii=False, default=str))
        return line.encode(errors="replace").decode()

    def _shortened(self, value: object, limit: int) -> object:
        """A field in at most so many characters: of a traceback its end, of anything else its beginning."""
        if value is None or isinstance(value, bool | int | float):
            return value
        text = self._masked(str(value))
        return text[-limit:] if "Traceback (most recent" in text else text[:limit]


def set_up_logging(config: Config) -> None:
    """Send every record of the process to standard output, and to ``LOG_FILE`` where it is set.

    What ends the process unforeseen is logged as well, masked. Raises ConfigError where the file cannot be
    written.
    """
    formatter = JsonFormatter(secrets_of(config))
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if config.log_file is not None:
        handlers.append(_file(config.log_file))
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=config.log_level.upper(), handlers=handlers, force=True)
    sys.excepthook = _log_crash
    for noisy in ("httpx", "httpcore", "trio-websocket", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigError(
            f"Alphapy cannot start:\n  - LOG_FILE {path} cannot be written: {error.strerror or error}"
        ) from None


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("the process ends unforeseen", exc_info=(kind, error, traceback), extra={"event": "crash"})


def secrets_of(config: Config) -> list[str]:
    """Every secret's value, and the passwords within those that are addresses."""
    values = (getattr(config, field.name) for field in attrs.fields(type(config)))
    found = [value.reveal() for value in values if isinstance(value, Secret)]
    return [*found, *(password for value in found for password in _passwords(value))]


def _passwords(address: str) -> tuple[str, ...]:
    try:
        password = urlsplit(address).password or ""
    except ValueError:
        return ()
    return (password, unquote(password))
