"""What can go wrong between the service and its database.

::

    StorageError
     ├─ DatabaseBusy          every slot stayed taken for the whole deadline
     ├─ DatabaseUnavailable   cannot connect, or the connection was lost
     ├─ TransactionAborted    committing after a statement had failed
     ├─ DsnError              the database address cannot be read
     └─ EmbeddedError         the embedded PostgreSQL cannot be started

What the server says about a statement (``psycopg.errors.UniqueViolation``, ``QueryCanceled`` after the
statement timeout, ``LockNotAvailable``) passes through as it is.
"""

from __future__ import annotations

import attrs
from typing_extensions import override


class StorageError(Exception):
    """The root of the storage wing's errors."""


@attrs.frozen(auto_exc=True, str=False)
class DatabaseBusy(StorageError):
    """Nothing became free within the deadline (spec/schema.md section 8).

    ``component`` asked, ``waited`` seconds passed, ``limit`` slots are all taken: the component's own when
    ``own_limit`` is set, else the pool's connections.
    """

    component: str
    waited: float
    limit: int
    own_limit: bool

    @override
    def __str__(self) -> str:
        whose = (
            f"{self.component}'s {self.limit} slots" if self.own_limit else f"all {self.limit} connections"
        )
        return f"The database is busy: {whose} stayed in use for {self.waited:.1f} s."


@attrs.frozen(auto_exc=True, str=False)
class DatabaseUnavailable(StorageError):
    """The database cannot be reached, or the connection was lost.

    ``database`` is its address without the password, ``detail`` the driver's words. ``lost`` tells that a
    connection broke under a running unit of work; ``in_doubt`` that it broke during COMMIT, so that the unit
    may or may not have taken effect.
    """

    database: str
    detail: str
    lost: bool = False
    in_doubt: bool = False

    @override
    def __str__(self) -> str:
        what = "The connection to the database was lost" if self.lost else "The database cannot be reached"
        doubt = " during COMMIT, which may or may not have taken effect" if self.in_doubt else ""
        return f"{what}{doubt} ({self.database}): {self.detail}"


class TransactionAborted(StorageError):
    """COMMIT after a statement had failed: PostgreSQL would have rolled back and said nothing."""


class DsnError(StorageError):
    """The database address cannot be read; the text says why and never contains the password."""


class EmbeddedError(StorageError):
    """The embedded PostgreSQL cannot be used; the text says why and what to do about it."""
