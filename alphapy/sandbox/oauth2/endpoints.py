"""OAuth2 as Discord offers it: a page that asks a person, and the endpoints that a client calls.

Here a person has no password, and picks who to be. So only this machine's own pages may ask, as with the page
to chat in (:mod:`alphapy.sandbox.page.guard`); a client is sent back to addresses on this machine only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from quart import Blueprint, Response, redirect, render_template, request

from alphapy.sandbox.oauth2 import asking
from alphapy.sandbox.oauth2.asking import Asking, BadAsking
from alphapy.sandbox.oauth2.grants import BadGrant, Consent, Grants, client_secret
from alphapy.sandbox.page import guard

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue
    from werkzeug.datastructures import MultiDict

    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.world.world import World

FORM = "application/x-www-form-urlencoded"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
PREFIXES = ("/api/oauth2", "/api/v9/oauth2", "/api/v10/oauth2")


class RefusedClient(Exception):
    """A refusal of the token endpoint, in the form of RFC 6749, section 5.2."""

    def __init__(self, status: int, error: str, description: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body: JSON = {"error": error}
        if description is not None:
            self.body["error_description"] = description


class Endpoints:
    """The handlers."""

    def __init__(self, world: World, grants: Grants) -> None:
        self._world = world
        self._grants = grants

    async def ask(self) -> ResponseReturnValue:
        """The page on which a person picks who to be."""
        why = guard.objection(dict(request.headers), navigation=True)
        if why is not None:
            return {"error": why}, 403
        wanted = asking.read(request.args)
        self._check_application(wanted)
        users = self._world.users
        people = [user for user in users.records.values() if not user.get("bot", False)]
        text = await render_template(
            "authorize.html",
            application=users.get(wanted.client_id)["username"],
            people=people,
            wanted=request.args,
            scopes=wanted.scopes,
        )
        return _page(text, 200, wanted.origin)

    async def answer(self) -> ResponseReturnValue:
        """What the person has picked: back to the client, with a code or without."""
        why = guard.objection(dict(request.headers))
        if why is not None:
            return {"error": why}, 403
        form = await request.form
        wanted = asking.read(form)
        self._check_application(wanted)
        picked = form.get("user_id", "")
        if not picked:
            return redirect(
                wanted.answered(
                    error="access_denied",
                    error_description="The resource owner or authorization server denied the request",
                ),
                303,
            )
        if not picked.isdecimal() or int(picked) not in self._world.users.records:
            raise BadAsking("There is nobody with this id.")
        consent = Consent(
            application_id=wanted.client_id,
            user_id=int(picked),
            scopes=wanted.scopes,
            redirect_uri=wanted.redirect_uri,
            challenge=wanted.challenge,
        )
        return redirect(wanted.answered(code=self._grants.agree(consent, self._world.monotonic())), 303)

    async def token(self) -> ResponseReturnValue:
        """Tokens for a code or a refresh token."""
        form = await _form()
        application_id = self._client(form)
        now = self._world.monotonic()
        try:
            match form.get("grant_type"):
                case "authorization_code":
                    grant = self._grants.exchange(
                        form.get("code", ""),
                        application_id=application_id,
                        redirect_uri=form.get("redirect_uri", ""),
                        verifier=form.get("code_verifier"),
                        now=now,
                    )
                case "refresh_token":
                    refresh = form.get("refresh_token", "")
                    grant = self._grants.refresh(refresh, application_id=application_id, now=now)
                case _:
                    raise RefusedClient(400, "unsupported_grant_type")
        except BadGrant as bad:
            raise RefusedClient(400, "invalid_grant", str(bad)) from None
        return grant.to_json(now)

    async def revoke(self) -> ResponseReturnValue:
        """End a token; one that is not known is no error (RFC 7009, section 2.2)."""
        form = await _form()
        application_id = self._client(form)
        if not form.get("token"):
            raise RefusedClient(400, "invalid_request", 'Missing "token" in request.')
        self._grants.revoke(form["token"], application_id=application_id)
        return {}

    def _check_application(self, wanted: Asking) -> None:
        if wanted.client_id not in self._world.applications.known:
            raise BadAsking("No application has this client_id.")

    def _client(self, form: MultiDict[str, str]) -> int:
        """Whose client this is, by HTTP Basic or by the form."""
        given = _basic(request.headers.get("Authorization", "")) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        known = given[0].isdecimal() and int(given[0]) in self._world.applications.known
        if not known or not hmac.compare_digest(given[1].encode(), client_secret(int(given[0])).encode()):
            raise RefusedClient(401, "invalid_client")
        return int(given[0])


def blueprint(world: World, grants: Grants) -> Blueprint:
    """The routes."""
    endpoints = Endpoints(world, grants)
    found = Blueprint("oauth2", __name__, template_folder="templates")
    found.add_url_rule("/oauth2/authorize", "ask", endpoints.ask)
    found.add_url_rule("/oauth2/authorize", "answer", endpoints.answer, methods=["POST"])
    for prefix in PREFIXES:
        name = prefix.replace("/", "_")
        found.add_url_rule(f"{prefix}/token", f"token{name}", endpoints.token, methods=["POST"])
        found.add_url_rule(f"{prefix}/token/revoke", f"revoke{name}", endpoints.revoke, methods=["POST"])
    found.add_url_rule("/oauth2/authorize.css", "style", _style)
    found.register_error_handler(BadAsking, _explain)
    found.register_error_handler(RefusedClient, _refuse)
    return found


async def _style() -> Response:
    return Response(await render_template("authorize.css"), content_type="text/css; charset=utf-8")


async def _explain(error: BadAsking) -> ResponseReturnValue:
    return _page(await render_template("refused.html", why=str(error)), 400, None)


async def _refuse(error: RefusedClient) -> ResponseReturnValue:
    return error.body, error.status


async def _form() -> MultiDict[str, str]:
    if request.mimetype != FORM:
        raise RefusedClient(400, "invalid_request", f"The body must be {FORM}.")
    return await request.form


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def _page(text: str, status: int, origin: str | None) -> Response:
    """A page, from which a form may lead back to the client."""
    policy = CONTENT_SECURITY_POLICY if origin is None else f"{CONTENT_SECURITY_POLICY} {origin}"
    headers = guard.HEADERS | {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    # A form whose page sends no referrer has no origin either, and the guard would refuse it.
    headers |= {"Referrer-Policy": "same-origin"}
    return Response(text, status, headers, content_type="text/html; charset=utf-8")
