"""Reading what the page asks: every field by its type, and a clear complaint about the first wrong one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.sandbox.errors import JSON, Refused

_ID = re.compile(r"\d{1,20}", re.ASCII)
Scalar = str | int | float | bool


class BadQuestion(Exception):
    """The page asked something that makes no sense; the text says what."""


class Question:
    """The fields of a query string or of a JSON body."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @classmethod
    def of_body(cls, body: object) -> Question:
        """A JSON body, which must be an object."""
        if not isinstance(body, dict):
            raise BadQuestion("The body must be a JSON object, sent as application/json.")
        return cls(body)

    def id(self, name: str) -> int:
        """A snowflake, written as a string of digits."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise BadQuestion(f"“{name}” must be an id: a string of digits.")
        return int(value)

    def optional_id(self, name: str) -> int | None:
        """A snowflake, or None where it is absent or empty."""
        return self.id(name) if self._fields.get(name) else None

    def text(self, name: str) -> str:
        """A string, possibly empty."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise BadQuestion(f"“{name}” must be a text.")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise BadQuestion(f"“{name}” must be true or false.")
        return value

    def optional_number(self, name: str) -> int | None:
        """A whole number, or None where it is absent."""
        value = self._fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise BadQuestion(f"“{name}” must be a whole number.")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty where it is absent."""
        value = self._fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadQuestion(f"“{name}” must be a list of texts.")
        return value

    def values(self, name: str) -> dict[str, Scalar]:
        """An object of plain values; empty where it is absent."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(item, Scalar) for item in value.values()):
            raise BadQuestion(f"“{name}” must be an object of plain values.")
        return value

    def fields(self, name: str) -> dict[str, Any]:
        """An object of texts, or of lists of texts (the choices of a select)."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict):
            raise BadQuestion(f"“{name}” must be an object.")
        for item in value.values():
            listed = isinstance(item, list) and all(isinstance(part, str) for part in item)
            if not isinstance(item, str) and not listed:
                raise BadQuestion(f"“{name}” must hold texts, or lists of texts.")
        return value


def words_of(refusal: Refused) -> str:
    """What Discord refused, with the first detail of a 50035."""
    detail = _first_problem(refusal.errors or {})
    return f"{refusal.message}: {detail}" if detail else f"{refusal.message}."


def _first_problem(tree: JSON, path: str = "") -> str | None:
    for name, below in tree.items():
        if name == "_errors":
            return f"{path} — {below[0]['message']}"
        if isinstance(below, dict):
            found = _first_problem(below, f"{path}.{name}" if path else name)
            if found is not None:
                return found
    return None
