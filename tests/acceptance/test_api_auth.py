"""Who may call, against the whole service: spec/api.md 10, scenarios 7, 10, 11, 18, 19, 21, 25 and 27.

Scenario 7 is about a route for reminders, which is not there yet: it is played at the level of the
authenticator, with the database really away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import httpx
import pytest
import trio
from playwright.sync_api import Page, expect

from alphapy.bot_process import free_port
from alphapy.pure.ids import GuildId, UserId
from alphapy.sandbox.oauth2.grants import client_secret
from alphapy.service import Service
from alphapy.storage import links
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool
from alphapy.web.auth.authenticator import authenticator
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError
from tests.sandbox.page.browser import Chromium, executable
from tests.support.bot import JSON, Stage, stage
from tests.support.outage import outage
from tests.support.waiting import wait_until
from tests.web.auth.minting import ADA, SECRET, handmade, hs256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.postgres import Databases

KEY = "the-service-key"
HOOKS = "the-secret-of-webhooks"
MARGARET = UUID("0a0a0a0a-0000-4000-8000-000000000002")
WITHIN_MS = 20_000


def production(database_url: str, **more: str) -> dict[str, str]:
    """A deployment on the open internet."""
    return {
        "APP_ENV": "production",
        "DATABASE_URL": database_url,
        "API_KEY": KEY,
        "SUPABASE_JWT_SECRET": SECRET,
        "APP_REFLECTIONS_WEBHOOK_SECRET": HOOKS,
        **more,
    }


@attrs.define
class Door:
    """The service, and a client without any proof."""

    stage: Stage
    service: Service
    http: httpx.AsyncClient
    pool: Pool

    @property
    def guild(self) -> str:
        return f"/api/dashboard/settings/{self.stage.demo.guild_id}"

    async def status(self, path: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await self.http.get(path, headers=named)).status_code

    async def by_token(self, path: str, token: str) -> int:
        return await self.status(path, Authorization=f"Bearer {token}")

    async def link(self, username: str, subject: UUID) -> None:
        async with self.pool.transaction("test") as tx:
            await links.link(tx, subject, UserId(self.stage.demo.users[username]), "test")

    async def hook(self, path: str, body: JSON, raw: bytes | None = None, **headers: str) -> httpx.Response:
        """A delivery, signed as a sender would; ``raw`` is sent in its place."""
        signed = json.dumps(body).encode()
        signature = hmac.new(HOOKS.encode(), signed, hashlib.sha256).hexdigest()
        named = {"X-Webhook-Signature": f"sha256={signature}"} | headers
        return await self.http.post(f"/webhooks/{path}", content=raw or signed, headers=named)

    def said_to(self, username: str) -> list[str]:
        """What the bot has written to somebody privately."""
        world, user_id = self.stage.demo.world, self.stage.demo.users[username]
        found = world.guilds.open_direct(self.stage.demo.application_id, user_id)
        person = self.stage.person(username)
        return [message["content"] for message in person.visible_messages(int(found["id"]))]


@asynccontextmanager
async def opened(played: Stage) -> AsyncIterator[Door]:
    async with played.bot() as service:
        await wait_until(lambda: service.gateway_ready, what="the guilds")
        base = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            yield Door(played, service, http, service.pool)


@asynccontextmanager
async def door(database_url: str, environment: dict[str, str]) -> AsyncIterator[Door]:
    async with stage(database_url, environment=environment) as played, opened(played) as here:
        yield here


def instant(seconds: float) -> float:
    return datetime.now(UTC).timestamp() + seconds


def token(subject: UUID = ADA, **changes: Any) -> str:
    """A token of the present day."""
    claimed: dict[str, Any] = {"sub": str(subject), "iat": instant(-5), "exp": instant(600)}
    return hs256(**claimed | changes)


async def test_07_somebody_elses_subject_is_refused_before_the_database_is_asked(
    databases: Databases, database_url: str
) -> None:
    async with door(database_url, production(database_url)) as here:
        judge = authenticator(here.service._sources())

        @attrs.frozen
        class Request:
            peer: str = "203.0.113.9"

            def header(self, name: str) -> str | None:
                return f"Bearer {token()}" if name == "Authorization" else None

        async def refusal(claimed: str) -> tuple[int, str]:
            with pytest.raises(ApiError) as caught:
                await judge.identify(Request(), Access.LINK, claimed=claimed)
            return caught.value.status, caught.value.code

        assert await refusal(str(ADA)) == (403, "not_linked")
        async with outage(databases, database_url):
            assert await refusal(str(MARGARET)) == (403, "forbidden")
            assert await refusal("ada") == (403, "forbidden")
            with pytest.raises(DatabaseUnavailable):
                await judge.identify(Request(), Access.LINK, claimed=str(ADA).upper())


async def test_10_and_27_tokens(database_url: str) -> None:
    async with door(database_url, production(database_url)) as here:
        await here.link("ada", ADA)
        await here.link("margaret", MARGARET)
        assert await here.by_token(here.guild, token()) == 200
        for bad in (
            token(exp=instant(-60)),
            token(aud="anon"),
            handmade(
                {"alg": "none", "typ": "JWT"}, {"sub": str(ADA), "exp": instant(600), "aud": "authenticated"}
            ),
            token()[:-4] + "AAAA",
        ):
            assert await here.by_token(here.guild, bad) == 401
        guild_id = here.stage.demo.guild_id
        for path in (f"/api/dashboard/metrics?guild_id={guild_id}", here.guild):
            assert await here.by_token(path, token(MARGARET)) == 403
            assert await here.by_token(path, token()) == 200
        assert await here.by_token("/api/dashboard/metrics", token(MARGARET)) == 403
        assert await here.by_token(f"/api/dashboard/metrics?guild_id={GuildId(1)}", token()) == 403


async def test_11_the_service_names_who_acts(database_url: str) -> None:
    async with door(database_url, production(database_url)) as here:
        users = here.stage.demo.users

        async def status(user: object, key: str = KEY) -> int:
            return await here.status(here.guild, X_Api_Key=key, X_Discord_User_Id=str(user))

        assert await status("abc") == 400
        assert await status(users["ada"]) == 200, "she owns the server"
        assert await status(users["linus"]) == 200, "he has a role with ADMINISTRATOR"
        assert await status(users["margaret"]) == 403
        assert await status(users["linus"], "wrong") == 401
        role_id = here.stage.demo.roles["Administrator"]
        world = here.stage.demo.world
        world.members.set_role(users["ada"], here.stage.demo.guild_id, users["linus"], role_id, has=False)

        async def refused() -> bool:
            return await status(users["linus"]) == 403

        await wait_until(refused, what="the loss of the role to be noticed")


async def test_18_one_byte_changed_is_another_body(database_url: str) -> None:
    async with door(database_url, production(database_url)) as here:
        pair = {"discord_user_id": str(here.stage.demo.users["ada"]), "innersync_user_id": str(ADA)}
        body = json.dumps(pair).encode()
        digit = next(place for place, byte in enumerate(body) if byte in b"123456789")
        changed = body[:digit] + bytes([body[digit] ^ 1]) + body[digit + 1 :]
        answer = await here.hook("discord-link", pair, changed)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        async with here.pool.transaction("test") as tx:
            assert await tx.fetch_value("SELECT count(*) FROM alphapy_discord_links") == 0


async def test_19_production_serves_no_webhook_without_a_secret(database_url: str) -> None:
    environment = production(database_url)
    del environment["APP_REFLECTIONS_WEBHOOK_SECRET"]
    body = {"user_id": "x"}
    async with stage(database_url, environment=environment) as played:
        async with opened(played) as here:
            for path in ("founder", "legal-update", "discord-link"):
                answer = await here.hook(path, body)
                assert (answer.status_code, answer.json()["code"]) == (503, "secret_not_configured")
        played.environment = environment | {"APP_ENV": "development"}
        async with opened(played) as here:
            assert (await here.hook("founder", body)).status_code == 400, "it is looked at"


async def test_21_a_link_is_made_once_and_told_once(database_url: str) -> None:
    async with door(database_url, production(database_url)) as here:
        users = here.stage.demo.users
        pair = {"discord_user_id": str(users["margaret"]), "innersync_user_id": str(MARGARET)}
        statuses = [(await here.hook("discord-link", pair)).json()["status"] for _ in range(3)]
        assert statuses == ["ok", "noop", "noop"]
        taken = await here.hook("discord-link", pair | {"discord_user_id": str(users["ada"])})
        assert (taken.status_code, taken.json()["code"]) == (409, "link_conflict")
        await wait_until(lambda: len(here.said_to("margaret")) >= 1, what="the message")
        unlinked = await here.hook("discord-link", pair | {"event": "unlink"})
        assert unlinked.json()["status"] == "ok"
        await wait_until(lambda: len(here.said_to("margaret")) >= 2, what="the second message")
        linked, parted = here.said_to("margaret")
        assert ("now linked" in linked, "no longer linked" in parted) == (True, True)
        assert here.said_to("ada") == []


async def test_25_a_founder_is_welcomed_once(database_url: str) -> None:
    async with door(database_url, production(database_url)) as here:
        body = {"user_id": str(here.stage.demo.users["grace"])}
        for _ in range(2):
            answer = await here.hook("founder", body)
            assert (answer.status_code, answer.json()["status"]) == (200, "acknowledged")
        (welcome,) = here.said_to("grace")
        assert "Welcome, founder!" in welcome


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    found = executable()
    if found is None:
        pytest.skip("no Chromium on this machine")
    browser = Chromium(found)
    yield browser
    browser.close()


def sign_in(page: Page, name: str) -> None:
    """Click through Discord as somebody."""
    page.get_by_role("link", name="Sign in with Discord").click()
    page.get_by_role("button", name=name, exact=True).click()


def visit(base: str, chromium: Chromium) -> None:
    assert chromium.browser is not None
    context = chromium.browser.new_context()
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(f"{base}/console/actors")
        sign_in(page, "Margaret")
        expect(page.get_by_role("heading", level=1)).to_have_text("For this bot's owners")
        page.get_by_role("link", name="Sign in again").click()
        sign_in(page, "Cancel")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not signed in")
        page.goto(f"{base}/console/actors")
        sign_in(page, "Ada")
        expect(page).to_have_url(f"{base}/console/actors")
        page.get_by_role("link", name="Overview").click()
        expect(page.locator("#live-state")).to_have_text("Live")
        page.get_by_role("link", name="Sign out Ada").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.goto(f"{base}/console")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    finally:
        context.close()
    assert complaints == []


@pytest.mark.browser
async def test_a_person_signs_in_to_the_console_by_clicking(database_url: str, chromium: Chromium) -> None:
    """As ``alphapy sandbox`` sets it up: the demo's owner gets in, and a member does not."""
    port = free_port()
    async with stage(database_url) as played:
        application_id = played.demo.application_id
        played.environment = {
            "PORT": str(port),
            "DISCORD_CLIENT_ID": str(application_id),
            "DISCORD_CLIENT_SECRET": client_secret(application_id),
            "DISCORD_OAUTH_REDIRECT_URI": f"http://127.0.0.1:{port}/api/auth/discord/callback",
        }
        async with played.bot():
            script = partial(visit, f"http://127.0.0.1:{port}", chromium)
            await trio.to_thread.run_sync(chromium.call, script)
