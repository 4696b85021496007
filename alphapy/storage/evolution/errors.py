"""Why a migration did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 20


class MigrationError(StorageError):
    """The migration failed; the text is for the operator. The revision's transaction was rolled back."""

    exit_code = 1


class Refused(MigrationError):
    """The step would lose data, or cannot decide what to keep; nothing was changed (spec/schema.md 5.4)."""

    exit_code = 3


def shown(things: Iterable[object]) -> str:
    """The first few of many things, for a message."""
    listed = [str(thing) for thing in things]
    rest = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + rest
