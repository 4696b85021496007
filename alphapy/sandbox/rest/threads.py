"""Routes about threads and their members."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON


async def start(call: Call) -> Answer:
    """A thread without a message, or a post of a forum."""
    return Answer(_started(call, None), 201)


async def start_from_message(call: Call) -> Answer:
    """A thread from a message."""
    return Answer(_started(call, call.id("message_id")), 201)


async def join(call: Call) -> Answer:
    """Add oneself or another to a thread."""
    call.world.thread_members.join(call.by, call.id("channel_id"), _who(call))
    return NOTHING


async def leave(call: Call) -> Answer:
    """Take oneself or another out of a thread."""
    call.world.thread_members.leave(call.by, call.id("channel_id"), _who(call))
    return NOTHING


async def list_members(call: Call) -> Answer:
    """The members of a thread; with their guild members, where these are asked for, in pages."""
    members = call.world.thread_members.listed(call.by, call.id("channel_id"))
    if _with_member(call):
        after = call.optional_id("after") or 0
        members = [m for m in members if int(m["user_id"]) > after][: call.number("limit", 100, 100)]
    return Answer([_shown(call, member) for member in members])


async def get_member(call: Call) -> Answer:
    """One member of a thread."""
    return Answer(
        _shown(call, call.world.thread_members.get(call.by, call.id("channel_id"), call.id("user_id")))
    )


async def list_archived(call: Call, *, private: bool, joined: bool) -> Answer:
    """A page of the archived threads of a channel, before an instant (a thread's id, of joined ones)."""
    limit = call.number("limit", 50, 100)
    threads = call.world.threads.archived(call.by, call.id("channel_id"), private=private, joined=joined)
    before_id = call.optional_id("before") if joined else None
    before = None if joined else call.instant("before")
    found = [
        thread
        for thread in threads
        if (before_id is None or int(thread["id"]) < before_id)
        and (
            before is None or datetime.fromisoformat(thread["thread_metadata"]["archive_timestamp"]) < before
        )
    ]
    page = found[:limit]
    own = [
        call.world.thread_members.entry(int(thread["id"]), call.by)
        for thread in page
        if call.world.thread_members.has(int(thread["id"]), call.by)
    ]
    return Answer({"threads": page, "members": own, "has_more": len(found) > limit})


def _started(call: Call, message_id: int | None) -> JSON:
    return call.world.threads.start(
        call.by,
        call.id("channel_id"),
        call.object(),
        message_id=message_id,
        uploads=call.uploads,
        reason=call.reason,
    )


def _who(call: Call) -> int:
    return call.id("user_id") if "user_id" in call.parameters else call.by


def _with_member(call: Call) -> bool:
    return call.query.get("with_member", "").lower() in {"true", "1"}


def _shown(call: Call, member: JSON) -> JSON:
    if _with_member(call):
        return member
    return {key: value for key, value in member.items() if key != "member"}


_CHANNEL = "/channels/{channel_id}"
ROUTES = (
    Route("POST", f"{_CHANNEL}/threads", start),
    Route("POST", f"{_CHANNEL}/messages/{{message_id}}/threads", start_from_message),
    Route("GET", f"{_CHANNEL}/thread-members", list_members),
    Route("GET", f"{_CHANNEL}/thread-members/{{user_id}}", get_member),
    *(
        Route(method, f"{_CHANNEL}/thread-members/{who}", handler)
        for who in ("@me", "{user_id}")
        for method, handler in (("PUT", join), ("DELETE", leave))
    ),
    Route("GET", f"{_CHANNEL}/threads/archived/public", partial(list_archived, private=False, joined=False)),
    Route("GET", f"{_CHANNEL}/threads/archived/private", partial(list_archived, private=True, joined=False)),
    Route(
        "GET",
        f"{_CHANNEL}/users/@me/threads/archived/private",
        partial(list_archived, private=True, joined=True),
    ),
)
