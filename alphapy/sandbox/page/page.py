"""The page where a person chats in the sandbox: its files, its JSON endpoints and its live feed.

The endpoints act through :class:`Person`, so the page can do exactly what a member at a Discord client could.
Every one takes the member to act as: there are no passwords here, which is why :mod:`.guard` lets nobody in
but the page.

If something fails: a wrong question is a 400 and a refusal has Discord's status, both with
``{"error": words}`` for the person to read; nothing has changed then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import trio
from quart import Blueprint, Response, current_app, redirect, request, send_from_directory, websocket

from alphapy.sandbox.errors import Refused
from alphapy.sandbox.invoking import ClientRefusal
from alphapy.sandbox.page import guard, live, operating, views
from alphapy.sandbox.page.asking import BadQuestion, Question, words_of
from alphapy.sandbox.person import Person

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue

    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.person import InteractionView
    from alphapy.sandbox.world.world import World

WORLD = "SANDBOX_WORLD"
"""The key under which the application's configuration holds the world."""
PING_EVERY = 15.0
"""Seconds of silence after which the feed sends a ping; the page gives up after three times that."""
TRY_AGAIN_LATER = 1013
"""The WebSocket close code for a page that fell behind."""

STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

blueprint = Blueprint("page", __name__)
blueprint.register_blueprint(operating.routes)


@blueprint.before_request
async def keep_strangers_out() -> ResponseReturnValue | None:
    """403 for a request that another website sent."""
    why = guard.objection(dict(request.headers), navigation=request.endpoint in {"page.index", "page.root"})
    if why is None and request.method == "POST" and request.mimetype != "application/json":
        why = "Send JSON, as application/json."
    return None if why is None else ({"error": why}, 403)


@blueprint.before_websocket
async def keep_strangers_from_the_feed() -> ResponseReturnValue | None:
    """403 for a feed that another website opens: a browser lets it, and always names the origin."""
    why = guard.objection(dict(websocket.headers))
    return None if why is None else ({"error": why}, 403)


@blueprint.after_request
async def add_headers(response: Response) -> Response:
    """The policies that keep hostile content harmless."""
    response.headers.update(guard.HEADERS)
    return response


@blueprint.errorhandler(BadQuestion)
async def bad_question(error: BadQuestion) -> ResponseReturnValue:
    """The page asked nonsense."""
    return {"error": str(error)}, 400


@blueprint.errorhandler(ClientRefusal)
async def client_refusal(error: ClientRefusal) -> ResponseReturnValue:
    """A Discord client would not have sent this."""
    text = str(error)
    return {"error": f"{text[:1].upper()}{text[1:]}."}, 400


@blueprint.errorhandler(Refused)
async def refusal(error: Refused) -> ResponseReturnValue:
    """Discord refuses."""
    return {"error": words_of(error), "code": int(error.code)}, error.status


@blueprint.get("/")
async def root() -> ResponseReturnValue:
    """The server's bare address leads to the page."""
    return redirect("/page/")


@blueprint.get("/page/")
async def index() -> Response:
    """The page."""
    return await _file("index.html")


@blueprint.get("/page/static/<path:name>")
async def static_file(name: str) -> Response:
    """Style sheets, scripts and the icon."""
    return await _file(name)


@blueprint.get("/page/people")
async def people() -> JSON:
    """Whom one can speak as."""
    return {"people": views.people(_world())}


@blueprint.get("/page/state")
async def state() -> JSON:
    """Guilds, channels, members, roles and bots as a member sees them."""
    question = Question(request.args)
    return views.state(_person(question), question.optional_id("guild"))


@blueprint.get("/page/messages")
async def messages() -> JSON:
    """A page of a channel's messages."""
    question = Question(request.args)
    return views.messages(_person(question), question.id("channel"), question.optional_id("before"))


@blueprint.get("/page/commands")
async def commands() -> JSON:
    """The slash commands offered in a channel."""
    question = Question(request.args)
    return {"commands": views.commands(_person(question), question.id("channel"))}


