"""The live feed: what happens in the world, turned into the page's own events for one member.

A message event carries the whole message as it now is, as this member sees it (their own reactions marked),
so the page need not apply changes. The queue behind it is bounded (World.watch); a page that falls too far
behind is cut off, connects again and reads everything anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.page import views
from alphapy.sandbox.world.interactions import Kind

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.person import Person

_MESSAGE_EVENTS = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})
_UNSHOWN = frozenset({"CHANNEL_PINS_UPDATE", "PRESENCE_UPDATE", "VOICE_STATE_UPDATE"})


def page_event(person: Person, happening: JSON) -> JSON | None:
    """The page's event for something that happened; None where the page shows nothing of it."""
    name, data = happening["type"], happening["data"]
    if name in _MESSAGE_EVENTS:
        return _message(person, data["channel_id"], data["id"])
    if name.startswith("MESSAGE_REACTION_"):
        return _message(person, data["channel_id"], data["message_id"])
    if name in {"MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}:
        return {"type": "gone", "channel_id": data["channel_id"], "ids": data.get("ids") or [data["id"]]}
    if name == "INTERACTION_STATE":
        return None if data["kind"] == Kind.AUTOCOMPLETE else interaction_event(data)
    if name == "TYPING_START":
        return {"type": "typing", "channel_id": data["channel_id"], "user_id": data["user_id"]}
    if name == "WORLD_REPLACED":
        return {"type": "reload"}
    if name == "BOTS_CHANGED":
        return {"type": "bots", "bots": views.bots(person.world)}
    return None if name in _UNSHOWN else {"type": "state"}


def interaction_event(data: JSON) -> JSON:
    """Where an interaction stands: ``waiting``, ``thinking``, ``modal``, ``done`` or ``failed``."""
    modal = data["modal"]
    state = "modal" if modal is not None and data["state"] == "done" else data["state"]
    return {"type": "interaction", "id": data["id"], "state": state, "modal": modal}


def _message(person: Person, channel_id: str, message_id: str) -> JSON | None:
    found = views.message(person, int(channel_id), int(message_id))
    return None if found is None else {"type": "message", "message": found}
