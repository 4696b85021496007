"""What auto-moderation costs: a message in the matcher, by what it is and by how many rules there are; and
the whole path, from a message in the local Discord until it is deleted there.

``.venv/bin/python bench/automod.py [--pure]``. The matcher judges messages of 100 characters by 200 words,
20 domains and 10 patterns. The whole path is a bot process of its own with its own PostgreSQL.
"""

from __future__ import annotations

import random
import string
import sys
import tempfile
import timeit
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import process_time
from typing import TYPE_CHECKING, Any

import re2
import trio

from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.normalise import fold
from alphapy.pure.automod.ruleset import RuleSet
from alphapy.pure.automod.windows import Windows
from alphapy.sandbox.server import serve
from tests.campaigns.bot import Bot
from tests.campaigns.engine import TREE
from tests.campaigns.ground import fresh_ground, own_server
from tests.campaigns.model import FORBIDDEN
from tests.campaigns.plan import Kind, Plan
from tests.campaigns.records import store_rules
from tests.campaigns.town import TOKEN, Town
from tests.pure.automod.making import rule
from tests.support.postgres import TEMPLATE

if TYPE_CHECKING:
    from alphapy.pure.automod.rules import StoredRule
    from alphapy.sandbox.handle import Sandbox
    from alphapy.sandbox.world.feed import Happening

PATTERNS = (
    r"\bfree\s+nitro\b", r"(?:steam|discord)[a-z]*\.(?:ru|xyz|top)", r"\d{3}-\d{4}-\d{4}", r"t\.me/\w+",
    r"b[i1]tc[o0]in.{0,20}(?:double|profit)", r"@\w+ giveaway", r"(?:buy|sell)ing accounts?",
    r"[a-z]{4}coin to the moon", r"dm me for .* prices", r"earn \$?\d+ (?:a|per) day",
)  # fmt: skip
MESSAGES = {
    "English": "Hello everyone, I just finished the new level and it was great fun to play with you, "
    "see you then",
    "with a link": "Hello everyone, I just finished the new level, look: https://example.org/level/13 "
    "great fun now",
    "Turkish": "Merhaba arkadaşlar, bugün hava çok güzel, akşam oyun oynayalım mı? Herkese iyi günler, "
    "görüşürüz",
    "emoji": "That was so much fun 😂😂 see you all tomorrow at the event ❤️ 🎉 I am looking forward to it "
    "👨‍👩‍👧 bye",
    "Russian": "Привет всем, как дела? сегодня хорошая погода, пойдём гулять вечером или посидим дома, "
    "что думаете",
    "hidden word": "Hello everyone, I just finished the new level and it was f\u200br\u200be\u200be nitro "
    "fun to play with you",
}
LOOPS = 2_000


def words(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 10))) for _ in range(count)]


def domains(count: int) -> list[str]:
    return [f"bad{number}.example" for number in range(count)]


def rules(count: int) -> list[StoredRule]:
    """So many rules: words, links and patterns in turn, ten words, two domains or one pattern each."""
    made = []
    for number in range(count):
        kinds: tuple[StoredRule, ...] = (
            rule("bad_words", number=number, words=words(10, number)),
            rule("links", number=number, allow_links=True, blacklist=domains(2)),
            rule("regex", number=number, patterns=[PATTERNS[number % len(PATTERNS)]]),
        )
        made.append(kinds[number % 3])
    return made


def standard(*more: StoredRule) -> RuleSet:
    return RuleSet(
        [
            rule("bad_words", number=1, words=words(200)),
            rule("links", number=2, allow_links=True, blacklist=domains(20)),
            rule("regex", number=3, patterns=list(PATTERNS)),
            *more,
        ],
        premium=True,
    )


def microseconds(judged: RuleSet, text: str) -> float:
    """Of processor time for one message."""

    def judge() -> None:
        judged.judge(Subject(text))

    judge()
    return min(timeit.repeat(judge, number=LOOPS, repeat=5, timer=process_time)) / LOOPS * 1e6


def windowed(judged: RuleSet, text: str) -> float:
    """The same with the window that frequency and repetition are counted in."""
    windows = Windows()
    number = 0

    def judge() -> None:
        nonlocal number
        number += 1
        count = windows.note(number % 50, number, number / 10, hash(fold(text)))
        judged.judge(Subject(text, count=count))

    judge()
    return min(timeit.repeat(judge, number=LOOPS, repeat=5, timer=process_time)) / LOOPS * 1e6


