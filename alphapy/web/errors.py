"""The error envelope: every error of every route is ``{"detail": ..., "code": ...}`` (spec/api.md 7.1).

This is the web's error boundary, one of the three places that may catch ``Exception``: what nobody foresaw is
logged with its traceback and the request's id, and the caller gets a general sentence and that id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
from quart import g
from werkzeug.exceptions import HTTPException

from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.web.encoding import json_response

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio
    from werkzeug.wrappers import Response as WerkzeugResponse

log = logging.getLogger("alphapy.web")

TOO_LARGE: Final = "The body is too large; 256 KiB are accepted."
BUSY: Final = "Too much is going on. Please try again."
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_payload", "The request makes no sense."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
}
INTERNAL: Final = "Something went wrong on our side. The operators find it by the id of this request."
UNAVAILABLE: Final = "The database does not answer at the moment. Please try again."


@attrs.frozen(auto_exc=True)
class ApiError(Exception):
    """An error to tell the caller; ``code`` is stable (spec/api.md, table 9)."""

    status: int
    code: str
    detail: str | Sequence[Mapping[str, Any]]
    headers: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        """What is wrong with which field, of a validation error."""
        return () if isinstance(self.detail, str) else self.detail


def not_found(detail: str) -> ApiError:
    """404."""
    return ApiError(404, "not_found", detail)


def invalid(name: str, message: str, kind: str) -> ApiError:
    """422 for one parameter of the query."""
    return ApiError(422, "validation_error", [{"loc": ["query", name], "msg": message, "type": kind}])


def register(app: QuartTrio) -> None:
    """Have every error answered in the envelope."""
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DatabaseBusy, _database_away)
    app.register_error_handler(DatabaseUnavailable, _database_away)
    app.register_error_handler(Exception, _unforeseen)


def envelope(error: ApiError) -> Response:
    """The answer that tells of an error."""
    response = json_response({"detail": error.detail, "code": error.code}, error.status)
    response.headers.update(error.headers)
    return response


async def _api_error(error: ApiError) -> Response:
    return envelope(error)


async def _http_error(error: HTTPException) -> Response | WerkzeugResponse:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    code, detail = _CODES.get(status, ("bad_payload" if status < 500 else "internal", error.name))
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return envelope(ApiError(status, code, detail, headers))


async def _database_away(error: Exception) -> Response:
    log.warning(
        "a request met a database that is away",
        extra={"event": "web_database_away", "request_id": request_id(), "error": str(error)},
    )
    return envelope(ApiError(503, "db_unavailable", UNAVAILABLE))


async def _unforeseen(error: Exception) -> Response:
    log.error(
        "a request failed",
        exc_info=error,
        extra={"event": "web_failed", "request_id": request_id()},
    )
    return envelope(ApiError(500, "internal", INTERNAL))


def request_id() -> str:
    """The id of the request that is being answered."""
    return str(g.get("request_id", ""))