@blueprint.post("/page/say")
async def say() -> JSON:
    """Write a message."""
    person, question = await _asked()
    channel_id, reply_to = question.id("channel"), question.optional_id("reply_to")
    return {"message": person.say(channel_id, question.text("content"), reply_to=reply_to)}


@blueprint.post("/page/edit")
async def edit() -> JSON:
    """Change one's own message."""
    person, question = await _asked()
    changed = person.edit(question.id("channel"), question.id("message"), question.text("content"))
    return {"message": changed}


@blueprint.post("/page/delete")
async def delete() -> JSON:
    """Delete a message, or dismiss a private answer."""
    person, question = await _asked()
    person.delete(question.id("channel"), question.id("message"))
    return {}


@blueprint.post("/page/react")
async def react() -> JSON:
    """Put a reaction on a message, or take it back."""
    person, question = await _asked()
    act = person.react if question.flag("on") else person.unreact
    act(question.id("channel"), question.id("message"), question.text("emoji"))
    return {}


@blueprint.post("/page/direct")
async def direct() -> JSON:
    """Open direct messages with somebody."""
    person, question = await _asked()
    person.world.users.get(question.id("with"))
    return {"channel": str(person.direct(question.id("with")))}


@blueprint.post("/page/slash")
async def slash() -> JSON:
    """Use a slash command."""
    person, question = await _asked()
    view = person.slash(question.id("channel"), question.text("path"), **question.values("options"))
    return _started(view)


@blueprint.post("/page/autocomplete")
async def autocomplete() -> JSON:
    """Ask the bot for suggestions while an option is typed."""
    person, question = await _asked()
    focused, value = question.text("focused"), question.text("value")
    others = {name: known for name, known in question.values("options").items() if name != focused}
    choices = await person.autocomplete(
        question.id("channel"), question.text("path"), focused, value, **others
    )
    return {"choices": choices}


@blueprint.post("/page/click")
async def click() -> JSON:
    """Press a button or choose in a select menu."""
    person, question = await _asked()
    return _started(
        person.click(question.id("message"), question.text("custom_id"), question.texts("values"))
    )


@blueprint.post("/page/submit")
async def submit() -> JSON:
    """Send a filled modal."""
    person, question = await _asked()
    modal = person.view(question.id("interaction")).modal
    if modal is None:
        raise BadQuestion("This interaction opened no modal.")
    return _started(person.submit(modal, **question.fields("fields")))


@blueprint.websocket("/page/events")
async def events() -> ResponseReturnValue | None:
    """The live feed of one member, until the page goes away or falls too far behind."""
    try:
        person = _person(Question(websocket.args))
    except BadQuestion as error:
        return {"error": str(error)}, 400
    happenings, end = person.world.watch(person.id)
    try:
        await _send({"type": "hello"})
        while True:
            happening = None
            with trio.move_on_after(PING_EVERY):
                happening = await happenings.receive()
            event = {"type": "ping"} if happening is None else live.page_event(person, happening)
            if event is not None:
                await _send(event)
    except trio.EndOfChannel:
        await websocket.close(TRY_AGAIN_LATER, "the page fell behind")
    finally:
        end()
    return None


def _world() -> World:
    return cast("World", current_app.config[WORLD])


def _person(question: Question) -> Person:
    world = _world()
    user_id = question.id("as")
    if user_id not in world.users.records or world.users.is_bot(user_id):
        raise BadQuestion("Nobody in the sandbox has this id.")
    return Person(world, user_id)


async def _asked() -> tuple[Person, Question]:
    question = Question.of_body(await request.get_json(force=True, silent=True))
    return _person(question), question


def _started(view: InteractionView) -> JSON:
    """What the page needs to follow an interaction; the feed tells the rest."""
    return {"interaction": {"id": str(view.id), "state": view.state.value}}


async def _send(event: JSON) -> None:
    await websocket.send(json.dumps(event, separators=(",", ":")))


async def _file(name: str) -> Response:
    return await send_from_directory(STATIC, name, mimetype=_TYPES.get(Path(name).suffix))
