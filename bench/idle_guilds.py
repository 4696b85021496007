"""What 10,000 quiet guilds cost: the bot's memory, its actors, and the time until all are known.

``.venv/bin/python bench/idle_guilds.py [guilds]``. The bot is a process of its own, measured from outside.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
import trio

from alphapy.launcher import Plan, Progress, Stack, running_stack

SETTLED_WITHIN = 180.0


async def measure(guilds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="alphapy-bench-") as folder:
        plan = Plan(data_dir=Path(folder), port=0, idle_guilds=guilds)
        started = time.perf_counter()
        async with running_stack(plan, Progress()) as stack:
            online = time.perf_counter() - started
            known = await wait_known(stack, guilds)
            await trio.sleep(2)
            report(stack, guilds, online, time.perf_counter() - started if known else None)


async def wait_known(stack: Stack, guilds: int) -> bool:
    base = stack.console_url.removesuffix("/console")
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        with trio.move_on_after(SETTLED_WITHIN):
            while (await http.get("/api/health")).json()["guild_count"] != guilds + 1:  # noqa: ASYNC110
                await trio.sleep(0.25)
            return True
    return False


def report(stack: Stack, guilds: int, online: float, known: float | None) -> None:
    assert stack.bot is not None
    assert stack.bot.pid is not None
    memory = psutil.Process(stack.bot.pid).memory_info().rss / 1024 / 1024
    actors = httpx.get(stack.console_url.removesuffix("/console") + "/api/actors", timeout=30).json()
    print(f"guilds                  {guilds:>10,}")
    print(f"online after            {online:>10.1f} s")
    print(f"all known after         {known:>10.1f} s" if known is not None else "not all became known")
    print(f"memory of the bot       {memory:>10.1f} MB")
    print(f"actors                  {actors['total']:>10,}")


if __name__ == "__main__":
    trio.run(measure, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
