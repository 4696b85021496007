"""``alphapy sandbox --demo``: a scripted conversation with the real bot, printed and checked.

The smoke test of everything: members write, use slash commands, fill a form and press a button against the
local Discord; half-way the bot is killed the hard way and has to carry on. It works on a fresh folder that is
removed afterwards.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import trio

from alphapy.launcher import LaunchFailed, Plan, Progress, Stack, interrupts, running_stack
from alphapy.pure.groups import leaves
from alphapy.sandbox.person import NoAnswer, Person

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
from alphapy.sandbox.person import InteractionView

ANSWER_WITHIN = 10.0
"""Seconds that the bot may take for an answer."""

WHOLE_WITHIN = 120.0
"""Seconds that the whole conversation may take."""

INTERRUPTED = 130
"""The exit code of what was stopped by Ctrl-C, by a convention of shells."""


class CheckFailed(Exception):
    """The bot did not do what it should."""


async def demo(plan: Plan) -> int:
    """Play the conversation; 0 when every check held, else 1. Interrupted, it is 130."""
    folder = Path(tempfile.mkdtemp(prefix="alphapy-demo-"))
    plan = attrs.evolve(plan, data_dir=folder, port=0, bot=True)
    failures: list[BaseException] = []
    script: Script | None = None
    interrupted = False
    try:
        async with interrupts() as signals:
            with trio.fail_after(WHOLE_WITHIN):
                async with running_stack(plan, Progress()) as stack:
                    script = Script(stack)
                    await script.play()
        interrupted = signals.happened
    except* (LaunchFailed, CheckFailed, NoAnswer, trio.TooSlowError) as group:
        failures += leaves(group)
    for failure in failures:
        print(f"\n✗ {str(failure) or 'The conversation took too long.'}", file=sys.stderr)
    if interrupted:
        await trio.to_thread.run_sync(shutil.rmtree, folder)
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    if failures or script is None:
        print(f"The bot's log is kept: {folder / 'bot.log'}", file=sys.stderr)
        return 1
    await trio.to_thread.run_sync(shutil.rmtree, folder)
    print(f"\n✓ {script.checks} checks held.")
    return 0


class Script:
    """The conversation."""

    def __init__(self, stack: Stack) -> None:
        self.checks = 0
        self._stack = stack
        self._demo = stack.demo
        self._general = stack.demo.channels["general"]
        self._ada = Person(stack.demo.world, stack.demo.users["ada"])
        self._margaret = Person(stack.demo.world, stack.demo.users["margaret"])

    async def play(self) -> None:
        """Every scene, in order."""
        print("\n#general in Lighthouse — Ada owns the server, Margaret is a member\n")
        await self._the_bot_introduces_itself()
        await self._a_command_is_added_and_answers()
        await self._a_form_changes_it()
        await self._members_may_not()
        await self._the_bot_is_killed_and_carries_on()
        await self._the_statistics_know()

    async def _the_bot_introduces_itself(self) -> None:
        reply = await self._slash(self._ada, "/version")
        self._check(reply["content"].startswith("**Alphapy** v"), "it says its version")
        reply = await self._slash(self._ada, "/help")
        self._check("/cc add" in _text(reply), "its help names /cc add")

    async def _a_command_is_added_and_answers(self) -> None:
        reply = await self._slash(
            self._ada,
            "/cc add",
            name="hello",
            trigger_type="exact",
            trigger="!hello",
            response="Hi {user.name}, welcome to {server}! (use {uses})",
        )
        self._check("Custom command added" in _text(reply), "the command is added")
        self._say(self._margaret, "!HELLO")
        await self._hear("Hi Margaret, welcome to Lighthouse! (use 1)")
        self._say(self._margaret, "hello without the mark")

    async def _a_form_changes_it(self) -> None:
        view = self._start(self._ada, "/cc edit", name="hello")
        modal = await view.wait_modal(ANSWER_WITHIN)
        print(f"    a form opens for Ada: {modal.title} ({', '.join(modal.fields)})")
        self._check(modal.fields["trigger"].get("value") == "!hello", "the form holds what is stored")
        print("    Ada fills it in and sends it")
        sent = self._ada.submit(modal, response="{random:Hello|Hello} again, {user}")
        self._show(self._ada, await sent.wait_reply(ANSWER_WITHIN))
        self._say(self._margaret, "!hello")
        answer = await self._hear(f"Hello again, <@{self._margaret.id}>")
        pinged = [user["id"] for user in answer["mentions"]]
        self._check(pinged == [str(self._margaret.id)], "it pings Margaret and nobody else")

    async def _members_may_not(self) -> None:
        reply = await self._slash(self._margaret, "/cc list")
        self._check("Only administrators" in reply["content"], "a member is refused")

    async def _the_bot_is_killed_and_carries_on(self) -> None:
        confirmation = await self._slash(self._ada, "/cc delete", name="hello")
        bot = self._stack.bot
        if bot is None:
            raise CheckFailed("there is no bot to kill")
        print("\n  ── kill -9 the bot ──")
        bot.kill()
        world, application_id = self._demo.world, self._demo.application_id
        with trio.fail_after(ANSWER_WITHIN):
            await world.feed.wait_until(lambda: application_id not in world.connected_bots)
        await self._stack.wait_online()
        print("  ── it is back ──\n")
        self._say(self._margaret, "!hello")
        await self._hear(f"Hello again, <@{self._margaret.id}>", times=2)
        button = confirmation["components"][0]["components"][0]
        print(f"  Ada presses [{button['label']}], posted before the kill")
        pressed = self._ada.click(int(confirmation["id"]), button["custom_id"])
        await pressed.wait_done(ANSWER_WITHIN)
        after = next(m for m in self._ada.visible_messages(self._general) if m["id"] == confirmation["id"])
        self._show(self._ada, after)
        self._check("Deleted" in _text(after), "the old button deletes the command")
        self._check(not after["components"], "and then it is gone")
        self._say(self._margaret, "!hello")
        reply = await self._slash(self._ada, "/cc list")
        self._check("No custom commands yet" in _text(reply), "the list is empty")

    async def _the_statistics_know(self) -> None:
        reply = await self._slash(self._ada, "/command_stats", days=1)
        self._check("/cc list" in _text(reply), "the statistics know the commands")
        answers = [m for m in self._ada.visible_messages(self._general) if "again, <@" in m["content"]]
        self._check(len(answers) == 2, "nothing was answered twice")

    def _start(self, who: Person, path: str, **options: Any) -> InteractionView:
        shown = " ".join(f"{name}:{value}" for name, value in options.items())
        print(f"  {who.name} uses {path} {shown}".rstrip())
        return who.slash(self._general, path, **options)

    async def _slash(self, who: Person, path: str, **options: Any) -> JSON:
        reply = await self._start(who, path, **options).wait_reply(ANSWER_WITHIN)
        self._show(who, reply)
        return reply

    def _say(self, who: Person, text: str) -> None:
        print(f"  {who.name}: {text}")
        who.say(self._general, text)

    async def _hear(self, text: str, *, times: int = 1) -> JSON:
        """Wait until the bot has said this for everybody, and no more often than it should."""

        def answers() -> list[JSON]:
            return [m for m in self._margaret.visible_messages(self._general) if m["content"] == text]

        with trio.move_on_after(ANSWER_WITHIN):
            await self._demo.world.feed.wait_until(lambda: len(answers()) >= times)
        self._check(len(answers()) == times, f"“{text}” is said {times} time(s)")
        self._show(None, answers()[-1])
        return answers()[-1]

    def _show(self, only: Person | None, message: JSON) -> None:
        private = f" (only {only.name} sees this)" if only is not None and message["flags"] & 64 else ""
        text = _text(message)
        for username, user_id in self._demo.users.items():
            text = text.replace(f"<@{user_id}>", f"@{username}")
        lines = text.splitlines()
        print(f"  Alphapy{private}: {lines[0] if lines else ''}")
        for line in lines[1:]:
            print(f"    {line}")
        for row in message["components"]:
            print("    " + " ".join(f"[{button['label']}]" for button in row["components"]))

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            raise CheckFailed(f"This check failed: {what}.")
        self.checks += 1


def _text(message: JSON) -> str:
    """All that is written in a message, embeds too."""
    parts = [message["content"]]
    for embed in message["embeds"]:
        parts += [embed.get("title", ""), embed.get("description", "")]
        parts += [f"{field['name']}: {field['value']}" for field in embed.get("fields", ())]
    return "\n".join(part for part in parts if part)