def pure() -> None:
    judged = standard()
    print("200 words, 20 domains, 10 patterns")
    for name, text in MESSAGES.items():
        print(f"  {name:<12} {len(text):3} characters {microseconds(judged, text):8.1f} µs")
    counting = standard(
        rule("caps", number=4),
        rule("mentions", number=5),
        rule("frequency", number=6, max_messages=30, time_window=5),
        rule("duplicate", number=7, max_duplicates=10),
    )
    print("with capitals, mentions, frequency and repetition, the author's last 60 messages in the window")
    print(f"  English      {windowed(counting, MESSAGES['English']):8.1f} µs")
    print("by the number of rules (ten words, two domains or a pattern each), an English message")
    for count in (1, 3, 10, 30, 100):
        made = rules(count)
        make = partial(RuleSet, made, premium=True)
        compiling = min(timeit.repeat(make, number=1, repeat=3, timer=process_time)) * 1e3
        taken = microseconds(RuleSet(made, premium=True), MESSAGES["English"])
        print(f"  {count:3} rules {taken:8.1f} µs, compiled in {compiling:.1f} ms")
    engines()


def engines() -> None:
    """One alternation against a set of patterns, for the same words."""
    options = re2.Options()
    options.case_sensitive = False
    listed = [*words(200), *PATTERNS, r"https?://"]
    alternation = re2.compile("|".join(f"(?:{pattern})" for pattern in listed), options)
    together = re2.Set.SearchSet(options)
    for pattern in listed:
        together.Add(pattern)
    together.Compile()
    text = MESSAGES["English"]
    for name, search in (("alternation", alternation.search), ("RE2::Set", together.Match)):
        ask = partial(search, text)
        taken = min(timeit.repeat(ask, number=LOOPS, repeat=5, timer=process_time)) / LOOPS * 1e6
        print(f"  {name:<12} {taken:8.1f} µs for 211 patterns")


async def whole_path(count: int) -> None:
    plan = Plan(kind=Kind.KILL, seed=1, guilds=1, channels=4, members=8, rules=(), acts=())
    town = Town(plan)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = stack.enter_context(own_server(folder))
        databases.ensure_template(folder / "template.lock")
        ground = stack.enter_context(fresh_ground(databases, TEMPLATE, None))
        store_rules(ground, town.guilds, ())
        async with trio.open_nursery() as nursery:
            sandbox: Sandbox = await nursery.start(partial(serve, town.world))
            bot = Bot(environment(sandbox, ground.url, folder), TREE, folder)
            nursery.start_soon(bot.keep_running)
            await town.world.feed.wait_until(lambda: town.online and town.registered)
            await measure(town, count)
            await bot.stop()
            bot.end_all()
            nursery.cancel_scope.cancel()


def environment(sandbox: Sandbox, url: str, folder: Path) -> dict[str, str]:
    return {
        "BOT_TOKEN": TOKEN,
        "DATABASE_URL": url,
        "DISCORD_API_BASE": sandbox.api_base,
        "HOST": "127.0.0.1",
        "APP_ENV": "development",
        "ALPHAPY_DATA_DIR": str(folder),
    }


async def measure(town: Town, count: int) -> None:
    """Write violations one at a time, among ordinary messages, and wait for each to be gone."""
    took = []
    for number in range(count):
        gone = trio.Event()
        written: dict[str, Any] = {}

        def on_happening(
            happening: Happening, gone: trio.Event = gone, written: dict[str, Any] = written
        ) -> None:
            if happening.name == "MESSAGE_DELETE" and happening.data["id"] == written.get("id"):
                gone.set()

        unlisten = town.world.feed.listen(on_happening)
        channel = town.channels[0][1 + number % 4]
        for member in town.members[:4]:
            town.world.messages.create(member, channel, {"content": f"ordinary {number}"})
        began = trio.current_time()
        content = {"content": f"here be {FORBIDDEN} {number}"}
        written.update(town.world.messages.create(town.members[number % 8], channel, content))
        with trio.fail_after(20):
            await gone.wait()
        unlisten()
        if number >= 5:  # the first ones start the actor
            took.append((trio.current_time() - began) * 1e3)
    print(
        f"from a message to its deletion: {median(took):.1f} ms, 99 % {quantiles(took, n=100)[98]:.1f} ms, "
        f"longest {max(took):.1f} ms ({len(took)} violations, log row, points and figures stored)"
    )


if __name__ == "__main__":
    pure()
    if "--pure" not in sys.argv:
        trio.run(whole_path, 205)
