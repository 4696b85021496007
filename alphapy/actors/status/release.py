"""``/release``: what is new in the running version (spec/operations.md 4).

From the release at GitHub where a repository is configured, else, and whenever that fails, from the changelog
that is bundled. What GitHub said is kept for ten minutes; members who ask at once cost one request.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import httpx
import msgspec
import trio

import alphapy
from alphapy.actors.embeds import Colour
from alphapy.environment import Secret
from alphapy.gateway.commands import Command, Cooldown, CooldownBy
from alphapy.gateway.models.outgoing import DESCRIPTION, Embed, OutgoingMessage
from alphapy.pure import release_notes
from alphapy.pure.text import well_formed

if TYPE_CHECKING:
    from alphapy.actors.feature import ServiceInfo, Wiring
    from alphapy.gateway.invocation import Invocation

log = logging.getLogger("alphapy.actors.status")

GITHUB_API: Final = "https://api.github.com"
WITHIN: Final = 10.0
"""Seconds that GitHub may take."""

KEPT: Final = 600.0
"""Seconds for which an answer of GitHub is good, that there is none included."""

LONGEST: Final = 512 * 1024
"""Bytes of an answer; more is no answer."""

_REPOSITORY: Final = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


class _Release(msgspec.Struct):
    """What GitHub says of a release: https://docs.github.com/rest/releases/releases."""

    body: str | None = None


@attrs.frozen(kw_only=True)
class Repository:
    """Where the releases are; ``token`` is sent where it is set."""

    name: str
    token: Secret | None
    api: str = GITHUB_API

    @classmethod
    def of(cls, name: str, token: Secret | None, api: str = GITHUB_API) -> Repository | None:
        """The repository of this ``owner/name``; None where that is no name of one."""
        trimmed = name.strip().rstrip("/")
        return cls(name=trimmed, token=token, api=api) if _REPOSITORY.fullmatch(trimmed) else None

    def page(self, version: str) -> str:
        """The release's page."""
        return f"https://github.com/{self.name}/releases/tag/v{version}"


class GitHubReleases:
    """Reads the notes of one version from GitHub."""

    def __init__(self, http: httpx.AsyncClient, repository: Repository, version: str) -> None:
        self._http = http
        self._repository = repository
        self._version = version
        self._notes = ""
        self._read_at: float | None = None
        self._turn = trio.Lock()

    async def notes(self) -> str:
        """The notes; empty where GitHub has none, or does not answer."""
        async with self._turn:
            now = trio.current_time()
            if self._read_at is None or now - self._read_at >= KEPT:
                self._notes = await self._read()
                self._read_at = trio.current_time()
            return self._notes

    async def _read(self) -> str:
        try:
            with trio.fail_after(WITHIN):
                return await self._ask()
        except (httpx.HTTPError, trio.TooSlowError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning(
                "the release could not be read from GitHub; the bundled changelog is shown",
                extra={"event": "release_unread", "error": type(error).__name__},
            )
            return ""

    async def _ask(self) -> str:
        repository = self._repository
        headers = {"Accept": "application/vnd.github+json", "User-Agent": "alphapy"}
        if repository.token is not None:
            headers["Authorization"] = f"Bearer {repository.token.reveal()}"
        url = f"{repository.api}/repos/{repository.name}/releases/tags/v{self._version}"
        body = bytearray()
        async with self._http.stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=WITHIN
        ) as answer:
            async for part in answer.aiter_bytes():
                body += part[: LONGEST + 1 - len(body)]
        if answer.status_code != httpx.codes.OK:
            log.info(
                "GitHub has no such release",
                extra={"event": "release_missing", "status": answer.status_code},
            )
            return ""
        return well_formed(msgspec.json.decode(bytes(body), type=_Release).body or "").strip()


def bundled(version: str) -> str:
    """The section of this version in the changelog that came with the package; empty without one."""
    package = Path(str(alphapy.__file__)).parent
    for place in (package.parent / "CHANGELOG.md", package / "CHANGELOG.md"):
        if place.is_file():
            return release_notes.section(place.read_text(encoding="utf-8"), version)
    return ""


class ReleaseCommand:
    """The handler."""

    def __init__(self, wiring: Wiring) -> None:
        config = wiring.config
        self._info: ServiceInfo = wiring.info
        self._clock = wiring.clock
        self._repository = Repository.of(config.github_repo, config.github_token, GITHUB_API)
        self._releases = (
            None
            if self._repository is None
            else GitHubReleases(wiring.outside, self._repository, wiring.info.version)
        )

    def command(self) -> Command:
        """The declaration."""
        return Command(
            name="release",
            description="Show what is new in this version",
            handler=self._show,
            ephemeral=False,
            cooldown=Cooldown(per_seconds=30, by=CooldownBy.CHANNEL),
        )

    async def _show(self, invocation: Invocation) -> None:
        await invocation.defer(ephemeral=False)
        version = self._info.version
        notes = "" if self._releases is None else await self._releases.notes()
        if not notes:
            notes = await trio.to_thread.run_sync(bundled, version)
        link = ""
        if self._repository is not None:
            link = f"\n\n[The release at GitHub]({self._repository.page(version)})"
        short = release_notes.shorten(notes, DESCRIPTION - len(link))
        if not short:
            await invocation.reply(f"There are no release notes for version {version}.")
            return
        embed = Embed(
            title=f"What is new in version {version}",
            description=short + link,
            color=Colour.INFO,
            footer=f"v{version} — {self._info.codename}",
            timestamp=self._clock.now(),
        )
        await invocation.reply(OutgoingMessage(embeds=(embed,)))
