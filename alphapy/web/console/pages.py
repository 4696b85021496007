"""The console: server-rendered pages for operators, which refresh themselves.

A small script fetches ``/console/fragment`` every two seconds; without JavaScript the browser reloads the
page every five. When it fails: the page says since when it is out of date, and goes on trying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from quart import Blueprint, Response, g, redirect, render_template, request

from alphapy.web.console import charts, signin, words
from alphapy.web.console.attention import notices
from alphapy.web.console.door import ConsoleDoor, SignInNeeded, sessions_of
from alphapy.web.console.letters import PATH as LETTERS
from alphapy.web.console.letters import LetterPages
from alphapy.web.console.view import Observer
from alphapy.web.encoding import query_text
from alphapy.web.errors import ApiError, envelope
from alphapy.web.forms import TITLES, Forms
from alphapy.web.tree import tree_json

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue, ResponseTypes

    from alphapy.web.auth.operators import OperatorDoor
    from alphapy.web.census import Census
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.sources import Sources

PAGE: Final = 200
"""Actors on one page of the tree."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FORM_HEADERS: Final = {
    # A form may be posted to us, and the browser then says where it came from.
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    ),
    "Referrer-Policy": "same-origin",
}
"""What is different on pages that have forms."""

SIGNS_IN: Final = "/console/sign-in?next="
_STATIC: Final = "console.static"
_KINDS: Final = ("application/json", "text/html")
_HAS_FORMS: Final = frozenset({LETTERS, signin.SIGN_OUT})


class ConsolePages:
    """The handlers."""

    def __init__(self, sources: Sources, observer: Observer) -> None:
        self._sources = sources
        self._observer = observer

    async def overview(self) -> str:
        """The whole page."""
        return await self._render("overview.html")

    async def fragment(self) -> str:
        """What the page replaces of itself."""
        return await self._render("overview_live.html")

    async def tree(self) -> str:
        """The tree of actors, page by page."""
        after, under = query_text("after") or "", query_text("under") or ""
        found = self._sources.actors.page(limit=PAGE + 1, after=after, under=under)
        shown = found[:PAGE]
        return await render_template(
            "tree.html",
            facts=self._sources.facts,
            now=self._sources.clock.now(),
            tree=tree_json(shown),
            count=len(shown),
            after=after,
            under=under,
            next=shown[-1].address.path if len(found) > PAGE else None,
            words=words,
            guild_name=self._sources.guild_name,
        )

    async def _render(self, template: str) -> str:
        moment = await self._observer.observe()
        return await render_template(
            template,
            facts=moment.facts,
            now=moment.taken_at,
            moment=moment,
            notices=notices(moment),
            charts=charts,
            words=words,
        )


def blueprint(sources: Sources, census: Census, probe: DatabaseProbe, door: OperatorDoor) -> Blueprint:
    """The routes."""
    pages = ConsolePages(sources, Observer(sources, census, probe))
    found = Blueprint(
        "console",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/console/static",
    )

    login = sources.security.login
    sessions = sessions_of(sources.security, sources.clock)
    console = ConsoleDoor(operators=door, sessions=sessions, is_owner=sources.is_owner)
    forms = Forms(door.api_key)
    # The style sheet and the script tell nothing, and who signs in has not signed in yet.
    open_to_all = {_STATIC, *(f"console.{name}" for name in signin.ENDPOINTS)}

    async def owners_only() -> None:
        if request.endpoint not in open_to_all:
            console.admit()

    found.before_request(owners_only)
    found.after_request(_add_headers)
    found.context_processor(lambda: {"visitor": g.get("visitor"), "signs_in": login is not None})
    found.register_error_handler(ApiError, _explain)
    found.register_error_handler(SignInNeeded, _lead_to_sign_in)
    if login is not None and sessions is not None:
        signin.add_routes(found, signin.SignIn(sources, login, sessions, forms), login)
    found.add_url_rule("/console", view_func=pages.overview, strict_slashes=False)
    found.add_url_rule("/console/fragment", view_func=pages.fragment)
    found.add_url_rule("/console/actors", view_func=pages.tree)
    letters = LetterPages(sources, forms)
    found.add_url_rule(LETTERS, view_func=letters.show)
    found.add_url_rule(LETTERS, view_func=letters.act, methods=["POST"])
    return found


async def _add_headers(response: ResponseTypes) -> ResponseTypes:
    response.headers.update(HEADERS | FORM_HEADERS if request.path in _HAS_FORMS else HEADERS)
    is_static = request.endpoint == _STATIC
    response.headers["Cache-Control"] = "max-age=300" if is_static else "no-store"
    return response


async def _lead_to_sign_in(_error: SignInNeeded) -> ResponseReturnValue:
    """A person is led to the page where one signs in, and back from there; a script is told so."""
    if request.method == "GET" and request.accept_mimetypes.best_match(_KINDS) == "text/html":
        return redirect(SIGNS_IN + quote(request.full_path.removesuffix("?"), safe=""), 303)
    return envelope(ApiError(401, "unauthorized", "Sign in to the console with Discord first."))


async def _explain(error: ApiError) -> Response:
    """The error as a page, for a person; the envelope for anybody else."""
    if request.accept_mimetypes.best_match(_KINDS) != "text/html":
        return envelope(error)
    title = (TITLES | signin.TITLES).get(str(error.detail), "")
    text = await render_template("error.html", error=error, title=title)
    return Response(text, error.status, dict(error.headers), content_type="text/html; charset=utf-8")
