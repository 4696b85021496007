"""The grammar of custom ids: one pattern builds them, reads them back, and knows what else could match.

``cc:del:<choice:y|n>:<id:int>:<uid:id>:<exp:int>`` is such a pattern. A placeholder is ``<name:kind>``; its
kind is one of

- ``int``: a decimal integer within 64 bits, without leading zeros;
- ``id``: a snowflake, 1 to 2^63-1;
- ``hex``: one or more of 0-9 a-f;
- ``str``: one or more characters other than a colon and the character that follows the placeholder;
- ``a|b|c``: one of these words (letters, digits, underscores), of which none begins with another.

Everything else in a pattern stands for itself.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from alphapy.gateway.models.component import MAX_CUSTOM_ID
from alphapy.pure.ids import MAX_SNOWFLAKE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Values = Mapping[str, "int | str"]

_PLACEHOLDER: Final = re.compile(r"<([a-z_][a-z0-9_]*):([A-Za-z0-9_|]+)>")
_DIGITS: Final = frozenset(string.digits)
_HEX: Final = frozenset("0123456789abcdef")
_EXPRESSIONS: Final = {"int": r"0|-?[1-9][0-9]{0,18}", "id": r"[1-9][0-9]{0,18}", "hex": r"[0-9a-f]+"}
_ALPHABETS: Final = {"int": _DIGITS, "id": _DIGITS, "hex": _HEX}


@attrs.frozen
class PatternError(Exception):
    """A pattern that cannot be understood, or values that do not fit it. A programming error."""

    pattern: str
    rule: str

    @override
    def __str__(self) -> str:
        return f"custom_id pattern {self.pattern!r}: {self.rule}"


@attrs.frozen
class _Hole:
    """A placeholder, and the literal character that ends it."""

    name: str
    kind: str
    end: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it accepts, if it is a choice of words."""
        return tuple(self.kind.split("|")) if "|" in self.kind else ()

    @property
    def excluded(self) -> frozenset[str]:
        """The characters that no ``str`` value holds."""
        return frozenset(":" + self.end)

    def expression(self) -> str:
        """What it accepts, as a named group of a regular expression."""
        if self.words:
            inner = "|".join(map(re.escape, self.words))
        elif self.kind == "str":
            inner = f"[^{re.escape(''.join(sorted(self.excluded)))}]+"
        else:
            inner = _EXPRESSIONS[self.kind]
        return f"(?P<{self.name}>{inner})"

    def read(self, text: str) -> int | str | None:
        """The value of a matching text; None for an integer out of range."""
        if self.kind not in {"int", "id"}:
            return text
        number = int(text)
        return number if -MAX_SNOWFLAKE - 1 <= number <= MAX_SNOWFLAKE else None


