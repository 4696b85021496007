"""What revisions did to rows: the part of a migration that a comparison of catalogs cannot tell."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Note:
    """One thing that happened to the rows of a table; whoever reports on a migration reads them.

    ``columns`` are those whose stored values changed on purpose. ``renamed`` maps an old column to the one
    that holds its values now. ``dropped`` is a column that is gone with its values. ``deleted`` and
    ``inserted`` count rows.
    """

    table: str
    text: str
    columns: tuple[str, ...] = ()
    renamed: tuple[str, str] | None = None
    dropped: str | None = None
    deleted: int = 0
    inserted: int = 0
