"""What a bot under test tells its test: one JSON object a line on standard output.

A bot obeys what the guild's owner writes in the chat, ``!step {"some": "argument"}``, and answers with
``{"saw": "done", "step": ..., "result": ...}`` or ``{"saw": "failed", ...}``. What else it sees it tells as
it comes: ``{"saw": "message", "id": ..., ...}``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

JSON = dict[str, Any]
PREFIX = "!"

API_BASE = os.environ.get("SANDBOX_API", "")
"""The address that stands for ``https://discord.com/api/v10``."""
TOKEN = os.environ.get("SANDBOX_TOKEN", "")


def tell(saw: str, **fields: Any) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps({"saw": saw, **fields}, default=str) + "\n")
    sys.stdout.flush()


def order(content: str | None) -> tuple[str, JSON] | None:
    """The step and the arguments that a chat message asks for."""
    if not content or not content.startswith(PREFIX):
        return None
    step, _, arguments = content.removeprefix(PREFIX).partition(" ")
    return step, json.loads(arguments or "{}")
