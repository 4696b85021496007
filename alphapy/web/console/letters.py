"""The console's page of dead letters: each with its outline, and buttons that work without JavaScript.

A button posts a form and the answer leads back to the page, which says what became of it; so a reload repeats
nothing, and a second click finds the letter gone or gets the first one's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from quart import redirect, render_template, request

from alphapy.actors.dead_letters.messages import Replay
from alphapy.storage.errors import StorageError
from alphapy.web.console import words
from alphapy.web.console.door import visitor_session
from alphapy.web.encoding import query_text, whole_number
from alphapy.web.forms import refuse_other_sites
from alphapy.web.letters import (
    ALL_TOLD,
    TOLD,
    LetterList,
    discard_letter,
    discard_letters,
    list_letters,
    replay_letter,
    replay_letters,
)

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue
    from werkzeug.datastructures import MultiDict

    from alphapy.web.forms import Forms
    from alphapy.web.sources import Sources

PATH: Final = "/console/letters"
MAX_NUMBER: Final = 2**63 - 1
PAGE: Final = 25
MAX_ADDRESS: Final = 100

_AWAY: Final = "The database does not answer at the moment, so nothing was changed. Please try again soon."
_NOTHING: Final = "Nothing was done: that button is not known."


class LetterPages:
    """The handlers."""

    def __init__(self, sources: Sources, forms: Forms) -> None:
        self._sources = sources
        self._forms = forms

    async def show(self) -> str:
        """The letters, and what became of the one that was acted upon."""
        address = (query_text("address") or "")[:MAX_ADDRESS]
        before = letter_number(query_text("before"))
        shown: LetterList | None
        try:
            shown = await list_letters(self._sources.letters, PAGE, before=before, address=address)
        except StorageError:
            shown = None
        return await render_template(
            "letters.html",
            facts=self._sources.facts,
            now=self._sources.clock.now(),
            shown=shown,
            address=address,
            before=before,
            news=news(query_text("told"), query_text("number")),
            token=self._forms.token(visitor_session()),
            words=words,
            guild_name=self._sources.guild_name,
        )

    async def act(self) -> ResponseReturnValue:
        """Do what a button says, and lead back to the page."""
        refuse_other_sites(request.headers.get, trusted_proxies=self._sources.trusted_proxies)
        form = await request.form
        self._forms.check(form.get("token"), visitor_session())
        try:
            told, number = await self._do(form)
        except StorageError:
            told, number = "away", 0
        back = {"told": told, "number": str(number), "address": form.get("filter", "")[:MAX_ADDRESS]}
        return redirect(f"{PATH}?{urlencode({name: value for name, value in back.items() if value})}", 303)

    async def _do(self, form: MultiDict[str, str]) -> tuple[str, int]:
        desk, act = self._sources.letters, form.get("act")
        number = letter_number(form.get("letter"))
        if act == "replay" and number is not None:
            return (await replay_letter(desk, number)).outcome, number
        if act == "discard" and number is not None:
            return (await discard_letter(desk, number)).outcome, number
        if act == "replay_all" and (address := form.get("filter", "")):
            replayed = await replay_letters(desk, address)
            return ("replayed_all" if replayed.outcome == "done" else "stopped"), replayed.replayed
        if act == "discard_all" and (address := form.get("filter", "")):
            return "discarded_all", (await discard_letters(desk, address)).discarded
        return "nothing", 0


def news(told: str | None, number: str | None) -> tuple[str, str] | None:
    """What to say of the act before, as a level and a sentence; None where there was none."""
    found = letter_number(number) or 0
    match told:
        case None:
            return None
        case "discarded":
            return "good", f"Letter {found} was discarded."
        case "discarded_all":
            count = words.counted(whole_number(number or "") or 0, "letter was", "letters were")
            return "good", f"{count} discarded."
        case "replayed_all" | "stopped":
            count = words.number(whole_number(number or "") or 0)
            return ("good" if told == "replayed_all" else "warn"), ALL_TOLD[told == "replayed_all"].format(
                count
            )
        case "away":
            return "bad", _AWAY
    try:
        outcome = Replay(told)
    except ValueError:
        return "warn", _NOTHING
    level = {Replay.DONE: "good", Replay.CRASHED: "bad"}.get(outcome, "warn")
    return level, TOLD[outcome].format(found)


def letter_number(text: str | None) -> int | None:
    """The number of a letter; None for what cannot be one."""
    number = None if text is None else whole_number(text)
    return number if number is not None and 0 < number <= MAX_NUMBER else None
