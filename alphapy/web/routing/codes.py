"""The codes of errors: statuses and meanings (spec/api.md, table 9), and which of them a route may answer.

A code is stable; the sentence beside it in an answer is for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.web.auth.caller import Access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.web.routing.route import Route

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad_discord_id": (400, "`X-Discord-User-Id` is no Discord id."),
    "bad_category": (400, "There is no such category of settings."),
    "unknown_setting": (400, "There is no such setting."),
    "bad_value": (400, "A value is not accepted; `detail` names it."),
    "not_rollbackable": (400, "This entry of the history cannot be restored."),
    "bad_order": (400, "The order names something twice, or something of another server."),
    "foreign_channel": (400, "The channel belongs to another server, or cannot be used."),
    "in_past": (400, "The time has passed."),
    "no_fields": (400, "There is nothing to change."),
    "not_one_off": (400, "Only a reminder that happens once can be completed."),
    "wrong_state": (400, "This is not in a state in which that can be done."),
    "limit": (400, "There are as many as there may be."),
    "duplicate": (400, "There is one of that name."),
    "guild_not_found": (400, "The bot is not in this server."),
    "bad_payload": (400, "The body cannot be understood; `detail` says where."),
    "bad_key": (400, "`Idempotency-Key` is too long, or not printable."),
    "unauthorized": (401, "No credentials, or none that are good here."),
    "stale": (401, "The timestamp of the delivery is too far from now."),
    "quota_exceeded": (402, "The daily quota is used up."),
    "forbidden": (403, "This is not for the caller."),
    "not_linked": (403, "No Discord account is linked to the caller's account."),
    "not_guild_admin": (403, "The caller is no admin of this server."),
    "premium_required": (403, "This needs premium."),
    "quota": (403, "The caller has as many as they may."),
    "module_disabled": (403, "The server has switched this module off."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This address does not take this method; `Allow` names those it takes."),
    "order_taken": (409, "Another row has this place in the order."),
    "in_progress": (409, "A request with the same `Idempotency-Key` is being worked on."),
    "not_pending": (409, "There is no appeal to decide."),
    "link_conflict": (409, "One of the two accounts is linked to somebody else."),
    "session_conflict": (409, "There is an active session, or none any more."),
    "too_large": (413, "The body has more than 256 KiB."),
    "validation_error": (422, "The request does not have the described form; `detail` lists every fault."),
    "idempotency_mismatch": (422, "The `Idempotency-Key` was used for another request."),
    "rate_limited": (429, "Too many requests of this kind; `Retry-After` says when there is room again."),
    "image_limit": (429, "Too many images were attached lately."),
    "internal": (500, "Something went wrong on our side; the operators find it by the id of the request."),
    "dm_failed": (502, "Discord did not deliver the message."),
    "db_unavailable": (503, "The database does not answer."),
    "bot_unavailable": (503, "The bot is not connected to Discord, or Discord does not answer."),
    "key_not_configured": (503, "This service has no service key."),
    "secret_not_configured": (503, "This webhook's secret is not set in this service."),
    "auth_unavailable": (503, "The identity service does not answer."),
    "overloaded": (503, "Too much is going on, or the service is stopping."),
    "timeout": (504, "The answer took too long."),
}
"""Every code: its status and its meaning."""

SLOW_BODY: Final = (408, "timeout")
"""The status of a body that took too long to arrive; its code is the deadline's."""

_EVERYWHERE: Final = ("too_large", "rate_limited", "internal", "overloaded", "timeout")

_BY_ACCESS: Final[Mapping[Access, tuple[str, ...]]] = {
    Access.OPEN: (),
    Access.BASE: ("unauthorized", "auth_unavailable"),
    Access.KEY: ("unauthorized", "key_not_configured"),
    Access.USER: ("unauthorized", "auth_unavailable"),
    Access.LINK: ("unauthorized", "not_linked", "auth_unavailable", "db_unavailable"),
    Access.GUILD: (
        "bad_discord_id",
        "unauthorized",
        "not_linked",
        "not_guild_admin",
        "auth_unavailable",
        "bot_unavailable",
        "db_unavailable",
        "validation_error",
    ),
    Access.DADMIN: (
        "bad_discord_id",
        "unauthorized",
        "not_guild_admin",
        "bot_unavailable",
        "validation_error",
    ),
    Access.HOOK: ("bad_payload", "unauthorized", "stale", "secret_not_configured"),
    Access.KEY_OR_USER: ("unauthorized", "auth_unavailable"),
    Access.OPERATOR: ("unauthorized", "forbidden"),
    Access.CONSOLE: ("unauthorized", "forbidden"),
}


def codes_of(route: Route) -> frozenset[str]:
    """Every code that a route may answer with."""
    codes = {*_EVERYWHERE, *_BY_ACCESS[route.access], *route.errors}
    if route.names:
        codes |= {"not_found", "validation_error"}
    if route.query is not None or (route.body is not None and route.access is not Access.HOOK):
        codes.add("validation_error")
    if route.idempotency is not None:
        codes |= {"bad_key", "in_progress", "idempotency_mismatch", "db_unavailable"}
    return frozenset(codes)
