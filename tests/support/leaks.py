"""Watches every log record of the test run for secrets: those that exist, and what has the shape of one.

The record is looked at as the code made it, before the service's formatter masks anything: masking is the
second line of defence, and this proves the first.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from alphapy.environment import Secret
from alphapy.pure.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_ENOUGH = 10
"""Characters from which on a secret of a test cannot be mistaken for a word of a sentence."""

MOST = 20
"""Leaks that are told of one test."""

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
_DISCORDS_OWN = "alphapy.sandbox"
"""The local Discord is no part of the service."""


class LeakWatch(logging.Handler):
    """Collects what should not have been logged."""

    def __init__(self) -> None:
        super().__init__()
        self.leaks: list[str] = []
        self._known: set[str] = set()
        self._mask = Mask()

    def learn(self, secret: str) -> None:
        """Know one more secret: the value, and the password in it where it is an address."""
        for value in (secret, *_passwords(secret)):
            if len(value) >= LONG_ENOUGH and not value.isalpha() and value not in self._known:
                self._known.add(value)
                self._mask = Mask(self._known)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_DISCORDS_OWN) or len(self.leaks) >= MOST:
            return
        text = rendered(record)
        masked = self._mask(text)
        if masked != text:
            self.leaks.append(f"{record.name}: {masked[:500]}")

    def take(self) -> list[str]:
        """What has leaked since the last time."""
        found, self.leaks = self.leaks, []
        return found


def rendered(record: logging.LogRecord) -> str:
    """Everything that a record says."""
    parts: list[Any] = [record.getMessage()]
    parts += [f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD]
    if record.exc_info and record.exc_info[1] is not None:
        parts += traceback.format_exception(record.exc_info[1])
    return "\n".join(map(str, parts))


def _passwords(value: str) -> tuple[str, ...]:
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        return ()
    return (password, unquote(password))


@contextmanager
def every_secret(watch: LeakWatch) -> Iterator[None]:
    """While the block runs, the watch knows every :class:`Secret` that is made."""
    original = Secret.__init__

    def init(self: Secret, value: str) -> None:
        original(self, value)
        watch.learn(value)

    Secret.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        Secret.__init__ = original  # type: ignore[method-assign]
