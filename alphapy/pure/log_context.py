"""What a line of the log is about, known to whatever logs further down: the request, the trace, the guild.

Each task has its own; a child task begins with its parent's (https://docs.python.org/3/library/contextvars.html).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Value = str | int

_NOTHING: Mapping[str, Value] = MappingProxyType({})
_about: ContextVar[Mapping[str, Value]] = ContextVar("alphapy_log_context", default=_NOTHING)


def log_context() -> Mapping[str, Value]:
    """The fields that every line of this task has."""
    return _about.get()


def set_log_context(**fields: Value | None) -> None:
    """Add fields to the lines of this task, to its end; None leaves a field out."""
    _about.set({**_about.get(), **{name: value for name, value in fields.items() if value is not None}})


@contextmanager
def logged_with(**fields: Value | None) -> Iterator[None]:
    """Add fields to the lines of this task while the block runs."""
    before = _about.get()
    set_log_context(**fields)
    try:
        yield
    finally:
        _about.set(before)
