"""Types of fields in requests and answers: what they accept, what they become, how they are described.

A type is a plain one with a rule beside it, ``Annotated[str, Text(1, 100)]``, so that a class says of each
of its fields all there is to say, once: validation, answer and OpenAPI description follow from it.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Final

import attrs


class Unset(enum.Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""The default of a field of a body that may be left out, where that is not the same as null."""


@attrs.frozen
class Text:
    """A text of so many characters; ``trimmed`` takes the space around it away first."""

    least: int = 0
    most: int | None = None
    trimmed: bool = False
    pattern: str | None = None
    """A regular expression for the whole text, in the common subset of Python and ECMA 262."""


@attrs.frozen
class Whole:
    """A whole number from ``least`` to ``most``."""

    least: int | None = None
    most: int | None = None


@attrs.frozen
class Clamped:
    """A whole number that is moved to the nearest one from ``least`` to ``most``."""

    least: int
    most: int


@attrs.frozen
class Items:
    """A list of so many items."""

    least: int = 0
    most: int | None = None
    unique: bool = False


class Instant(enum.Enum):
    """How an instant is written (spec/api.md 7.1)."""

    UTC = "utc"
    """Answered in UTC."""
    BRUSSELS = "brussels"
    """Answered with the offset of Brussels."""
    GIVEN = "given"
    """Taken from a request: wall time in Brussels where it has no offset. A time that the clocks skip in
    spring is refused; of two that are alike in autumn, the first is meant.
    """


class Id(enum.Enum):
    """How a snowflake is written (spec/api.md 7.1)."""

    TEXT = "text"
    """A string."""
    NUMBER = "number"
    """A number, for the sake of those who have always had one; a string with ``?ids=string``."""


@attrs.frozen
class Rounded:
    """A number with so many decimals."""

    digits: int


Snow = Annotated[int, Id.TEXT]
"""A snowflake that is answered as a string: ``snow`` in the specification. Accepted in either form."""

SnowNumber = Annotated[int, Id.NUMBER]
"""A snowflake that is answered as a number: ``snow#`` in the specification."""

UtcTime = Annotated[datetime, Instant.UTC]
"""``iso-utc`` in the specification."""

BrusselsTime = Annotated[datetime, Instant.BRUSSELS]
"""``iso-bru`` in the specification."""

GivenTime = Annotated[datetime, Instant.GIVEN]
"""An instant in a request."""

RowId = Annotated[int, Whole(1, 2**63 - 1)]
"""The number of a row."""

Num2 = Annotated[float, Rounded(2)]
"""A number with two decimals."""

Num4 = Annotated[float, Rounded(4)]
"""A number with four decimals."""
