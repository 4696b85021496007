"""``alphapy sandbox --no-bot``: what it prints is all that a bot of one's own needs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import trio

if TYPE_CHECKING:
    from pathlib import Path

WITHIN = 30.0
LINES = {
    "page": r"Chat here: +(http\S+)",
    "api": r"API base: +(http\S+)",
    "gateway": r"Gateway: +(ws\S+)",
    "token": r"Bot token: +(\S+)",
    "shaped": r"in Discord's form: +(\S+)",
}


async def test_the_printed_addresses_and_tokens_are_good(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "alphapy", "sandbox", "--no-bot", "--port", "0"]
    process = await trio.lowlevel.open_process(
        [*command, "--data-dir", str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        told = ""
        with trio.fail_after(WITHIN):
            while "Ctrl-C" not in told:
                told += (await process.stdout.receive_some()).decode()
            found = {name: re.search(pattern, told) for name, pattern in LINES.items()}
            values = {name: match[1] for name, match in found.items() if match is not None}
            assert set(values) == set(LINES), told
            async with httpx.AsyncClient() as client:
                for token in (values["token"], values["shaped"]):
                    answer = await client.get(
                        f"{values['api']}/gateway/bot", headers={"Authorization": f"Bot {token}"}
                    )
                    assert answer.json()["url"] == values["gateway"]
                assert (await client.get(values["page"], follow_redirects=True)).status_code == 200
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (tmp_path / "sandbox.json").is_file()
