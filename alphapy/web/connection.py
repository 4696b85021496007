"""One request on its connection: an answer that has begun is brought to its end.

Quart-Trio cancels everything of a request as soon as its stream is closed. Hypercorn closes it while the
answer's last part is being sent, and only then makes the connection ready for the next request or closes it,
in the task that is being cancelled: measured, connections whose request had a body that was not read stayed
open for ever, and idle ones were never timed out. Hence the shield; it has a deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from quart_trio.asgi import TrioASGIHTTPConnection
from typing_extensions import override

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendCallable
    from quart.wrappers import Request

SEND_SECONDS: Final = 30.0
"""How long sending an answer may take."""


class Connection(TrioASGIHTTPConnection):
    """Handles one request. It is still cancelled when the client goes away before the answer begins."""

    @override
    async def handle_request(  # type: ignore[override] # as Quart-Trio's own
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        response = await self.app.handle_request(request)
        with trio.move_on_after(SEND_SECONDS, shield=True):
            await self._send_response(send, response)
        nursery.cancel_scope.cancel(reason="the request has been answered")
