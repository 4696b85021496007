"""Answers in JSON, and integers of a query."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from quart import Response, request

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII)
"""Python refuses to read more digits than some thousand at once."""


def json_response(value: Any, status: int = 200) -> Response:
    """JSON; times come out in ISO 8601, numbers that are none as null."""
    return Response(msgspec.json.encode(value), status, content_type="application/json")


def whole_number(text: str) -> int | None:
    """The integer that a text is; None when it is none."""
    return int(text) if _INTEGER.fullmatch(text) else None


def query_text(name: str) -> str | None:
    """A parameter of the query, the last one where it is given several times."""
    values = request.args.getlist(name)
    return values[-1] if values else None