class IdPattern:
    """A custom_id pattern. Raises PatternError when it cannot be understood or is ambiguous."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parts = tuple(self._split(pattern))
        self._holes = {part.name: part for part in self._parts if isinstance(part, _Hole)}
        self._check()
        self._expression = re.compile(
            "".join(
                part.expression() if isinstance(part, _Hole) else re.escape(part) for part in self._parts
            ),
            re.DOTALL,
        )

    @override
    def __repr__(self) -> str:
        return f"IdPattern({self.pattern!r})"

    @property
    def names(self) -> frozenset[str]:
        """The names of the placeholders."""
        return frozenset(self._holes)

    def parse(self, custom_id: str) -> Values | None:
        """The values in this id, or None where it is not one of this pattern."""
        found = self._expression.fullmatch(custom_id)
        if found is None:
            return None
        values: dict[str, int | str] = {}
        for name, hole in self._holes.items():
            value = hole.read(found[name])
            if value is None:
                return None
            values[name] = value
        return values

    def build(self, **values: int | str) -> str:
        """The id that reads back as exactly these values; raises PatternError where there is none."""
        if values.keys() != self._holes.keys():
            raise PatternError(self.pattern, f"it takes exactly {sorted(self._holes)}, not {sorted(values)}")
        custom_id = "".join(
            str(values[part.name]) if isinstance(part, _Hole) else part for part in self._parts
        )
        if len(custom_id) > MAX_CUSTOM_ID:
            raise PatternError(self.pattern, f"{custom_id!r} is longer than {MAX_CUSTOM_ID} characters")
        if self.parse(custom_id) != values:
            raise PatternError(self.pattern, f"the values do not fit: {values}")
        return custom_id

    def overlaps(self, other: IdPattern) -> bool:
        """Whether some id could match both; errs on the side of yes."""
        return any(_intersect(mine, theirs) for mine in self._variants() for theirs in other._variants())

    def _split(self, pattern: str) -> Iterator[str | _Hole]:
        position = 0
        for found in _PLACEHOLDER.finditer(pattern):
            if found.start() > position:
                yield pattern[position : found.start()]
            yield _Hole(found[1], found[2], pattern[found.end() : found.end() + 1])
            position = found.end()
        if position < len(pattern):
            yield pattern[position:]

    def _check(self) -> None:
        literals = "".join(part for part in self._parts if isinstance(part, str))
        if not literals or "<" in literals or ">" in literals:
            raise PatternError(self.pattern, "it is literal text with placeholders <name:kind>")
        if len(self._holes) < sum(isinstance(part, _Hole) for part in self._parts):
            raise PatternError(self.pattern, "no two placeholders share a name")
        for hole in self._holes.values():
            self._check_hole(hole)

    def _check_hole(self, hole: _Hole) -> None:
        if not hole.words and hole.kind != "str" and hole.kind not in _EXPRESSIONS:
            raise PatternError(self.pattern, f"there is no kind {hole.kind!r}")
        if hole.end == "<":
            raise PatternError(self.pattern, "between two placeholders stands a literal")
        if hole.end and hole.end in _ALPHABETS.get(hole.kind, ()):
            raise PatternError(self.pattern, f"the text after {hole.name!r} could belong to it")
        if any(a.startswith(b) for a, b in itertools.permutations(hole.words, 2)) or "" in hole.words:
            raise PatternError(self.pattern, f"no word of {hole.name!r} begins with another")

    def _variants(self) -> Iterator[tuple[_Element, ...]]:
        """The pattern once for each combination of words, as elements that match character by character."""
        choices = [_elements(part) for part in self._parts]
        for combination in itertools.product(*choices):
            yield tuple(itertools.chain.from_iterable(combination))


@attrs.frozen
class _Element:
    """One of these characters (any but these if ``negated``); ``repeated`` stands for any number of them."""

    characters: frozenset[str]
    negated: bool = False
    optional: bool = False
    repeated: bool = False

    def meets(self, other: _Element) -> bool:
        """Whether a character belongs to both."""
        if self.negated and other.negated:
            return True
        if self.negated:
            return bool(other.characters - self.characters)
        if other.negated:
            return bool(self.characters - other.characters)
        return bool(self.characters & other.characters)


def _elements(part: str | _Hole) -> list[tuple[_Element, ...]]:
    """The alternatives that a part of a pattern stands for."""
    if isinstance(part, str):
        return [_literal(part)]
    if part.words:
        return [_literal(word) for word in part.words]
    if part.kind == "str":
        one = _Element(part.excluded, negated=True)
        return [(one, attrs.evolve(one, optional=True, repeated=True))]
    alphabet = _ALPHABETS[part.kind]
    first = _Element(alphabet - {"0"} if part.kind == "id" else alphabet)
    sign = (_Element(frozenset("-"), optional=True),) if part.kind == "int" else ()
    return [(*sign, first, _Element(alphabet, optional=True, repeated=True))]


def _literal(text: Iterable[str]) -> tuple[_Element, ...]:
    return tuple(_Element(frozenset(character)) for character in text)


def _intersect(mine: tuple[_Element, ...], theirs: tuple[_Element, ...]) -> bool:
    """Whether a text brings both to their end, found by walking them together."""
    seen: set[tuple[int, int]] = set()
    open_positions = [(0, 0)]
    while open_positions:
        position = open_positions.pop()
        if position in seen:
            continue
        seen.add(position)
        i, j = position
        if i == len(mine) and j == len(theirs):
            return True
        if i < len(mine) and mine[i].optional:
            open_positions.append((i + 1, j))
        if j < len(theirs) and theirs[j].optional:
            open_positions.append((i, j + 1))
        if i < len(mine) and j < len(theirs) and mine[i].meets(theirs[j]):
            open_positions.append((i if mine[i].repeated else i + 1, j if theirs[j].repeated else j + 1))
    return False
