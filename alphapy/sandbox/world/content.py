"""What may stand in a message: checked against the published limits before anything is stored."""

from __future__ import annotations

import copy

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.world import components, embeds, mentions

V2 = 1 << 15
_FILLING = ("content", "embeds", "components", "sticker_ids", "poll")


def check(body: JSON, *, files: int, new: bool, before: JSON | None = None) -> None:
    """Refuse a body that breaks a limit (50035), or that leaves the message empty (50006)."""
    problems = Problems()
    problems.longest(("content",), body.get("content"), limits.CONTENT)
    nonce = body.get("nonce")
    if nonce is not None:
        problems.longest(("nonce",), str(nonce), limits.NONCE)
    flags = int(body.get("flags") or (before or {}).get("flags") or 0)
    embeds.check(problems, body.get("embeds") or [])
    components.check_message(problems, body.get("components") or [], v2=bool(flags & V2))
    if flags & V2 and (body.get("content") or body.get("embeds")):
        problems.add(
            ("content",), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Components v2 stand alone."
        )
    mentions.check(problems, body.get("allowed_mentions"))
    if files > limits.FILES:
        problems.add(("files",), "BASE_TYPE_MAX_LENGTH", f"Must be {limits.FILES} or fewer in length.")
    problems.raise_if_any()
    after = {**(before or {}), **{key: body[key] for key in _FILLING if key in body}}
    keeps_files = bool(before and before.get("attachments") and body.get("attachments") != [])
    forwards = new and (body.get("message_reference") or {}).get("type", 0) == 1
    if not any(after.get(key) for key in _FILLING) and not files and not keeps_files and not forwards:
        raise refused(Code.EMPTY_MESSAGE)


def stored_fields(body: JSON) -> JSON:
    """The fields of a body that become the message's own, completed."""
    fields: JSON = {}
    if "content" in body:
        fields["content"] = (body["content"] or "").strip()
    if "embeds" in body:
        fields["embeds"] = [embeds.complete(embed) for embed in body["embeds"] or ()]
    if "components" in body:
        fields["components"] = _completed(body["components"] or [])
    return fields


def _completed(rows: list[JSON]) -> list[JSON]:
    """The components as Discord shows them: numbered in order, and menus with how much can be chosen."""
    numbered: list[JSON] = copy.deepcopy(rows)
    for number, (_, component) in enumerate(components.walk(numbered), 1):
        component.setdefault("id", number)
        if component.get("type") in components.SELECTS:
            component.setdefault("min_values", 1)
            component.setdefault("max_values", 1)
    return numbered
